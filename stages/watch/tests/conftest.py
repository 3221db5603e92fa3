"""A real MLflow server, small datasets whose remedies a test chooses, and champions as register leaves them."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from shared import archive, names
from shared.alert import render_notification
from shared.artifacts import SPLITS, UNCOVERED_ALERTS, ChatDataset
from shared.function_call import Call
from shared.prompt import INSTRUCTION, PromptFile, render_completion
from stages.watch.contract import Inputs, Outputs
from stages.watch.main import run
from tests import samples
from tests.mlflow_server import mlflow_server as mlflow_server

COMMIT = samples.COMMIT
RESTART, SCALE = "pod-restart", "scale-deployment"
REMEDIES = {"Down": RESTART, "Busy": SCALE, "Stuck": RESTART, "Full": SCALE, "Slow": RESTART}
VERSION = "v20251224-01234567"
TRAIN = "0.3.1"
TEST_ROWS = 2  # of each alert
_agents = (f"agent-{number}" for number in itertools.count(1))


@pytest.fixture(autouse=True)
def environment(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server alone is there; no test runs as an execution."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    for name in ("FLYTE_INTERNAL_EXECUTION_ID", "PROMETHEUS_URL", "PROMETHEUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class World:
    """An agent of its own on the server, and a folder for its datasets."""

    client: MlflowClient
    folder: Path
    agent: str = field(default_factory=lambda: next(_agents))

    def dataset(
        self, remedies: Mapping[str, str] = REMEDIES, commit: str = COMMIT, instruction: str = INSTRUCTION
    ) -> ChatDataset:
        """Writes the dataset of a runbook that has a remedy for each alert; a prompt does not depend on the remedy."""
        folder = self.folder / f"dataset-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        prompt = PromptFile.render(samples.FUNCTIONS, samples.NAMES, instruction)
        for split in SPLITS:
            rows = [_row(prompt, *pair, f"{split}-{n}") for pair in remedies.items() for n in range(TEST_ROWS)]
            write_lines(folder / f"{split}.jsonl", rows)
        (folder / "prompt.json").write_text(prompt.to_json())
        (folder / "agent.json").write_text(json.dumps(samples.AGENT | {"agent": self.agent, "commit": commit}))
        (folder / "card.json").write_text(json.dumps({"alerts": {name: {} for name in remedies}, "skipped": []}))
        return ChatDataset(folder)

    def with_uncovered(self, dataset: ChatDataset, *alerts: str) -> ChatDataset:
        """Adds rows of alerts that nothing covers, as dataset does, and returns it."""
        idle = {"call": "null", "function": "", "completion": "No call is due.<end_of_turn>\n"}
        rows = [
            _row(dataset.prompt(), alert, RESTART, f"test-{n}") | idle for alert in alerts for n in range(TEST_ROWS)
        ]
        write_lines(dataset.path / f"{UNCOVERED_ALERTS}.jsonl", [row | {"uncovered": True} for row in rows])
        card = json.loads((dataset.path / "card.json").read_text())
        card["alerts"] |= {alert: {"train": 0, "test": 0, UNCOVERED_ALERTS: TEST_ROWS} for alert in alerts}
        (dataset.path / "card.json").write_text(json.dumps(card))
        return dataset

    def trained(self, dataset: ChatDataset, right: int | None = None, **tags: str) -> str:
        """Leaves a finished run about a model as register does; returns its id. right: of how many rows; None: all."""
        answers = [row["completion"] for row in dataset.rows("test")]
        count = len(answers) if right is None else right
        told = [*answers[:count], *["no idea<end_of_turn>\n"] * (len(answers) - count)]
        found = self.client.get_experiment_by_name(names.experiment(self.agent))
        experiment = found.experiment_id if found else self.client.create_experiment(names.experiment(self.agent))
        lineage = {names.DATASET_TAG: archive.digest(dataset.path), "runbook_commit": dataset.agent()["commit"]}
        version = {names.VERSION_TAG: VERSION, names.CONTENT_TAG: f"content of {VERSION}", "stage.train": TRAIN}
        made = self.client.create_run(experiment, tags=version | lineage | tags).info.run_id
        rows = [*zip(dataset.rows("test"), told, strict=True), *((row, "") for row in dataset.rows(UNCOVERED_ALERTS))]
        predictions = [
            {"id": row["id"], "expected": row["call"], "base": "", "tuned": text, **_asked(row)} for row, text in rows
        ]
        file = write_lines(self.folder / "predictions.jsonl", predictions)
        self.client.log_artifact(made, str(file), "evaluation")
        for name in ("agent.json", "card.json"):
            self.client.log_artifact(made, str(dataset.path / name), "dataset")
        self.client.set_terminated(made)
        return str(made)

    def registered(self, run_id: str, status: str = names.PUBLISHED, decision: str = "good") -> str:
        """Registers the model of a run; returns MLflow's number of the version."""
        model, tags = names.registered_model(self.agent), self.client.get_run(run_id).data.tags
        if not self.client.search_registered_models(f"name = '{model}'"):
            self.client.create_registered_model(model)
        kept = {tag: tags[tag] for tag in (names.VERSION_TAG, names.CONTENT_TAG)}
        told = kept | {names.STATUS_TAG: status, names.DECISION_TAG: decision}
        return str(self.client.create_model_version(model, f"runs:/{run_id}/model", run_id, tags=told).version)

    def champion(self, dataset: ChatDataset, right: int | None = None) -> str:
        """Makes a champion of dataset and returns its run's id."""
        run_id = self.trained(dataset, right)
        self.client.set_registered_model_alias(
            names.registered_model(self.agent), names.CHAMPION, self.registered(run_id)
        )
        return run_id

    def watch(self, dataset: ChatDataset, **settings: Any) -> Outputs:
        """Runs the stage as the launch plan of watch does."""
        return run(Inputs(dataset, **{"trigger": "watch", "train_version": TRAIN, **settings}), self.folder)

    def records(self) -> list[dict[str, Any]]:
        """Returns what was remembered, the first one first: the tags, the metrics, and the status."""
        experiment = self.client.get_experiment_by_name(names.watch_experiment(self.agent))
        runs = self.client.search_runs([experiment.experiment_id], order_by=["start_time"]) if experiment else []
        return [run.data.tags | run.data.metrics | {"run_status": run.info.status} for run in runs]


@pytest.fixture
def world(mlflow_server: str, tmp_path: Path) -> Iterator[World]:
    """An agent whose champion has everything right."""
    (tmp_path / "world").mkdir()
    made = World(MlflowClient(mlflow_server, registry_uri=mlflow_server), tmp_path / "world")
    made.champion(made.dataset())
    yield made


@pytest.fixture
def newcomer(mlflow_server: str, tmp_path: Path) -> World:
    """An agent of which MLflow knows nothing."""
    (tmp_path / "newcomer").mkdir()
    return World(MlflowClient(mlflow_server, registry_uri=mlflow_server), tmp_path / "newcomer")


def write_lines(file: Path, objects: Iterable[dict[str, Any]]) -> Path:
    """Writes JSON lines and returns the file."""
    file.write_text("".join(json.dumps(value) + "\n" for value in objects))
    return file


def _asked(row: Mapping[str, Any]) -> dict[str, str]:
    return {"split": UNCOVERED_ALERTS if "uncovered" in row else "test", "alert": row["alert"]}


def _row(prompt: PromptFile, alert: str, function: str, name: str) -> dict[str, Any]:
    arguments = {"name": name, "namespace": "web"} if function == RESTART else {"name": name, "replicas": 3}
    text = prompt.prompt(render_notification({"labels": {"alertname": alert, "deployment": name, "namespace": "web"}}))
    return {
        "id": hashlib.sha256(text.encode()).hexdigest()[:16],
        "prompt": text,
        "completion": render_completion([samples.NAMES.to_model(Call(function, arguments))]),
        "alert": alert,
        "function": function,
        "call": json.dumps({"name": function, "arguments": arguments}, sort_keys=True),
    }

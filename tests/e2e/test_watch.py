"""watch on what the real stages leave in MLflow: the champion is published, the runbook is edited, and trained again.

The model is made by hand, and with it the answers of a champion that has everything right: what watch reads of it is
what register and publish wrote.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from git import Repo

from shared import archive, contract
from shared.artifacts import ChatDataset, Evaluation
from tests import samples
from workflows.local import process
from workflows.local.demo import demo_repository
from workflows.local.execution import ROOT, Execution
from workflows.placement import read_image, read_placement

AGENT = "agent-bruno"
RUNBOOK = f"flux/ai/{AGENT}/docs/RUNBOOK.md"
SHORT, CACHED = "brunoctl mode set short", "brunoctl mode set cached"  # the remedies of two alerts


class World:
    """A Git remote, a store and an MLflow server; stages run as `make run` runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gitops = demo_repository(folder / "gitops.git")
        self.count = 0

    def stage(self, name: str, **inputs: Any) -> dict[str, Any]:
        """Runs a stage with its defaults and returns its outputs."""
        self.count += 1
        declared = contract.load(name)
        values = {field.name: inputs.get(field.name, field.default) for field in declared.inputs}
        folder = self.folder / f"{self.count}-{name}"
        return process.run_stage(Execution(declared, folder, read_placement(name), read_image(name)), values)

    def dataset(self) -> Path:
        """Makes today's dataset."""
        return Path(self.stage("dataset", agent_name=AGENT, repository=str(self.gitops))["dataset"])

    def train(self, dataset: Path, weights: bytes, accuracy: float = 1.0, **inputs: Any) -> str:
        """Registers a model that has every test row right, and publishes it where it is told to be accurate enough.

        Returns its version.
        """
        made = self.folder / f"made-{weights.hex()}"
        archive.unpack(dataset, made / "dataset")
        model = samples.write_model(made / "model", weights)
        for name in ("prompt.json", "calls.json"):
            shutil.copyfile(made / "dataset" / name, model.path / name)
        artefacts = {
            "dataset": dataset,
            "model": model.path,
            "adapters": samples.write_adapters(made / "adapters").path,
            "metrics": samples.write_metrics(made / "metrics.json").path,
            "evaluation": right_evaluation(ChatDataset(made / "dataset"), made / "evaluation", accuracy).path,
        }
        registered = self.stage("register", **artefacts, **inputs)
        self.stage("publish", **artefacts, **registered, repository=str(self.gitops), minimum_accuracy=0.8)
        return str(registered["model_version"])

    def edit_runbook(self) -> None:
        """Gives two alerts each other's remedies."""
        with TemporaryDirectory() as folder, Repo.clone_from(self.gitops, folder) as clone:
            file = Path(folder) / RUNBOOK
            text = file.read_text()
            assert (text.count(SHORT), text.count(CACHED)) == (1, 1)
            file.write_text(text.replace(SHORT, "\0").replace(CACHED, SHORT).replace("\0", CACHED))
            clone.git.add("--all")
            clone.git.execute(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "Edit"])
            clone.remote().push("main").raise_if_error()

    def make_watch(self, *settings: str) -> "subprocess.CompletedProcess[str]":
        """Runs what `make watch` runs."""
        command = [
            sys.executable,
            "-m",
            "workflows.local.watching",
            f"AGENT={AGENT}",
            f"GITOPS={self.gitops}",
            *settings,
        ]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def right_evaluation(dataset: ChatDataset, folder: Path, accuracy: float) -> Evaluation:
    """Writes the evaluation of a model that has every test row right; accuracy: what its report tells."""
    evaluation = samples.write_evaluation(folder, accuracy)
    told = [
        {"id": row["id"], "expected": row["call"], "base": "", "tuned": row["completion"]}
        for row in dataset.rows("test")
    ]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(prediction) + "\n" for prediction in told))
    return evaluation


@pytest.fixture
def world(tmp_path: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> World:
    (tmp_path / "store").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("STORE_URI", f"file://{tmp_path}/store")
    monkeypatch.setenv("AGENT_TRAINING_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("FLYTE_INTERNAL_EXECUTION_ID", raising=False)
    return World(tmp_path)


@pytest.mark.long
def test_an_edited_runbook_is_seen_and_trained_once(world: World) -> None:
    made = world.dataset()
    champion = world.train(made, b"first")
    rows = len(ChatDataset(world.folder / f"made-{b'first'.hex()}" / "dataset").rows("test"))
    asked = {"trigger": "schedule", "retrain_below": 0.9, "train_version": contract.load("train").version}
    calm = world.stage("watch", dataset=world.dataset(), **asked)
    assert calm["retrain"] is False
    assert calm["reason"].startswith(f"nothing to do: {champion} has {rows} of {rows} rows right today (1.00, at least")
    assert "was trained on today's rows" in calm["reason"]

    world.edit_runbook()
    edited = world.dataset()
    fallen = world.stage("watch", dataset=edited, **asked)
    right = round(fallen["champion_accuracy"] * rows)
    assert fallen["retrain"] is True and right < rows
    assert fallen["reason"].startswith(f"{champion} has {right} of {rows} rows right today ({right / rows:.2f}, below")

    looked = world.make_watch("RETRAIN_BELOW=0.9")
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.startswith("Retrain   no\nReason    not again before ")
    assert f"\nAccuracy  {right / rows:.1%} of the champion's stored answers are right today\n" in looked.stdout
    assert looked.stdout.endswith(f"\nCause     {fallen['cause']}\n")

    why = {"cause": fallen["cause"], "reason": fallen["reason"]}
    rejected = world.train(edited, b"second", accuracy=0.5, **why)
    again = world.stage("watch", dataset=edited, **asked | {"cool_down_hours": 0.0})
    assert (again["retrain"], again["cause"]) == (False, fallen["cause"])
    assert again["reason"].startswith(f"trained for this already: {rejected}, rejected: accuracy 0.50 on {rows} rows")

    successor = world.train(edited, b"third", **why)
    calm = world.stage("watch", dataset=world.dataset(), **asked)
    assert calm["reason"].startswith(
        f"nothing to do: {successor} has {rows} of {rows} rows right today (1.00, at least"
    )


@pytest.mark.parametrize(
    ("setting", "code", "told"),
    [
        ("AGENT=agent-x", 2, "watch: there is no agent agent-x in flux/ai of the repository"),
        ("RETRAIN_BELO=1", 2, "watch: RETRAIN_BELO is no setting of a run; did you mean RETRAIN_BELOW?"),
        ("EXAMPLES_PER_ALERT=3", 1, "watch: it stopped at watch with exit code 1"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    world: World, monkeypatch: pytest.MonkeyPatch, setting: str, code: int, told: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere")
    ended = world.make_watch(setting)
    assert ended.returncode == code, ended.stderr
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr

"""What `make run` promises of the demo model, measured: minutes, not seconds (`make test-demo`)."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from git import Repo

from shared import archive, contract
from shared.artifacts import ChatDataset
from workflows.local.execution import ROOT, Execution, StageFailed
from workflows.local.process import run_stage
from workflows.local.run import local_services, workflow_inputs
from workflows.placement import read_image, read_placement

AGENTS = tuple((os.environ.get("AGENTS") or "agent-sre agent-bruno agent-auditor").split())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module", params=AGENTS)
def trained(request: pytest.FixtureRequest, runs: Path) -> dict[str, Any]:
    return run(runs, request.param)


def run(runs: Path, agent: str, *inputs: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "workflows.local.run", f"AGENT={agent}", *inputs]
    environment = {**os.environ, "AGENT_TRAINING_RUNS": str(runs)}
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800)
    assert finished.returncode == 0, finished.stderr
    folder = (runs / "latest").resolve()
    report = json.loads((folder / "evaluation" / "report.json").read_text())
    return {**json.loads((folder / "summary.json").read_text()), "folder": folder, "report": report}


def test_the_base_writes_valid_calls_and_training_makes_them_right(trained: dict[str, Any]) -> None:
    assert trained["report"]["base"]["valid_call_rate"] >= 0.8
    assert trained["accuracy_after"] >= 0.90
    assert trained["accuracy_after"] - trained["accuracy_before"] >= 0.20
    assert trained["outcome"].startswith("published v20251224-")


def test_it_reads_alerts_that_no_table_of_names_finds(trained: dict[str, Any]) -> None:
    tuned, lookup = trained["report"]["tuned"], trained["report"]["baselines"]["lookup"]
    assert share_right(tuned) >= share_right(lookup) + 0.20


def test_it_is_mostly_silent_where_no_call_is_due(trained: dict[str, Any]) -> None:
    before, after = (trained["report"][side]["model_alone"]["false_calls"] for side in ("base", "tuned"))
    assert after["rows"] >= 7
    assert after["share"] <= min(before["share"] - 0.5, 0.15)
    if trained["agent"] == "agent-sre":
        assert (
            trained["report"]["test_uncovered_alerts"]["rows"]
            == after["by_split"]["test_uncovered_alerts"]["rows"]
            > 15
        )


def share_right(scores: dict[str, Any]) -> float:
    """Returns the accuracy on rows whose alert has another name, or none."""
    found = [scores["per_alertname"][kind] for kind in ("renamed", "missing") if kind in scores["per_alertname"]]
    return sum(kind["right"] for kind in found) / sum(kind["rows"] for kind in found)


SHORT = ("ITERS=40", "MINIMUM_ACCURACY=0", "MAXIMUM_FALSE_CALLS=1", "MAXIMUM_MISSED_CALLS=1")


def test_a_second_run_changes_nothing(trained: dict[str, Any], tmp_path: Path) -> None:
    if trained["agent"] != AGENTS[0]:
        pytest.skip("one agent is enough")
    first, again = run(tmp_path, trained["agent"], *SHORT), run(tmp_path, trained["agent"], *SHORT)
    assert again["outcome"] == f"already published: {first['model_version']}"
    for output in ("train/outputs/adapters", "train/outputs/model"):
        assert (again["folder"] / output).read_bytes() == (first["folder"] / output).read_bytes()


def test_a_model_trained_on_shuffled_answers_is_rejected_and_changes_nothing(
    trained: dict[str, Any], runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trained["agent"] != AGENTS[0]:
        pytest.skip("one agent is enough")
    monkeypatch.setattr("workflows.local.run.RUNS", runs)
    for name, value in local_services().items():
        monkeypatch.setenv(name, value)
    before = seen_by_others(runs)
    inputs = workflow_inputs({"agent_name": trained["agent"]})
    inputs["dataset"] = shuffled(trained["folder"] / "dataset/outputs/dataset", tmp_path)
    inputs["iters"] = 100  # enough to learn the wrong answers
    inputs["base_model"] = inputs["model"] = trained["folder"] / "convert/outputs/model"
    for stage in ("train", "evaluate", "register", "publish"):
        inputs |= run_one(stage, inputs, tmp_path)
    assert inputs["approved"] is False
    assert inputs["outcome"] == f"rejected: {inputs['decision']}"
    assert "is below 0.80" in inputs["decision"]
    assert seen_by_others(runs) == before
    assert registered(runs, inputs["model_version"]) == {"status": "rejected", "decision": inputs["decision"]}


def run_one(stage: str, inputs: dict[str, Any], folder: Path) -> dict[str, Any]:
    declared = contract.load(stage)
    known = {field.name: inputs.get(field.name, field.default) for field in declared.inputs}
    return run_stage(Execution(declared, folder / stage, read_placement(stage), read_image(stage)), known)


def shuffled(dataset: Path, folder: Path) -> Path:
    """Gives every training row the answer of a row of another function, and leaves the test rows alone."""
    archive.unpack(dataset, folder / "rows")
    for split in ("train", "valid"):
        rows = ChatDataset(folder / "rows").rows(split)
        by_function = sorted(rows, key=lambda row: str(row["function"]))
        moved = by_function[len(rows) // 2 :] + by_function[: len(rows) // 2]
        answers = {row["id"]: other for row, other in zip(by_function, moved, strict=True)}
        mixed = [
            {**row, **{key: answers[row["id"]][key] for key in ("completion", "call", "function")}} for row in rows
        ]
        (folder / "rows" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in mixed))
    archive.pack(folder / "rows", folder / "shuffled")
    return folder / "shuffled"


def seen_by_others(runs: Path) -> tuple[str, list[str], list[Any]]:
    """Git's refs, the store's files, and MLflow's aliases."""
    with Repo(runs / "gitops.git") as repo, sqlite3.connect(runs / "mlflow" / "mlflow.db") as database:
        aliases = database.execute("select name, alias, version from registered_model_aliases order by 1, 2").fetchall()
        return str(repo.git.for_each_ref()), sorted(map(str, (runs / "store").rglob("*"))), aliases


def registered(runs: Path, version: str) -> dict[str, str]:
    with sqlite3.connect(runs / "mlflow" / "mlflow.db") as database:
        query = "select version from model_version_tags where key = 'model_version' and value = ?"
        (number,) = database.execute(query, (version,)).fetchone()
        tags = database.execute("select key, value from model_version_tags where version = ?", (number,)).fetchall()
    return {key: value for key, value in tags if key in ("status", "decision")}


def test_a_stage_that_runs_too_long_is_stopped(trained: dict[str, Any], tmp_path: Path) -> None:
    if trained["agent"] != AGENTS[0]:
        pytest.skip("one agent is enough")
    declared, placement = contract.load("train"), read_placement("train")
    known = {field.name: field.default for field in declared.inputs}
    known["dataset"], known["model"] = (
        trained["folder"] / "dataset/outputs/dataset",
        trained["folder"] / "convert/outputs/model",
    )
    known |= {"lora_layers": 2, "iters": 100_000}
    soon = replace(placement, timeout=placement.timeout / 7200)
    with pytest.raises(StageFailed, match="it ran longer than"):
        run_stage(Execution(declared, tmp_path / "train", soon, read_image("train")), known)

"""Every trigger's workflow: it asks watch, and trains where watch says so, in one graph."""

from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from shared import contract
from shared.contract import PIPELINE
from tests.stage_programs import OUTPUTS, arguments, write_outputs, write_programs
from workflows import agent_training, tasks
from workflows.local import process
from workflows.placement import read_image
from workflows.retraining import no_training, retraining, training

IMAGES = ImageConfig(default_image=Image("default", "unused", "unused"))
SETTINGS = SerializationSettings(project="p", domain="d", version="v", env={}, image_config=IMAGES)
TRAINED = sorted(("preflight", *PIPELINE, "watch"))


def serialised(entity: Any) -> dict[str, Any]:
    return dict(MessageToDict(get_serializable(OrderedDict(), SETTINGS, entity).template.to_flyte_idl()))


WORKFLOW = serialised(retraining)
NODES = {node["metadata"]["name"]: node for node in WORKFLOW["nodes"]}
BRANCHES = NODES["decision"]["branchNode"]["ifElse"]


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    monkeypatch.setenv(tasks.RUN_FOLDER, str(folder))
    monkeypatch.setenv("FLYTE_LOCAL_CACHE_ENABLED", "false")
    return folder


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree in which each stage is a small program."""
    monkeypatch.setattr(process, "ROOT", tmp_path / "tree")
    write_programs(tmp_path / "tree")
    return tmp_path / "tree"


def executed(run_folder: Path) -> list[str]:
    """Returns the stages that ran, once for each time."""
    return sorted(file.parent.name for file in run_folder.glob("*/stage.json"))


# ── the two branches ─────────────────────────────────────────────────────────────────────────────


def test_with_a_cause_each_stage_runs_once(tree: Path, run_folder: Path) -> None:
    result = retraining(agent_name="agent-sre", repository="/r")
    assert executed(run_folder) == TRAINED
    assert result.outcome == OUTPUTS["publish"]["outcome"]
    assert (result.retrain, result.reason) == (True, OUTPUTS["watch"]["reason"])
    assert (result.run_page, result.model_page) == (OUTPUTS["register"]["run_page"], "")


def test_without_a_cause_dataset_and_watch_alone_run(tree: Path, run_folder: Path) -> None:
    write_outputs(tree, "watch", {**OUTPUTS["watch"], "retrain": "false", "reason": "nothing to do: …"})
    result = retraining(agent_name="agent-sre", repository="/r")
    assert executed(run_folder) == ["dataset", "watch"]
    assert (result.outcome, result.retrain) == ("nothing to do: …", False)
    assert (result.model_version, result.run_page, result.model_page) == ("", "", "")
    assert (result.champion_accuracy, result.unseen_alerts) == (0.5, 2)


def test_the_training_uses_the_rows_that_watch_saw_and_records_its_cause(tree: Path, run_folder: Path) -> None:
    retraining(agent_name="agent-sre", repository="/r", iters=7, live_metric="up{job='a'}")
    assert arguments(run_folder, "train")["--dataset"] == str(run_folder / "dataset" / "outputs" / "dataset")
    assert arguments(run_folder, "train")["--iters"] == "7"
    registered = arguments(run_folder, "register")
    assert (registered["--cause"], registered["--reason"]) == ("0a1b", OUTPUTS["watch"]["reason"])


def test_watch_learns_who_asks_when_and_which_train_would_run(tree: Path, run_folder: Path) -> None:
    time = datetime(2025, 12, 28, 2, tzinfo=UTC)
    retraining(agent_name="agent-sre", repository="/r", trigger="schedule", kickoff_time=time, live_metric="up")
    given = arguments(run_folder, "watch")
    assert (given["--trigger"], given["--kickoff-time"]) == ("schedule", "2025-12-28T02:00:00Z")
    assert (given["--train-version"], given["--remember"]) == (read_image("train").version, "true")
    assert (given["--live-metric"], given["--force-retrain"]) == ("up", "false")


# ── the graph ────────────────────────────────────────────────────────────────────────────────────


def test_one_decision_stands_behind_dataset_and_watch() -> None:
    assert list(NODES) == ["dataset", "watch", "decision"]
    condition = BRANCHES["case"]["condition"]["comparison"]
    assert "operator" not in condition  # EQ, the first of the enumeration
    assert condition["rightValue"]["primitive"] == {"boolean": True}
    assert condition["leftValue"]["var"].endswith("retrain")


def test_each_branch_is_a_workflow_without_a_condition() -> None:
    assert BRANCHES["case"]["thenNode"]["workflowNode"]["subWorkflowRef"]["name"] == training.name
    assert BRANCHES["elseNode"]["workflowNode"]["subWorkflowRef"]["name"] == no_training.name
    for branch in (training, no_training):
        nodes = serialised(branch)["nodes"]
        assert nodes  # Flyte refuses a workflow without any
        assert not [node for node in nodes if "branchNode" in node]


def test_both_branches_give_the_same_and_outcome_comes_first() -> None:
    outputs = [list(branch.python_interface.outputs) for branch in (training, no_training)]
    assert outputs[0] == outputs[1]
    assert next(iter(retraining.python_interface.outputs)) == outputs[0][0] == "outcome"
    assert [entry["var"] for entry in WORKFLOW["outputs"]] == list(retraining.python_interface.outputs)


def test_the_training_has_the_stages_behind_dataset() -> None:
    names = [node["metadata"]["name"] for node in serialised(training)["nodes"]]
    assert names == ["preflight", *PIPELINE[1:]]
    whole = {node["metadata"]["name"]: node for node in serialised(agent_training.agent_training_pipeline)["nodes"]}
    for node in serialised(training)["nodes"]:
        assert node["taskNode"] == whole[node["metadata"]["name"]]["taskNode"]


def test_what_watch_and_the_stages_take_can_be_given_at_a_start() -> None:
    fields = {field.name: field for stage in contract.STAGES for field in contract.load(stage).inputs}
    asked = retraining.python_interface.inputs.keys()
    made = {field.name for stage in contract.STAGES for field in contract.load(stage).outputs}
    scalars = {name for name, field in fields.items() if not field.artifact}
    assert asked == scalars - made - {"train_version", "remember"}

"""Whether an image fits the workflow, and which part of the version a change of a contract demands."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared import contract
from shared.errors import StageError
from workflows.interface import LABEL, Interface, check_hands_over, check_image, demanded_part, misfits, of_tree

TREE: dict[str, Any] = {
    "stage": "train",
    "version": "0.2.0",
    "inputs": [{"name": "dataset", "type": "ChatDataset"}, {"name": "rank", "type": "int", "default": 8}],
    "outputs": [{"name": "model", "type": "MlxModel"}, {"name": "loss", "type": "float"}],
    "environment": [{"name": "STORE_URI", "required": True}],
}
Change = Callable[[dict[str, Any]], Any]
TREE_INTERFACE = Interface.model_validate(TREE)


def changed(change: Change, version: str = "0.1.0") -> Interface:
    described = json.loads(json.dumps(TREE)) | {"version": version}
    change(described)
    return Interface.model_validate(described)


BREAKING: list[tuple[Change, str]] = [
    (lambda c: c["inputs"].pop(1), "train 0.1.0 has no input rank, which the workflow passes"),
    (
        lambda c: c["inputs"][1].update(type="float"),
        "train 0.1.0 takes the input rank as float, which the workflow passes as int",
    ),
    (
        lambda c: c["inputs"].append({"name": "scale", "type": "float"}),
        "train 0.1.0 requires the input scale, which the workflow does not pass",
    ),
    (lambda c: c["outputs"].pop(0), "train 0.1.0 has no output model, which the workflow takes"),
    (
        lambda c: c["outputs"][1].update(type="str"),
        "train 0.1.0 gives the output loss as str, which the workflow takes as float",
    ),
    (
        lambda c: c["environment"].append({"name": "HF_TOKEN", "required": True}),
        "train 0.1.0 requires the environment variable HF_TOKEN, which the workflow does not set",
    ),
]
ADDING: list[tuple[Change, str]] = [
    (lambda c: c["inputs"].append({"name": "x", "type": "str", "default": ""}), "the input x is new"),
    (lambda c: c["inputs"].append({"name": "x", "type": "str", "default": None}), "the input x is new"),
    (lambda c: c["outputs"].append({"name": "x", "type": "str"}), "the output x is new"),
]
EQUAL: list[Change] = [
    lambda c: None,
    lambda c: c["inputs"].reverse(),
    lambda c: c["inputs"][1].update(default=9, description="other words"),
    lambda c: c["environment"].clear(),
    lambda c: c["environment"].append({"name": "HF_TOKEN"}),
    lambda c: c.update(title="other words"),
]


@pytest.mark.parametrize(("change", "reason"), BREAKING)
def test_an_image_that_the_workflow_cannot_run_is_refused_by_name(change: Change, reason: str) -> None:
    assert misfits(changed(change), TREE_INTERFACE) == [reason]


@pytest.mark.parametrize("change", [*(change for change, _ in ADDING), *EQUAL])
def test_an_image_may_have_more_than_the_workflow_uses(change: Change) -> None:
    assert misfits(changed(change), TREE_INTERFACE) == []


PROGRAM = {"stage": "preflight", "version": "0.2.0", "inputs": [], "outputs": [], "environment": []}
WITH_PROGRAM = Interface.model_validate(TREE | {"programs": [PROGRAM]})


def test_an_image_without_a_program_that_the_workflow_runs_is_refused() -> None:
    assert misfits(TREE_INTERFACE, WITH_PROGRAM) == ["train 0.2.0 has no program preflight, which the workflow runs"]
    assert misfits(WITH_PROGRAM, TREE_INTERFACE) == []


def test_a_program_that_does_not_fit_is_told_as_a_stage_is() -> None:
    wanting = changed(lambda c: c.update(programs=[PROGRAM | {"inputs": [{"name": "x", "type": "str"}]}]))
    reason = "preflight 0.2.0 requires the input x, which the workflow does not pass"
    assert misfits(wanting, WITH_PROGRAM) == [reason]
    assert demanded_part(WITH_PROGRAM, wanting) == ("major", [reason])


def test_a_new_program_and_a_new_output_of_one_demand_a_minor_version() -> None:
    assert demanded_part(TREE_INTERFACE, WITH_PROGRAM) == ("minor", ["the program preflight is new"])
    more = changed(lambda c: c.update(programs=[PROGRAM | {"outputs": [{"name": "x", "type": "str"}]}]))
    assert demanded_part(WITH_PROGRAM, more) == ("minor", ["the output x is new"])


def test_all_reasons_are_named_at_once() -> None:
    def rename(described: dict[str, Any]) -> None:
        described["inputs"][1] = {"name": "lora_rank", "type": "int"}
        described["outputs"].pop()

    assert misfits(changed(rename), TREE_INTERFACE) == [
        "train 0.1.0 has no input rank, which the workflow passes",
        "train 0.1.0 requires the input lora_rank, which the workflow does not pass",
        "train 0.1.0 has no output loss, which the workflow takes",
    ]


@pytest.mark.parametrize(("change", "reason"), BREAKING)
def test_what_breaks_a_user_demands_a_major_version(change: Change, reason: str) -> None:
    assert demanded_part(TREE_INTERFACE, changed(change)) == ("major", [reason])


def test_an_input_that_loses_its_default_demands_a_major_version() -> None:
    new = changed(lambda c: c["inputs"][1].pop("default"))
    assert misfits(new, TREE_INTERFACE) == []
    assert demanded_part(TREE_INTERFACE, new) == ("major", ["the input rank has lost its default"])


@pytest.mark.parametrize(("change", "reason"), ADDING)
def test_what_is_new_demands_a_minor_version(change: Change, reason: str) -> None:
    assert demanded_part(TREE_INTERFACE, changed(change)) == ("minor", [reason])


@pytest.mark.parametrize("change", EQUAL)
def test_everything_else_demands_a_patch(change: Change) -> None:
    assert demanded_part(TREE_INTERFACE, changed(change)) == ("patch", [])


@pytest.mark.parametrize("stage", contract.STAGES)
def test_the_tree_s_own_image_fits(stage: str) -> None:
    described = contract.load(stage).describe()
    check_image(stage, described["version"], {LABEL: json.dumps(described)})


def label(**others: Any) -> dict[str, str]:
    return {LABEL: json.dumps(contract.load("train").describe() | others)}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({}, f"the image of train has no label {LABEL}, so that its contract is unknown; `make image-train` builds"),
        ({LABEL: "{"}, f"the label {LABEL} of train's image is no contract: its text is wrong; `make image-train`"),
        (label(inputs=[{"name": "x"}]), r"train's image is no contract: inputs\.0\.type is wrong; `make image-train`"),
        (label(stage="convert"), "the image of train is one of convert .*; let train name its own"),
        (label(version="7.0.0"), "the image of train that is named .* is 7.0.0 by its label; pin it anew"),
        (label(outputs=[]), "has no output model, .* has no output validation_loss, which the workflow takes; take an"),
    ],
)
def test_an_image_with_a_wrong_label_is_refused(labels: dict[str, str], reason: str) -> None:
    with pytest.raises(StageError, match=reason):
        check_image("train", of_tree("train").version, labels)


def test_an_image_that_knows_no_runner_is_not_sent_to_one() -> None:
    described = contract.load("train").describe()
    check_hands_over("train", {LABEL: json.dumps(described)})
    described["environment"] = [each for each in described["environment"] if "RUNNER" not in each["name"]]
    reason = "^train .* knows no native runner, to which its profile in placement.toml sends it; take a newer version"
    with pytest.raises(StageError, match=reason):
        check_hands_over("train", {LABEL: json.dumps(described)})

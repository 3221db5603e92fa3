"""One launch plan per agent, whose defaults are the agent's config.yaml."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from shared.errors import StageError
from stages.dataset.agent_config import read_config
from workflows.agent_training import agent_training_pipeline
from workflows.execution import ROOT

AGENTS = ("agent-auditor", "agent-bruno", "agent-sre")
EXAMPLE = ROOT / "examples" / "homelab"
IMAGES = ImageConfig(default_image=Image("default", "unused", "unused"))
SETTINGS = SerializationSettings(project="p", domain="d", version="v", env={}, image_config=IMAGES)
URL = "https://git.example/other.git"


@pytest.fixture(scope="module")
def launch_plans() -> Any:
    """The module, loaded without what a developer's shell may name."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GITOPS", "GITOPS_URL"):
            patch.delenv(name, raising=False)
        from workflows import launch_plans

        return launch_plans


def spec(plan: Any) -> dict[str, Any]:
    """Returns the launch plan as it is sent to Flyte."""
    return dict(MessageToDict(get_serializable(OrderedDict(), SETTINGS, plan).to_flyte_idl())["spec"])


def scalar(literal: dict[str, Any]) -> Any:
    """Returns a literal's Python value. Protobuf's JSON form writes whole numbers as strings."""
    ((kind, value),) = literal["scalar"]["primitive"].items()
    return int(value) if kind == "integer" else value


def default(parameter: dict[str, Any]) -> Any:
    return scalar(parameter["default"]) if "default" in parameter else None


def checkout(folder: Path, agent: str, config: str) -> Path:
    """Returns a checkout with one agent."""
    file = folder / "flux" / "ai" / agent / "training" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(config)
    return folder


def test_each_agent_of_the_example_has_one(launch_plans: Any) -> None:
    assert [plan.name for plan in launch_plans.LAUNCH_PLANS] == [f"{agent}-training" for agent in AGENTS]
    for plan in launch_plans.LAUNCH_PLANS:
        assert plan.workflow is agent_training_pipeline
        assert spec(plan)["workflowId"]["name"] == "workflows.agent_training.agent_training_pipeline"


@pytest.mark.parametrize("number", range(len(AGENTS)))
def test_the_agents_name_cannot_be_changed(launch_plans: Any, number: int) -> None:
    known = spec(launch_plans.LAUNCH_PLANS[number])
    fixed = {name: scalar(literal) for name, literal in known["fixedInputs"]["literals"].items()}
    assert fixed == {"agent_name": AGENTS[number]}
    assert "agent_name" not in known["defaultInputs"]["parameters"]


@pytest.mark.parametrize("number", range(len(AGENTS)))
def test_its_defaults_are_config_yaml_then_the_contracts(launch_plans: Any, number: int) -> None:
    parameters = spec(launch_plans.LAUNCH_PLANS[number])["defaultInputs"]["parameters"]
    file = EXAMPLE / "flux" / "ai" / AGENTS[number] / "training" / "config.yaml"
    configured = read_config(file.read_text(), str(file)).inputs()
    workflow = {
        name: value for name, (_, value) in agent_training_pipeline.python_interface.inputs_with_defaults.items()
    }
    expected = {**workflow, **configured, "repository": "https://git.example.com/homelab.git"}
    del expected["agent_name"]
    assert {name: default(parameter) for name, parameter in parameters.items()} == expected


def test_nothing_is_left_to_give_at_a_launch(launch_plans: Any) -> None:
    for plan in launch_plans.LAUNCH_PLANS:
        parameters = spec(plan)["defaultInputs"]["parameters"]
        assert [name for name, parameter in parameters.items() if "default" not in parameter] == []


def test_a_default_keeps_its_type(launch_plans: Any, tmp_path: Path) -> None:
    config = "training: {learning_rate: 1, seed: 0, model_revision: ''}\ngate: {minimum_accuracy: 0}\n"
    (plan,) = launch_plans.launch_plans(checkout(tmp_path, "agent-typed", config), URL)
    parameters = spec(plan)["defaultInputs"]["parameters"]
    kinds = {name: parameters[name]["var"]["type"]["simple"] for name in ("learning_rate", "seed", "minimum_accuracy")}
    assert kinds == {"learning_rate": "FLOAT", "seed": "INTEGER", "minimum_accuracy": "FLOAT"}
    assert parameters["learning_rate"]["default"]["scalar"]["primitive"] == {"floatValue": 1.0}
    assert parameters["minimum_accuracy"]["default"]["scalar"]["primitive"] == {"floatValue": 0.0}
    assert parameters["model_revision"]["default"]["scalar"]["primitive"] == {"stringValue": ""}
    assert default(parameters["repository"]) == URL


def test_floors_are_no_default_of_a_launch(launch_plans: Any, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "agent-floored", "gate: {accuracy_margin: 0.02, floors: {pod-restart: 0.9}}\n")
    (plan,) = launch_plans.launch_plans(folder, URL)
    parameters = spec(plan)["defaultInputs"]["parameters"]
    assert default(parameters["accuracy_margin"]) == 0.02
    assert "floors" not in parameters


def test_a_mark_of_the_byte_order_is_no_mistake(launch_plans: Any, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "agent-marked", "\ufefftraining: {iters: 7}\n")
    (plan,) = launch_plans.launch_plans(folder, URL)
    assert default(spec(plan)["defaultInputs"]["parameters"]["iters"]) == 7


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("training:\n  iter: 3\n", r"line 2: training.iter is not known; did you mean iters\?"),
        ("training:\n  iters: 0\n", r"line 2: .*iters is 0; it must be at least 1"),
        ("training:\n  seed: 0\n  iters: many\n", "line 3: training.iters is 'many'"),
        ("gate: {minimum_accuracy: .nan}\n", "line 1: .*minimum_accuracy"),
        ("training: [\n", "line 2 is not valid YAML"),
        ("", "is empty; write at least `training: {}`"),
    ],
)
def test_a_wrong_config_yaml_names_its_file_and_line(
    launch_plans: Any, tmp_path: Path, config: str, reason: str
) -> None:
    folder = checkout(tmp_path, "agent-wrong", config)
    with pytest.raises(StageError, match=f"^{folder}/flux/ai/agent-wrong/training/config.yaml,? {reason}"):
        launch_plans.launch_plans(folder, URL)


def test_a_checkout_without_agents_is_told(launch_plans: Any, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"holds no flux/ai/<agent>/training/config.yaml; let GITOPS name a checkout"):
        launch_plans.launch_plans(tmp_path, URL)


def test_a_checkout_is_named_with_the_address_that_a_cluster_reads(
    launch_plans: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITOPS", str(checkout(tmp_path, "agent-own", "training: {}\n")))
    with pytest.raises(StageError, match="GITOPS_URL is not set; it must hold the address that the cluster clones"):
        launch_plans.registered()
    monkeypatch.setenv("GITOPS_URL", URL)
    (plan,) = launch_plans.registered()
    assert plan.name == "agent-own-training"
    assert default(spec(plan)["defaultInputs"]["parameters"]["repository"]) == URL

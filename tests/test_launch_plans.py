"""One launch plan per agent, whose defaults are the agent's config.yaml."""

import os
import subprocess
import sys
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from shared.errors import StageError
from stages.dataset.agent_config import read_config
from workflows.local.execution import ROOT
from workflows.retraining import retraining

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
        from workflows.flyte import launch_plans

        return launch_plans


def spec(plan: Any) -> dict[str, Any]:
    """Returns the launch plan as it is sent to Flyte."""
    return dict(MessageToDict(get_serializable(OrderedDict(), SETTINGS, plan).to_flyte_idl())["spec"])


def scalar(literal: dict[str, Any]) -> Any:
    """Returns a literal's Python value. Protobuf's JSON form writes whole numbers and times as strings."""
    ((kind, value),) = literal["scalar"]["primitive"].items()
    if kind == "datetime":
        return datetime.fromisoformat(value)
    return int(value) if kind == "integer" else value


def default(parameter: dict[str, Any]) -> Any:
    return scalar(parameter["default"]) if "default" in parameter else None


def checkout(folder: Path, agent: str, config: str) -> Path:
    """Returns a checkout with one agent."""
    file = folder / "flux" / "ai" / agent / "training" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(config)
    runbook = file.parent.parent / "docs" / "RUNBOOK.md"
    runbook.parent.mkdir()
    runbook.write_text("# Runbook\n")
    return folder


def trainings(launch_plans: Any) -> list[Any]:
    return [plan for plan in launch_plans.LAUNCH_PLANS if plan.name.endswith("-training")]


def parameters(plan: Any) -> dict[str, Any]:
    return dict(spec(plan)["defaultInputs"]["parameters"])


def defaults(plan: Any) -> dict[str, Any]:
    return {name: default(parameter) for name, parameter in parameters(plan).items()}


def fixed(plan: Any) -> dict[str, Any]:
    return {name: scalar(literal) for name, literal in spec(plan)["fixedInputs"]["literals"].items()}


def test_each_agent_of_the_example_has_one_that_trains_and_one_that_watches(launch_plans: Any) -> None:
    names = [plan.name for plan in launch_plans.LAUNCH_PLANS]
    assert names == [f"{agent}-{purpose}" for agent in AGENTS for purpose in ("training", "watch")]
    for plan in launch_plans.LAUNCH_PLANS:
        assert spec(plan)["workflowId"]["name"] == "workflows.retraining.retraining"


def test_a_person_is_shown_what_may_be_another_at_one_launch(launch_plans: Any) -> None:
    """`trigger` and `kickoff_time` are what a start says of itself."""
    shown = {"model_name", "runbook_path", "learning_rate", "batch_size", "iters", "revision", "force_retrain"}
    for training, watch in zip(launch_plans.LAUNCH_PLANS[::2], launch_plans.LAUNCH_PLANS[1::2], strict=True):
        assert set(parameters(training)) == shown | {"trigger", "kickoff_time"}
        assert set(parameters(watch)) == shown | {"kickoff_time"}


def test_who_watches_says_so_and_the_other_is_asked_by_the_schedule(launch_plans: Any) -> None:
    for training, watch in zip(launch_plans.LAUNCH_PLANS[::2], launch_plans.LAUNCH_PLANS[1::2], strict=True):
        assert defaults(training)["trigger"] == "schedule"
        assert fixed(watch)["trigger"] == "watch"


@pytest.mark.parametrize("number", range(len(AGENTS)))
def test_all_is_as_config_yaml_says_then_the_contracts(launch_plans: Any, number: int) -> None:
    file = EXAMPLE / "flux" / "ai" / AGENTS[number] / "training" / "config.yaml"
    config = read_config(file.read_text(), str(file))
    workflow = {name: value for name, (_, value) in retraining.python_interface.inputs_with_defaults.items()}
    given = {"agent_name": AGENTS[number], "repository": "https://git.example.com/homelab.git", "trigger": "schedule"}
    plan = trainings(launch_plans)[number]
    assert {**fixed(plan), **defaults(plan)} == {**workflow, **config.inputs(), **config.watch_inputs(), **given}


def test_the_pipeline_is_there_under_its_plain_name_without_an_agent_and_a_schedule(launch_plans: Any) -> None:
    plan = spec(launch_plans.PLAIN)
    assert launch_plans.PLAIN.name == "agent_training_pipeline"
    assert plan["workflowId"]["name"] == "workflows.agent_training.agent_training_pipeline"
    assert "schedule" not in plan["entityMetadata"] and "literals" not in plan["fixedInputs"]
    given = {name for name, parameter in parameters(launch_plans.PLAIN).items() if "default" not in parameter}
    assert given == {"agent_name", "repository"}
    assert plan["securityContext"]["runAs"]["k8sServiceAccount"] == launch_plans.SERVICE_ACCOUNT


def test_the_plain_pipeline_reads_the_repository_whose_agents_are_registered() -> None:
    """flytekit keeps launch plans by name, so this one is made by a program of its own."""
    shown = "from workflows.flyte.launch_plans import PLAIN; print(PLAIN.parameters.parameters['repository'].default)"
    environment = {**os.environ, "GITOPS": str(EXAMPLE), "GITOPS_URL": URL}
    done = subprocess.run([sys.executable, "-c", shown], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert URL in done.stdout, done.stderr


def test_nothing_is_left_to_give_at_a_launch(launch_plans: Any) -> None:
    for plan in launch_plans.LAUNCH_PLANS:
        assert [name for name, parameter in parameters(plan).items() if "default" not in parameter] == []


def test_a_schedule_is_config_yamls_and_tells_its_time(launch_plans: Any, tmp_path: Path) -> None:
    config = "schedule: {cron: '0 2 * * 0', watch: '30 6 * * 1-5'}\n"
    training, watch = launch_plans.launch_plans(checkout(tmp_path, "agent-timed", config), URL)
    kickoff = {"kickoffTimeInputArg": "kickoff_time"}
    assert spec(training)["entityMetadata"]["schedule"] == {"cronSchedule": {"schedule": "0 2 * * 0"}, **kickoff}
    assert spec(watch)["entityMetadata"]["schedule"] == {"cronSchedule": {"schedule": "30 6 * * 1-5"}, **kickoff}
    assert parameters(training)["kickoff_time"]["var"]["type"] == {"simple": "DATETIME"}


def test_without_a_schedule_nothing_starts_by_itself(launch_plans: Any, tmp_path: Path) -> None:
    for plan in launch_plans.launch_plans(checkout(tmp_path, "agent-calm", "schedule:\n"), URL):
        assert spec(plan)["entityMetadata"].get("schedule", {}) == {}


def test_who_is_to_hear_of_a_failure_gets_mail(launch_plans: Any, tmp_path: Path) -> None:
    config = "schedule: {notify: [on-call@example.com]}\n"
    for plan in launch_plans.launch_plans(checkout(tmp_path, "agent-loud", config), URL):
        (notification,) = spec(plan)["entityMetadata"]["notifications"]
        assert notification["email"] == {"recipientsEmail": ["on-call@example.com"]}
        assert sorted(notification["phases"]) == ["ABORTED", "FAILED", "TIMED_OUT"]


def test_an_execution_is_the_agents_runs_alone_and_as_the_service_account(launch_plans: Any) -> None:
    for plan in launch_plans.LAUNCH_PLANS:
        known = spec(plan)
        agent = plan.name.rpartition("-")[0]
        assert known["labels"] == {"values": {"agent": agent}}
        assert known["securityContext"] == {"runAs": {"k8sServiceAccount": "agent-training"}}
        assert known["maxParallelism"] == 2
        assert known["concurrencyPolicy"] == {"max": 1, "behavior": "CONCURRENCY_LIMIT_BEHAVIOR_SKIP"}


def test_an_eighth_agent_is_a_change_of_the_gitops_repository_alone(launch_plans: Any, tmp_path: Path) -> None:
    for number in range(7):
        checkout(tmp_path, f"agent-{number}", f"training: {{iters: {100 + number}}}\n")
    plans = launch_plans.launch_plans(tmp_path, URL)
    assert [defaults(plan)["iters"] for plan in plans[::2]] == [100 + number for number in range(7)]
    checkout(tmp_path, "agent-7", "training: {iters: 107}\n")
    assert len(launch_plans.agents(tmp_path)) == 8
    assert [plan.name for plan in launch_plans.launch_plans(tmp_path, URL)][-2:] == [
        "agent-7-training",
        "agent-7-watch",
    ]


def test_a_value_keeps_its_type(launch_plans: Any, tmp_path: Path) -> None:
    config = "training: {learning_rate: 1, seed: 0, model_revision: ''}\ngate: {minimum_accuracy: 0}\n"
    plan, _ = launch_plans.launch_plans(checkout(tmp_path, "agent-typed", config), URL)
    shown, kept = parameters(plan)["learning_rate"], spec(plan)["fixedInputs"]["literals"]
    assert shown["var"]["type"]["simple"] == "FLOAT"
    assert shown["default"]["scalar"]["primitive"] == {"floatValue": 1.0}
    assert kept["seed"]["scalar"]["primitive"] == {"integer": "0"}
    assert kept["minimum_accuracy"]["scalar"]["primitive"] == {"floatValue": 0.0}
    assert kept["model_revision"]["scalar"]["primitive"] == {"stringValue": ""}
    assert fixed(plan)["repository"] == URL


def test_floors_are_no_input_of_a_launch(launch_plans: Any, tmp_path: Path) -> None:
    gate = "gate: {accuracy_margin: 0.02, maximum_false_calls: 0.01, floors: {pod-restart: 0.9}}\n"
    folder = checkout(tmp_path, "agent-floored", gate)
    plan, _ = launch_plans.launch_plans(folder, URL)
    assert (fixed(plan)["accuracy_margin"], fixed(plan)["maximum_false_calls"]) == (0.02, 0.01)
    assert "floors" not in {*fixed(plan), *defaults(plan)}


def test_a_mark_of_the_byte_order_is_no_mistake(launch_plans: Any, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "agent-marked", "\ufefftraining: {iters: 7}\n")
    plan, _ = launch_plans.launch_plans(folder, URL)
    assert defaults(plan)["iters"] == 7


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("training:\n  iter: 3\n", r"line 2: training.iter is not known; did you mean iters\?"),
        ("training:\n  iters: 0\n", r"line 2: .*iters is 0; it must be at least 1"),
        ("training:\n  seed: 0\n  iters: many\n", "line 3: training.iters is 'many'"),
        ("gate: {minimum_accuracy: .nan}\n", "line 1: .*minimum_accuracy"),
        ("training: [\n", "line 2 is not valid YAML"),
        ("schedule: {cron: '0 2 * *'}\n", "line 1: .*'0 2 \\* \\*' is no cron schedule of five fields"),
        ("schedule:\n  notify: [nobody]\n", "line 2: .*'nobody' is no e-mail address"),
        ("watch: {retrain_bellow: 1}\n", "line 1: watch.retrain_bellow is not known; did you mean retrain_below"),
        ("", "is empty; write at least `training: {}`"),
    ],
)
def test_a_wrong_config_yaml_names_its_file_and_line(
    launch_plans: Any, tmp_path: Path, config: str, reason: str
) -> None:
    folder = checkout(tmp_path, "agent-wrong", config)
    with pytest.raises(StageError, match=f"^{folder}/flux/ai/agent-wrong/training/config.yaml,? {reason}"):
        launch_plans.launch_plans(folder, URL)


def test_a_cron_line_that_no_clock_understands_is_told(launch_plans: Any, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "agent-late", "schedule: {cron: '0 25 * * 0'}\n")
    with pytest.raises(StageError, match=r"config.yaml: schedule has '0 25 \* \* 0', which is no cron schedule; write"):
        launch_plans.launch_plans(folder, URL)


def test_an_agent_without_a_runbook_is_told(launch_plans: Any, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "agent-new", "training: {}\n")
    (folder / "flux" / "ai" / "agent-new" / "docs" / "RUNBOOK.md").unlink()
    with pytest.raises(StageError, match=r"^agent-new has .*config.yaml, but no runbook .*RUNBOOK.md; write one"):
        launch_plans.launch_plans(folder, URL)


def test_an_agent_whose_runbook_is_elsewhere_is_registered(launch_plans: Any, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "agent-wiki", "runbook_path: docs/**/*.md\n")
    (folder / "flux" / "ai" / "agent-wiki" / "docs" / "RUNBOOK.md").unlink()
    with pytest.raises(StageError, match=r"config.yaml: runbook_path: no Markdown page has a path such as docs/\*\*/"):
        launch_plans.launch_plans(folder, URL)
    (folder / "docs" / "deep").mkdir(parents=True)
    (folder / "docs" / "deep" / "page.md").write_text("# PodDown\n")
    assert len(launch_plans.launch_plans(folder, URL)) == 2


def test_agents_live_and_are_configured_where_the_repository_says(launch_plans: Any, tmp_path: Path) -> None:
    (tmp_path / "agent-training.yaml").write_text(
        "agents: apps/*\ntraining: {iters: 7, seed: 3}\nschedule: {cron: '0 3 * * 1'}\n"
    )
    with pytest.raises(StageError, match=r"holds no apps/<agent>/training/config.yaml; let GITOPS name a checkout"):
        launch_plans.launch_plans(tmp_path, URL)
    (tmp_path / "apps").symlink_to(checkout(tmp_path, "agent-a", "training: {iters: 9}\n") / "flux" / "ai")
    training, watch = launch_plans.launch_plans(tmp_path, URL)
    assert (training.name, watch.name) == ("agent-a-training", "agent-a-watch")
    known = spec(training)["defaultInputs"]["parameters"]
    assert (default(known["iters"]), fixed(training)["seed"]) == (9, 3)
    assert spec(training)["entityMetadata"]["schedule"]["cronSchedule"]["schedule"] == "0 3 * * 1"


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
    plan, _ = launch_plans.registered()
    assert plan.name == "agent-own-training"
    assert fixed(plan)["repository"] == URL

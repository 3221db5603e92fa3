"""Agents that live elsewhere than in flux/ai: where a bump goes, and where the operator's commands look."""

import dataclasses
import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.git.deploy import Deploy, Fleet
from stages.publish.main import run
from stages.publish.operate.__main__ import main
from stages.publish.tests.conftest import OLD, PATH, VERSION, git, push
from tests import samples

AGENT = str(samples.AGENT["agent"])
AGENTS = "apps/my agents/*"
HOME = AGENTS.replace("*", AGENT)
FLEET = "agent-training.yaml"


@pytest.fixture
def moved(registered: Inputs, work: Path) -> Inputs:
    """The inputs of an agent that lives elsewhere, of which the dataset and the repository tell."""
    (work / HOME / "training").mkdir(parents=True)
    files = {f"{HOME}/MODEL_VERSION": f"{OLD}\n", FLEET: f"agents: {AGENTS}\ndeploy: {{mode: branch}}\n"}
    files |= {f"{HOME}/agent.yaml": "model: none\n", f"{HOME}/training/config.yaml": "deploy: {mode: push}\n"}
    push(work, "Move the agent", **files)
    field = {"file": "agent.yaml", "field": "model", "value": "{version}"}
    told = samples.AGENT | {"agents": AGENTS, "config": {"deploy": {"fields": [field]}}}
    (registered.dataset.path / "agent.json").write_text(json.dumps(told))
    return registered


def told(capsys: pytest.CaptureFixture[str], command: str, repository: Path) -> tuple[int, str]:
    capsys.readouterr()
    code = main([command, "--agent", AGENT, "--repository", str(repository)])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def test_the_bump_goes_to_the_agents_own_folder(moved: Inputs, repository: Path) -> None:
    run(moved, moved.dataset.path.parent)
    assert git(repository, "show", f"main:{HOME}/MODEL_VERSION") == VERSION
    assert git(repository, "show", f"main:{HOME}/agent.yaml") == f"model: {VERSION}"
    assert git(repository, "show", f"main:{PATH}") == OLD
    assert run(moved, moved.dataset.path.parent).outcome == f"already published: {VERSION}"


def test_a_home_that_the_repository_does_not_have_is_told(moved: Inputs) -> None:
    told = samples.AGENT | {"agents": "gone/*"}
    (moved.dataset.path / "agent.json").write_text(json.dumps(told))
    with pytest.raises(StageError, match=r"^gone is missing in .*; publish writes gone/agent-test/MODEL_VERSION only"):
        run(dataclasses.replace(moved), moved.dataset.path.parent)


def test_the_operators_commands_look_there(
    moved: Inputs, repository: Path, work: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run(moved, moved.dataset.path.parent)
    assert told(capsys, "verify", repository)[0] == 0
    assert VERSION in told(capsys, "history", repository)[1].splitlines()[1]
    assert told(capsys, "reconcile", repository) == (0, f"{VERSION} is the champion of {AGENT} already\n")
    git(work, "pull", "-q", "origin", "main")
    push(work, "Say it wrong", **{FLEET: "agents: apps\n"})
    code, said = told(capsys, "verify", repository)
    assert (code, said.splitlines()[-1].startswith("verify: 'apps' does not say where agents live")) == (1, True)


def test_deploy_has_the_defaults_of_all_agents() -> None:
    fleet = Fleet.read("deploy: {mode: branch, fields: [{file: a.yaml, field: a, value: b}]}\n")
    assert Deploy.read("deploy: {mode: push}\n", "config.yaml", fleet.deploy).mode == "push"
    assert Deploy.read("training: {}\n", "config.yaml", fleet.deploy).mode == "branch"
    assert len(Deploy.read("", "config.yaml", fleet.deploy).fields) == 1
    assert Deploy.read("", "config.yaml").mode == "push"


@pytest.mark.parametrize("text", ["[]", "agents: 3", "deploy: 3", "x", "a: ["])
def test_a_file_of_all_agents_that_is_wrong_is_told(text: str) -> None:
    with pytest.raises(StageError, match=r"agent-training.yaml (must hold keys and values|is no YAML)"):
        Fleet.read(f"{text}\n")

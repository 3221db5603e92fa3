"""From a real Alertmanager to the function that is called, by the model in a real Ollama that Git names."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared import names
from shared.asking.agent import Agent
from shared.function_call import Call
from tests.served.alertmanager import alertmanager, example_agent, fire, functions
from tests.served.conftest import AGENT, Published
from tests.served.ollama_server import OllamaServer
from tests.served.world import World
from workflows.local.execution import ROOT

MANIFEST = f"{names.agent_folder(AGENT)}/k8s/lambdaagent.yaml"


def named_by_git(world: World) -> str:
    """Returns the model that the agent's manifest names."""
    spec = YAML(typ="safe").load(world.shown(MANIFEST))["spec"]
    (variable,) = [each["value"] for each in spec["env"] if each["name"] == "MODEL_NAME"]
    assert variable == spec["ai"]["model"]
    return str(variable)


def fetched(world: World, folder: Path) -> Path:
    """Returns the model's folder, as the agent's pod gets it for the version that Git names."""
    options = ["--agent", AGENT, "--version", world.deployed(), "--folder", str(folder)]
    command = [str(ROOT / ".venvs/publish/bin/python"), "-m", "stages.publish.fetch", *options]
    done = subprocess.run(command, cwd=ROOT, env=world.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def outcome_of(world: World, folder: Path, ollama_url: str, alert: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Returns what the agent tells of an alert that Alertmanager sends it, and the functions that were called."""
    folder.mkdir()
    with functions() as endpoint:
        settings = {"MODEL_NAME": named_by_git(world), "OLLAMA_URL": ollama_url}
        settings |= {"MODEL_FOLDER": str(fetched(world, folder / "model"))}
        settings |= {"FUNCTIONS_URL": f"{endpoint.url}/{{function}}"}
        with example_agent(folder, settings) as agent, alertmanager(folder, agent.url) as server:
            fire(server, alert)
            return agent.outcome(), endpoint.called


@pytest.fixture(scope="module")
def turned(published: Published, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """An alert that the second version calls the right function for, and the first one does not; and its row's id."""
    folder = tmp_path_factory.mktemp("turned")
    dataset, agent = published.second.dataset(folder / "dataset"), Agent.load(folder / "dataset")
    before, after = published.first.predictions(), published.second.predictions()
    for row in dataset.rows("test"):
        alert = json.loads(row["notification"])
        if not row["call"] or "alertname" not in alert["labels"]:
            continue
        first, second = (_call(agent, alert, known[row["id"]]["tuned"]) for known in (before, after))
        expected = json.loads(row["call"])
        if second and {"name": second.name, "arguments": second.arguments} == expected and first != second:
            return alert, row["id"]
    raise AssertionError("both versions answer every alert alike; let the second one learn for longer")


def _call(agent: Agent, alert: dict[str, Any], text: str) -> Call | None:
    return agent.answer(alert, lambda _: text).decisions[0].call


def test_an_alert_calls_the_right_function_and_after_a_rollback_the_older_model_answers(
    published: Published, ollama_server: OllamaServer, turned: tuple[dict[str, Any], str], tmp_path: Path
) -> None:
    (alert, row), world = turned, published.world
    assert named_by_git(world) == f"{AGENT}:{published.second.version}"
    outcome, called = outcome_of(world, tmp_path / "second", ollama_server.url, alert)
    expected = json.loads(published.second.predictions()[row]["expected"])
    assert called == [(expected["name"], expected["arguments"])]
    told = {"alert": alert["labels"]["alertname"], "call": expected["name"], "arguments": expected["arguments"]}
    assert outcome == {**told, "outcome": "answered 200"}

    code, lines = world.operate("rollback", "--reason", "It restarts healthy pods.")
    assert code == 0, lines
    assert named_by_git(world) == f"{AGENT}:{published.first.version}"
    outcome, called = outcome_of(world, tmp_path / "first", ollama_server.url, alert)
    agent = Agent.load(tmp_path / "first" / "model")
    (decided,) = agent.answer(alert, lambda _: str(published.first.predictions()[row]["tuned"])).decisions
    assert called == ([(decided.call.name, decided.call.arguments)] if decided.call else [])
    assert outcome.get("refused") == (decided.refusal.kind if decided.refusal else None)
    code, lines = world.operate("rollback")
    assert (code, world.deployed()) == (0, published.second.version), lines

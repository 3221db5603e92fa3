"""An agent asks its model about each firing alert once, and gets a decision for each."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.alert import Alert
from shared.asking.agent import Agent, CompletionError
from shared.asking.call_policy import CallPolicy
from shared.errors import StageError
from shared.function_call import Call, write_call
from tests.samples import NAMES, call_policy, prompt_file

POLICY = call_policy()
AGENT = Agent(prompt_file(), POLICY)
FIRING = {"labels": {"alertname": "Down", "deployment": "shop", "namespace": "web"}}
OTHER = {"labels": {"alertname": "Down", "deployment": "bank", "namespace": "web"}}
RESOLVED = {**FIRING, "status": "resolved"}
RESTART = Call("pod-restart", {"name": "shop", "namespace": "web"})


def restart(prompt: str) -> str:
    return write_call(NAMES.to_model(RESTART))


def test_firing_alerts_are_asked_once_and_resolved_ones_not() -> None:
    asked: list[str] = []

    def complete(prompt: str) -> str:
        asked.append(prompt)
        return restart(prompt)

    answer = AGENT.answer({"alerts": [RESOLVED, FIRING, OTHER, FIRING]}, complete)
    assert asked == [
        prompt_file().prompt("firing alert Down\ndeployment: shop\nnamespace: web"),
        prompt_file().prompt("firing alert Down\ndeployment: bank\nnamespace: web"),
    ]
    assert answer.resolved == 1
    assert [(each.alert, each.call) for each in answer.calls] == [(Alert("firing", FIRING["labels"], {}), RESTART)]
    (refused,) = answer.refusals
    assert refused.alert == Alert("firing", OTHER["labels"], {})
    assert refused.refusal and refused.refusal.kind == "ungrounded"


def test_silence_is_a_decision_too() -> None:
    answer = AGENT.answer(FIRING, lambda prompt: "No call is due.")
    assert (answer.calls, answer.refusals) == ((), ())
    assert [each.outcome for each in answer.decisions] == ["silence"]


def test_one_alert_that_cannot_be_read_costs_no_other_its_answer() -> None:
    answer = AGENT.answer([{"labels": {"a": "x" * 1001}}, FIRING], restart)
    assert [each.outcome for each in answer.decisions] == ["refusal", "call"]
    refusal = answer.refusals[0].refusal
    assert refusal and refusal.kind == "alert"
    assert refusal.reason.startswith("alert 1 of the notification has a label a of 1001 characters")


def test_a_server_that_fails_is_a_refusal_and_a_bug_is_not() -> None:
    def failing(prompt: str) -> str:
        raise CompletionError("the server is down")

    def buggy(prompt: str) -> str:
        raise KeyError("choices")

    (refused,) = AGENT.answer(FIRING, failing).refusals
    assert refused.refusal and (refused.refusal.kind, refused.refusal.reason) == ("server", "the server is down")
    with pytest.raises(KeyError):
        AGENT.answer(FIRING, buggy)


@pytest.mark.parametrize("text", [None, b"", 7, ["call"]])
def test_an_answer_that_is_no_text_is_refused(text: Any) -> None:
    (refused,) = AGENT.answer(FIRING, lambda prompt: text).refusals
    assert refused.refusal and refused.refusal.kind == "unreadable"


def test_a_coroutine_answers_the_same() -> None:
    async def complete(prompt: str) -> str:
        return restart(prompt)

    notification = {"alerts": [RESOLVED, FIRING, OTHER]}
    assert asyncio.run(AGENT.aanswer(notification, complete)) == AGENT.answer(notification, restart)


def test_each_decision_is_told_with_the_names_of_opentelemetry() -> None:
    told: list[tuple[str, Mapping[str, str]]] = []
    agent = Agent(prompt_file(), POLICY, lambda name, value, attributes: told.append((name, attributes)))
    agent.answer([FIRING, OTHER], restart)
    duration = ("gen_ai.client.operation.duration", {"gen_ai.operation.name": "text_completion"})
    assert told == [
        duration,
        (
            "agent_model.decisions",
            {"agent_model.outcome": "call", "alertname": "Down", "gen_ai.tool.name": "pod-restart"},
        ),
        duration,
        ("agent_model.decisions", {"agent_model.outcome": "refusal", "alertname": "Down", "error.type": "ungrounded"}),
    ]


def test_an_agent_is_loaded_from_a_folder_or_its_prompt(tmp_path: Path) -> None:
    (tmp_path / "prompt.json").write_text(prompt_file().to_json())
    (tmp_path / "calls.json").write_text(POLICY.to_json())
    assert Agent.load(tmp_path) == Agent.load(str(tmp_path / "prompt.json")) == AGENT


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "@/prompt.json is missing; give the model's folder"),
        ({"prompt.json": prompt_file().to_json()}, "@/calls.json is missing; models of earlier releases have none"),
        ({"prompt.json": "{", "calls.json": ""}, "@: prompt.json is no JSON"),
        ({"prompt.json": prompt_file().to_json(), "calls.json": "{}"}, "@: calls.json lacks format, functions"),
        (
            {"prompt.json": prompt_file().to_json(), "calls.json": CallPolicy({}).to_json()},
            "@: prompt.json and calls.json are not of one model: pod-restart, scale-deployment is in one of them alone",
        ),
        (
            {"prompt.json": prompt_file().to_json(), "calls.json": POLICY.to_json().replace('"replicas"', '"count"')},
            "@: prompt.json and calls.json are not of one model: scale-deployment.count, ",
        ),
    ],
)
def test_a_model_that_cannot_be_asked_safely_is_not_loaded(files: dict[str, str], says: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(StageError) as refusal:
        Agent.load(tmp_path)
    assert str(refusal.value).startswith(says.replace("@", str(tmp_path)))


def test_what_is_no_notification_is_refused() -> None:
    with pytest.raises(StageError, match="is no Alertmanager notification"):
        AGENT.answer(json.loads("[1]"), restart)

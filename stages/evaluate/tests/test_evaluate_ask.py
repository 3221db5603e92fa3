"""A notification is split into its alerts, and the model is asked about those that fire."""

import json
from pathlib import Path

import pytest

from shared.alert import Alert, read_alerts, render_alert
from shared.asking.agent import Agent
from shared.function_call import Call, write_call
from stages.evaluate import ask
from tests.samples import NAMES, call_policy, prompt_file

FIRING = {"status": "firing", "labels": {"alertname": "Down", "pod": "a"}}
OTHER = {"status": "firing", "labels": {"alertname": "Down", "pod": "b"}}


def written(name: str) -> str:
    return write_call(NAMES.to_model(Call("pod-restart", {"name": name, "namespace": "web"})))


RESOLVED = {"status": "resolved", "labels": {"alertname": "Down", "pod": "a"}}


def test_each_firing_alert_is_asked_once_and_a_resolved_one_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(alert: Alert) -> str:
        asked.append(render_alert(alert))
        return f"call {len(asked)}"

    monkeypatch.setattr(ask, "open_model", lambda source, folder: None)
    monkeypatch.setattr(ask, "asking", lambda model: answer)
    alerts = read_alerts({"alerts": [RESOLVED, FIRING, OTHER, FIRING]})
    assert list(ask.told(alerts, Path(), Path())) == [
        "resolved alert Down\npod: a\n\n→ no call: the alert is resolved",
        "firing alert Down\npod: a\n\n→ call 1",
        "firing alert Down\npod: b\n\n→ call 2",
        "firing alert Down\npod: a\n\n→ call 1",
    ]
    assert asked == ["firing alert Down\npod: a", "firing alert Down\npod: b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (written("shop-1"), "pod-restart name=shop-1 namespace=web"),
        ("No call is due.", "no call: No call is due."),
        (
            written("shop\n-2"),
            "refused, ungrounded: name of pod-restart is 'shop\\n-2', which neither alert nor runbook says. "
            f"The model said: {written('shop -2')}",
        ),
    ],
)
def test_an_answer_is_a_call_or_the_reason_why_it_is_none(text: str, says: str) -> None:
    alert = Alert("firing", {"alertname": "Down", "deployment": "shop-1", "namespace": "web"}, {})
    assert ask.decided(Agent(prompt_file(), call_policy()).decide(alert, text)) == says


@pytest.mark.parametrize(
    ("notification", "says"),
    [
        ([RESOLVED], "resolved alert Down\npod: a\n\n→ no call: the alert is resolved\n"),
        ([], "no alert: no call is due\n"),
    ],
)
def test_where_nothing_fires_no_model_is_needed(
    notification: object, says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ask.main(["--model", str(tmp_path / "none"), "--alert", json.dumps(notification)]) == 0
    assert capsys.readouterr().out == says


@pytest.mark.parametrize(
    ("alert", "says"),
    [
        ("{", "ask: the alert is not valid JSON"),
        ("{}", "ask: the alert is no Alertmanager notification"),
        ('{"labels": {"a": ["b"]}}', "ask: the alert: labels.a holds a list or an object, not a text"),
        (json.dumps(FIRING), "ask: there is no model at"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    alert: str, says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ask.main(["--model", str(tmp_path / "none"), "--alert", alert]) == 1
    assert capsys.readouterr().err.startswith(says)

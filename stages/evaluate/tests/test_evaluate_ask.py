"""A notification is split into its alerts, and the model is asked about those that fire."""

import json
from pathlib import Path

import pytest

from shared.alert import read_alerts
from stages.evaluate import ask

FIRING = {"status": "firing", "labels": {"alertname": "Down", "pod": "a"}}
OTHER = {"status": "firing", "labels": {"alertname": "Down", "pod": "b"}}
RESOLVED = {"status": "resolved", "labels": {"alertname": "Down", "pod": "a"}}


def test_each_firing_alert_is_asked_once_and_a_resolved_one_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(content: str) -> str:
        asked.append(content)
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

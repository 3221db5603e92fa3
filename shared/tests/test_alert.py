"""What Alertmanager delivers becomes the same text in training and in serving."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alert import render_alert, render_notification
from shared.errors import StageError

ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"severity": "critical", "alertname": "PodDown", "namespace": "web"},
    "annotations": {
        "description": "pod\n  shop-1   is down",
        "summary": "Pod down",
        "runbook_url": "https://wiki.example/pod",
        "lambda_function": "pod-restart",
    },
    "startsAt": "2025-12-24T10:00:00Z",
    "fingerprint": "0123456789abcdef",
}
TEXT = """\
firing alert PodDown
namespace: web
severity: critical
summary: Pod down
description: pod shop-1 is down"""


def test_an_alert_is_its_name_labels_and_shown_annotations() -> None:
    assert render_alert(ALERT) == TEXT


def test_the_order_of_labels_makes_no_difference() -> None:
    labels = dict(reversed(ALERT["labels"].items()))
    assert render_alert(ALERT | {"labels": labels}) == TEXT


def test_an_alert_without_status_or_name_still_has_a_head() -> None:
    assert render_alert({"labels": {"a": "b"}}) == "firing alert\na: b"
    assert render_alert({"labels": {}, "status": "resolved"}) == "resolved alert"


def test_a_notification_is_its_alerts() -> None:
    other = {"status": "resolved", "labels": {"alertname": "Other"}}
    assert render_notification({"version": "4", "alerts": [ALERT, other]}) == f"{TEXT}\n\nresolved alert Other"
    assert render_notification(ALERT) == TEXT


WORDS = st.text(max_size=12)


@given(st.dictionaries(WORDS, WORDS | st.integers(), max_size=4))
def test_no_name_and_no_value_looks_like_another_line(labels: dict[str, Any]) -> None:
    labels.pop("alertname", None)
    assert len(render_alert({"labels": labels}).splitlines()) == 1 + len(labels)


NO_ALERTS: list[Any] = [
    None,
    "text",
    [],
    [ALERT],
    {},
    {"alerts": []},
    {"alerts": {}},
    {"alerts": [None]},
    {"alerts": [{"annotations": {}}]},
    {"alerts": [{"labels": []}]},
    {"alerts": [{"labels": {}, "annotations": None}]},
    {"labels": "a"},
]


@pytest.mark.parametrize("payload", NO_ALERTS)
def test_anything_else_is_named(payload: Any) -> None:
    with pytest.raises(StageError) as raised:
        render_notification(payload)
    assert str(raised.value) == (
        "the alert is no Alertmanager notification: it needs `alerts`, or `labels` of one alert"
    )

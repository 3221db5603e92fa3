"""What an agent is told of becomes the same text in training and in serving, or is refused whole."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alert import (
    MAX_ALERTS,
    MAX_ALL_LABELS,
    MAX_LABEL,
    MAX_LABELS,
    MAX_TEXT,
    read_alerts,
    render_alert,
    render_notification,
)
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
NO_ALERT = "the alert is no Alertmanager notification: it needs `alerts`, or `labels` of one alert"


def texts(notification: Any) -> list[str]:
    return [render_alert(alert) for alert in read_alerts(notification)]


def refused(notification: Any) -> str:
    with pytest.raises(StageError) as raised:
        read_alerts(notification)
    return str(raised.value)


SHAPES: dict[str, Any] = {
    "one alert": ALERT,
    "a webhook": {"version": "4", "status": "firing", "commonLabels": {"namespace": "web"}, "alerts": [ALERT]},
    "API v2": [ALERT | {"status": {"state": "active", "silencedBy": [], "inhibitedBy": []}, "receivers": []}],
    "a muted alert": ALERT | {"status": {"state": "suppressed", "silencedBy": ["x"]}},
    "a CloudEvent of an alert": {"specversion": "1.0", "type": "alert", "source": "/am", "id": "1", "data": ALERT},
    "a CloudEvent of a webhook": {"specversion": "1.0", "id": "1", "data": {"alerts": [ALERT]}},
    "a CloudEvent of text": {"specversion": "1.0", "id": "1", "data": json.dumps(ALERT)},
    "without a status": {key: value for key, value in ALERT.items() if key != "status"},
    "what all share": {
        "status": "firing",
        "labels": {"alertname": "PodDown", "severity": "critical"},
        "commonLabels": {"namespace": "web", "severity": "info"},
        "annotations": ALERT["annotations"],
    },
    "another order": ALERT | {"labels": dict(reversed(ALERT["labels"].items()))},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_an_alert_is_one_text(shape: str) -> None:
    assert texts(SHAPES[shape]) == [TEXT]


def test_a_notification_is_its_alerts_of_which_some_fire() -> None:
    other = {"status": "resolved", "labels": {"alertname": "Other"}}
    alerts = read_alerts({"alerts": [ALERT, other]})
    assert [(render_alert(alert), alert.is_firing) for alert in alerts] == [
        (TEXT, True),
        ("resolved alert Other", False),
    ]
    assert render_notification({"alerts": [ALERT, other]}) == f"{TEXT}\n\nresolved alert Other"


def test_a_notification_of_no_alert_has_no_text() -> None:
    assert read_alerts({"alerts": []}) == read_alerts([]) == []
    with pytest.raises(StageError) as raised:
        render_notification([])
    assert str(raised.value) == NO_ALERT


def test_an_alert_without_a_name_still_has_a_head() -> None:
    assert texts({"labels": {"a": "b"}}) == ["firing alert\na: b"]


def test_values_are_texts_and_what_has_none_is_left_out() -> None:
    labels = {"a": 3, "b": 0.5, "c": True, "d": None, "e": "", "f": " \t", "g": "x\x1b[2J\u202ey\x00z", "": "nameless"}
    annotations = {"summary": 12, "description": None, "message": "x"}
    assert texts({"labels": labels, "annotations": annotations}) == [
        "firing alert\na: 3\nb: 0.5\nc: true\ng: x [2J y z\nsummary: 12\nmessage: x"
    ]
    assert texts({"labels": {"a": "b"}, "annotations": None}) == ["firing alert\na: b"]


def test_a_long_text_ends_where_it_is_cut_and_a_long_label_is_refused() -> None:
    text = "word " * MAX_TEXT
    (alert,) = read_alerts({"labels": {"a": "x" * MAX_LABEL}, "annotations": {"summary": text}})
    assert (len(alert.annotations["summary"]) <= MAX_TEXT, alert.annotations["summary"][-2:]) == (True, "d…")
    assert refused({"labels": {"pod": "x" * (MAX_LABEL + 1)}}) == (
        f"the alert has a label pod of {MAX_LABEL + 1} characters; at most {MAX_LABEL} are read; "
        "shorten it in the rule, or drop labels by Alertmanager's or Prometheus' relabelling"
    )
    assert refused({"labels": {f"label{number}": "x" * 900 for number in range(9)}}).startswith(
        f"the alert has labels of {9 * 906} characters; at most {MAX_ALL_LABELS} are read; shorten it"
    )


NO_ALERTS: list[Any] = [None, "text", 3, [None], {}, {"alerts": {}}, {"alerts": [None]}, {"labels": "a"}]
REFUSED: list[tuple[Any, str]] = [
    ({"alerts": [{"annotations": {}}]}, NO_ALERT),
    ({"alerts": [{"labels": []}]}, NO_ALERT),
    ({"labels": {}, "annotations": "a"}, NO_ALERT),
    ({"labels": {"a": ["x"]}}, "the alert: labels.a holds a list or an object, not a text"),
    ({"labels": {"a": {"b": 1}}}, "the alert: labels.a holds a list or an object, not a text"),
    ({"labels": {"a": float("nan")}}, "the alert: labels.a holds no number, not a text"),
    ({"labels": {}, "annotations": {"summary": []}}, "the alert: annotations.summary holds a list or an object"),
    ({"labels": {}, "status": "gone"}, "the alert has the status 'gone'; known here: firing, active"),
    ({"labels": {}, "status": {"state": None}}, "the alert has the status None; known here: firing, active"),
    ([ALERT, {"labels": {"a": []}}], "alert 2 of the notification: labels.a holds a list or an object"),
    ({"labels": {str(n): "x" for n in range(MAX_LABELS + 1)}}, f"the alert has {MAX_LABELS + 1} labels; at most"),
    ([ALERT] * (MAX_ALERTS + 1), f"the notification has {MAX_ALERTS + 1} alerts; at most {MAX_ALERTS} are read"),
    ({"specversion": "1.0", "data_base64": "e30="}, "the CloudEvent has no `data` as JSON; send the alert as its data"),
    ({"specversion": "1.0", "data": "{"}, "the CloudEvent's `data` is no JSON; send the alert as its data"),
]


@pytest.mark.parametrize(("notification", "says"), [*((value, NO_ALERT) for value in NO_ALERTS), *REFUSED])
def test_what_cannot_be_read_whole_is_refused_with_a_reason(notification: Any, says: str) -> None:
    assert refused(notification).startswith(says)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=4), st.dictionaries(st.text(max_size=12), JSON, max_size=2))
def test_an_alert_is_read_whole_or_refused_and_no_value_looks_like_another_line(
    labels: dict[str, Any], annotations: dict[str, Any]
) -> None:
    try:
        (alert,) = read_alerts({"labels": labels, "annotations": annotations})
    except StageError:
        return
    text = render_alert(alert)
    assert len(text.splitlines()) <= 1 + len(labels) + len(annotations)
    assert all(character.isprintable() or character == "\n" for character in text)


@given(JSON)
def test_anything_at_all_is_read_or_refused(value: Any) -> None:
    for shape in (value, {"alerts": value}, {"labels": value}, {"specversion": "1.0", "data": value}):
        try:
            read_alerts(shape)
        except StageError as error:
            assert str(error)

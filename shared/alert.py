"""Firing alerts as the text that the model reads, one prompt for each.

An agent is told of alerts in several shapes; `read_alerts` makes one of them, and refuses what it cannot read whole.
`render_alert` writes an alert as training rows have it: both are the same function, so that training and serving
cannot differ. What is read:

- Alertmanager's webhook, version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config),
- the list of its API v2, which `amtool alert query --output json` prints as well,
- one alert of either,
- any of these as the `data` of a CloudEvent (https://github.com/cloudevents/spec).
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import StageError

# Other annotations are links, or hold the answer (`lambda_function`), which no prompt may.
SHOWN_ANNOTATIONS = ("summary", "description", "message")
MAX_LABELS = 64
MAX_LABEL = 1000  # characters of a label's value; a name in Kubernetes has at most 253
MAX_ALL_LABELS = 8000  # characters of all labels together: a prompt has to leave room for the functions
MAX_TEXT = 1000  # characters of an annotation that are shown
MAX_ALERTS = 1000
FIRING, RESOLVED = "firing", "resolved"
# By API v2 an alert that is muted fires all the same: whoever asks for a remedy decides that.
_STATES = {"firing": FIRING, "active": FIRING, "unprocessed": FIRING, "suppressed": FIRING, "resolved": RESOLVED}
_SHORTER = "shorten it in the rule, or drop labels by Alertmanager's or Prometheus' relabelling"
_NO_ALERT = "is no Alertmanager notification: it needs `alerts`, or `labels` of one alert"


@dataclass(frozen=True)
class Alert:
    """One alert: its status, and labels and annotations as one line of text each."""

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def is_firing(self) -> bool:
        """Whether it needs an answer at all."""
        return self.status == FIRING


def read_alerts(notification: Any) -> list[Alert]:
    """Returns the alerts of a notification in any of the shapes above, in order; none of an empty list.

    White space inside a name or a value becomes one space, and control characters go, so that neither can look like
    another line. Labels without a value are left out, as Prometheus does; annotations longer than MAX_TEXT end in `…`.
    Raises StageError for what is no notification, and for an alert that cannot be read whole: a label that is longer
    than MAX_LABEL or holds a list or an object, more than MAX_LABELS or MAX_ALL_LABELS, a status that nobody knows.
    """
    found = read_each(notification)
    for each in found:
        if isinstance(each, StageError):
            raise each
    return [each for each in found if isinstance(each, Alert)]


def read_each(notification: Any) -> list[Alert | StageError]:
    """Returns what `read_alerts` does, with the reason in the place of each alert that cannot be read whole.

    Raises StageError for what is no notification, or holds more than MAX_ALERTS.
    """
    found = _found(notification)
    if len(found) > MAX_ALERTS:
        raise StageError(f"the notification has {len(found)} alerts; at most {MAX_ALERTS} are read; send them in parts")
    several = len(found) > 1
    read: list[Alert | StageError] = []
    for number, alert in found:
        try:
            read.append(_read(alert, f"alert {number} of the notification" if several else "the alert"))
        except StageError as error:
            read.append(error)
    return read


def render_alert(alert: Alert) -> str:
    """Returns an alert as text: status, name, labels by name, shown annotations."""
    labels = dict(alert.labels)
    name = labels.pop("alertname", "")
    shown = [(key, alert.annotations[key]) for key in SHOWN_ANNOTATIONS if alert.annotations.get(key)]
    lines = [f"{key}: {value}" for key, value in [*sorted(labels.items()), *shown]]
    return "\n".join([f"{alert.status} alert {name}".strip(), *lines])


def render_notification(notification: Any) -> str:
    """Returns a notification as text, its alerts one below another. Raises StageError as `read_alerts`, or for none."""
    alerts = read_alerts(notification)
    if not alerts:
        raise StageError(f"the alert {_NO_ALERT}")
    return "\n\n".join(map(render_alert, alerts))


def _found(notification: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """Returns the alerts with their places from 1. Raises StageError where the value holds none."""
    value = _data(notification)
    common: Mapping[str, Any] = {}
    if isinstance(value, dict):
        common = {key: value.get(key) for key in ("commonLabels", "commonAnnotations")}
        value = value.get("alerts", [value])
    if not isinstance(value, list) or (value and not all(isinstance(each, dict) for each in value)):
        raise StageError(f"the alert {_NO_ALERT}")
    return [(number, common | alert) for number, alert in enumerate(value, 1)]


def _data(notification: Any) -> Any:
    """Returns a CloudEvent's data; anything else as it is."""
    if not isinstance(notification, dict) or "specversion" not in notification:
        return notification
    if "data" not in notification:
        raise StageError("the CloudEvent has no `data` as JSON; send the alert as its data, not as base64")
    data = notification["data"]
    try:
        return json.loads(data) if isinstance(data, str) else data
    except (ValueError, RecursionError):
        raise StageError("the CloudEvent's `data` is no JSON; send the alert as its data") from None


def _read(alert: Mapping[str, Any], place: str) -> Alert:
    labels = dict(_texts(alert, "labels", "commonLabels", place))
    if len(labels) > MAX_LABELS:
        raise StageError(f"{place} has {len(labels)} labels; at most {MAX_LABELS} are read; {_SHORTER}")
    for key, value in labels.items():
        if len(value) > MAX_LABEL:
            found = f"a label {key:.40} of {len(value)} characters; at most {MAX_LABEL} are read"
            raise StageError(f"{place} has {found}; {_SHORTER}")
    if (length := sum(len(key) + len(value) for key, value in labels.items())) > MAX_ALL_LABELS:
        raise StageError(f"{place} has labels of {length} characters; at most {MAX_ALL_LABELS} are read; {_SHORTER}")
    annotations = {key: _cut(text) for key, text in _texts(alert, "annotations", "commonAnnotations", place)}
    return Alert(_status(alert, place), labels, annotations)


def _texts(alert: Mapping[str, Any], own: str, common: str, place: str) -> Iterator[tuple[str, str]]:
    """Yields the texts of an alert, what all alerts of a notification share first."""
    if not isinstance(alert.get(own), dict) and (own == "labels" or alert.get(own) is not None):
        raise StageError(f"the alert {_NO_ALERT}")
    shared = alert.get(common)
    for key, value in [*(shared.items() if isinstance(shared, dict) else ()), *(alert.get(own) or {}).items()]:
        name, text = _line(str(key)), _text(value, (place, own, key))
        if name and text:
            yield name, text


def _text(value: Any, at: tuple[str, str, object]) -> str:
    if isinstance(value, str):
        return _line(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    found = "no number" if isinstance(value, float) else "a list or an object"
    place, own, key = at
    raise StageError(f"{place}: {own}.{key!s:.40} holds {found}, not a text; send each value as one text")


def _status(alert: Mapping[str, Any], place: str) -> str:
    status = alert.get("status", FIRING)
    state = status.get("state") if isinstance(status, dict) else status
    if not isinstance(state, str) or state.lower() not in _STATES:
        raise StageError(f"{place} has the status {state!r:.40}; known here: {', '.join(_STATES)}")
    return _STATES[state.lower()]


def _line(text: str) -> str:
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1].rstrip()}…"

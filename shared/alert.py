"""An Alertmanager notification as the text that the model reads.

The agent renders what Alertmanager's webhook delivers (version 4:
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config) with `render_alert`;
training rows are made by the same function, so that training and serving cannot differ.
"""

from collections.abc import Mapping
from typing import Any

from shared.errors import StageError

# Other annotations are links, or hold the answer (`lambda_function`), which no prompt may.
SHOWN_ANNOTATIONS = ("summary", "description", "message")


def render_alert(alert: Mapping[str, Any]) -> str:
    """Returns one alert of a notification as text: status, name, labels by name, shown annotations.

    alert: `{"status": …, "labels": {…}, "annotations": {…}}`. White space inside a name or a value
    becomes one space, so that neither can look like another line.
    """
    labels = dict(alert.get("labels", {}))
    annotations = alert.get("annotations", {})
    name = labels.pop("alertname", "")
    head = f"{alert.get('status', 'firing')} alert {name}".strip()
    shown = [(key, annotations[key]) for key in SHOWN_ANNOTATIONS if annotations.get(key)]
    lines = [f"{_flat(key)}: {_flat(value)}" for key, value in [*sorted(labels.items()), *shown]]
    return "\n".join([_flat(head), *lines])


def render_notification(notification: Any) -> str:
    """Returns a webhook payload, or one alert of it, as text; several alerts stand one below another.

    Raises StageError where it is neither.
    """
    alerts = notification.get("alerts", [notification]) if isinstance(notification, dict) else None
    if not isinstance(alerts, list) or not alerts or not all(map(_is_alert, alerts)):
        raise StageError("the alert is no Alertmanager notification: it needs `alerts`, or `labels` of one alert")
    return "\n\n".join(map(render_alert, alerts))


def _is_alert(alert: Any) -> bool:
    parts = (alert.get("labels"), alert.get("annotations", {})) if isinstance(alert, dict) else (None,)
    return all(isinstance(part, dict) for part in parts)


def _flat(value: Any) -> str:
    return " ".join(str(value).split())

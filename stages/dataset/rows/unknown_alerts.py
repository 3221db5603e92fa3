"""Alerts that no runbook here knows; their answer is no call."""

import tomllib
from collections.abc import Collection
from functools import cache
from pathlib import Path

from stages.dataset.rows.labels import split_of
from stages.dataset.runbook.alert import Alert, Section


def unknown_alerts(split: str, known: Collection[str]) -> list[Alert]:
    """Returns the alerts of a split that are none of known: each belongs to one split by the hash of its name."""
    return [alert for alert in _alerts() if split_of(alert.name) == split and alert.name not in known]


@cache
def _alerts() -> tuple[Alert, ...]:
    entries = tomllib.loads(Path(__file__).with_name("unknown_alerts.toml").read_text("utf-8"))["alerts"]
    return tuple(
        Alert(entry["name"], 0, entry.get("severity", "warning"), sections=[Section("symptoms", "", 0, entry["texts"])])
        for entry in entries
    )

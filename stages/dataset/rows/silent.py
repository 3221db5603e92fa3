"""Alerts that want no call: what the runbook says so of, rules that nothing covers, and alerts of other systems."""

import random
import tomllib
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from pathlib import Path

from stages.dataset.rows.labels import split_of
from stages.dataset.rows.unseen import is_within
from stages.dataset.runbook.alert import Alert, Section

ONLY_TESTED = 0.25  # the share of uncovered alerts that training never sees
MOST_TESTED = 100  # of these, so that a large repository is evaluated in minutes
DOCUMENTED = 0.3  # the share of rows without a call that are about alerts of the runbook, where it has such
_KEY = b"agent-training uncovered 1"


def apart(uncovered: Sequence[Alert]) -> tuple[list[Alert], list[Alert]]:
    """Returns the uncovered alerts that train silence, and those that only test it, by a keyed hash of their names.

    One name, of whatever severity, is on one side.
    """
    tested = [alert for alert in uncovered if is_within(alert.name, ONLY_TESTED, _KEY)]
    names = {alert.name for alert in tested}
    return [alert for alert in uncovered if alert.name not in names], tested[:MOST_TESTED]


def in_turns(documented: Sequence[Alert], others: Sequence[Alert], chance: random.Random) -> Iterator[Alert]:
    """Yields alerts without end: DOCUMENTED of them from the first, each alert as often as the others of its kind."""
    turns = [_turns(alerts, chance) for alerts in (documented, others) if alerts]
    while turns:
        yield next(turns[0] if len(turns) == 1 or chance.random() < DOCUMENTED else turns[1])


def _turns(alerts: Sequence[Alert], chance: random.Random) -> Iterator[Alert]:
    while True:
        yield from chance.sample(alerts, len(alerts))


def foreign(split: str, known: Collection[str]) -> list[Alert]:
    """Returns alerts of systems that no agent here looks after and that are none of known.

    Each belongs to one split by the hash of its name.
    """
    return [alert for alert in _foreign() if split_of(alert.name) == split and alert.name not in known]


@cache
def _foreign() -> tuple[Alert, ...]:
    entries = tomllib.loads(Path(__file__).with_name("foreign_alerts.toml").read_text("utf-8"))["alerts"]
    return tuple(
        Alert(entry["name"], 0, entry.get("severity", "warning"), sections=[Section("symptoms", "", 0, entry["texts"])])
        for entry in entries
    )

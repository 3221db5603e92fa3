"""What the gate asks of an evaluation: how often the model was right, called in vain or not at all, and how fast."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.artifacts import Evaluation
from shared.errors import StageError

TOGETHER = " + "  # between the names of functions that one row asks for


@dataclass(frozen=True)
class Share:
    """Of so many rows, so many were right."""

    right: int
    rows: int


@dataclass(frozen=True)
class Count:
    """Of so many rows, so many times it happened."""

    count: int
    rows: int


@dataclass(frozen=True)
class Measured:
    """The fine-tuned model's measures on the test rows."""

    accuracy: float
    rows: int
    latency_ms: float | None
    """What 95 of 100 single requests did not exceed; None where nobody measured it."""
    functions: Mapping[str, Share]
    """By the function, or the functions together, that a row asks for."""
    false_calls: Count | None
    """Of the rows that want no call, those that got one; None where an older evaluate did not tell."""
    missed_calls: Count | None
    """Of the rows that want a call, those that got none; None where an older evaluate did not tell."""

    def of_function(self, name: str) -> Share:
        """Returns the share of the rows that ask for a function, alone or together with others."""
        shares = [share for label, share in self.functions.items() if name in label.split(TOGETHER)]
        return Share(sum(share.right for share in shares), sum(share.rows for share in shares))


def read_measured(evaluation: Evaluation, rows: int) -> Measured:
    """Returns the measures that report.json tells; rows: how many test rows were answered.

    Raises StageError where it tells them in another form than evaluate writes.
    """
    tuned = evaluation.report()["tuned"]
    try:
        latency = tuned.get("latency_ms", {}).get("p95")
        functions = {label: _share(entry) for label, entry in tuned.get("per_function", {}).items()}
        false_calls, missed_calls = (_count(tuned.get(name)) for name in ("false_calls", "missed_calls"))
        is_sound = latency is None or (_is_number(latency) and latency >= 0)
    except (AttributeError, LookupError, TypeError):
        is_sound = False
    if not is_sound:
        what = "latencies, rows by function, false and missed calls"
        found = f"{evaluation.path / 'report.json'} holds no {what} as evaluate writes them"
        raise StageError(f"{found}; evaluate the model again")
    return Measured(tuned["accuracy"], rows, latency, functions, false_calls, missed_calls)


def _share(entry: Mapping[str, Any]) -> Share:
    share = Share(entry["right"], entry["rows"])
    if type(share.right) is not int or type(share.rows) is not int:
        raise TypeError(entry)
    return share


def _count(entry: Mapping[str, Any] | None) -> Count | None:
    if entry is None:
        return None
    found = Count(entry["count"], entry["rows"])
    if type(found.count) is not int or type(found.rows) is not int or not 0 <= found.count <= found.rows:
        raise TypeError(entry)
    return found


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)

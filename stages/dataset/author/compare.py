"""What changed between two datasets of an agent: alerts, their answers, and how often each function is the answer."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.artifacts import ALL_SPLITS, SPLITS
from shared.errors import StageError

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """added, removed: names of alerts. changed: alert → its old and its new answer.

    function_drift, label_drift: how far the distributions of answers and of labels moved, from 0 (equal) to 1: half
    the sum of the differences of the shares (total variation distance).
    """

    added: list[str]
    removed: list[str]
    changed: dict[str, tuple[str, str]]
    functions: dict[str, tuple[float, float]]
    function_drift: float
    label_drift: float

    def lines(self) -> Iterator[str]:
        """Yields the comparison for a person."""
        yield from (f"added    {name}" for name in self.added)
        yield from (f"removed  {name}" for name in self.removed)
        yield from (f"changed  {name}: {old} → {new}" for name, (old, new) in self.changed.items())
        yield from (
            f"share    {name}: {old:.1%} → {new:.1%}" for name, (old, new) in self.functions.items() if old != new
        )
        drift = f"drift of functions {self.function_drift:.3f}, of labels {self.label_drift:.3f}"
        yield f"{drift} (0 is equal, 1 is disjoint)"

    def as_json(self) -> str:
        """Returns the comparison as a JSON object."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


def compare(old: Rows, new: Rows) -> Comparison:
    """Returns what changed from the rows of one dataset to those of another."""
    before, after = answers(old), answers(new)
    shares = _shares(_functions(old)), _shares(_functions(new))
    return Comparison(
        added=sorted(after.keys() - before.keys()),
        removed=sorted(before.keys() - after.keys()),
        changed={
            name: (before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        },
        functions={
            name: (shares[0].get(name, 0.0), shares[1].get(name, 0.0)) for name in sorted({*shares[0], *shares[1]})
        },
        function_drift=_distance(*shares),
        label_drift=_distance(_shares(_labels(old)), _shares(_labels(new))),
    )


def answers(rows: Rows) -> dict[str, str]:
    """Returns the answer that each known alert has when it fires, with the labels that fill it in braces."""
    found: dict[str, str] = {}
    for row in rows:
        alert = _alerts(row)[0]
        if not row["alert"] or alert.get("status") != "firing":
            continue
        calls = json.loads(row["call"])
        call = calls[0] if isinstance(calls, list) else calls
        found.setdefault(row["alert"], _answer(call, alert.get("labels", {})) if call else "no call")
    return found


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Returns all rows of a dataset, a folder or the stage's tar file. Raises StageError where it is neither."""
    rows: list[dict[str, Any]] = []
    for split in ALL_SPLITS:
        text = _file(path, f"{split}.jsonl", is_needed=split in SPLITS)
        rows += [json.loads(line) for line in text.splitlines() if line]
    return rows


def _file(path: Path, name: str, is_needed: bool) -> str:
    try:
        if path.is_dir():
            return (path / name).read_text("utf-8") if is_needed or (path / name).exists() else ""
        with tarfile.open(path) as archive:
            member = archive.extractfile(name)
            return member.read().decode() if member else ""
    except KeyError:
        if not is_needed:
            return ""
    except (OSError, tarfile.TarError, UnicodeDecodeError):
        pass
    raise StageError(f"{path} is no dataset: {name} cannot be read; give a dataset's folder or its tar file")


def _answer(call: dict[str, Any], labels: dict[str, str]) -> str:
    by_value = {value: f"{{{label}}}" for label, value in sorted(labels.items(), reverse=True)}
    shown = (
        f"{name}={by_value.get(value, value) if isinstance(value, str) else value}"
        for name, value in call["arguments"].items()
    )
    return f"{call['name']}({', '.join(shown)})"


def _alerts(row: dict[str, Any]) -> list[dict[str, Any]]:
    known = json.loads(row["notification"])
    alerts: list[dict[str, Any]] = known.get("alerts", [known])
    return alerts


def _functions(rows: Rows) -> Counter[str]:
    return Counter(row["function"] or "no call" for row in rows)


def _labels(rows: Rows) -> Counter[str]:
    return Counter(label for row in rows for alert in _alerts(row) for label in alert.get("labels", {}))


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total() or 1
    return {name: count / total for name, count in counts.items()}


def _distance(one: dict[str, float], other: dict[str, float]) -> float:
    return round(sum(abs(one.get(name, 0) - other.get(name, 0)) for name in {*one, *other}) / 2, 4)

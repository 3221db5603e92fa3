"""Whether held-out rows can be answered from memory: duplicates inside a split, and leaks between splits."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import StageError, one_line
from stages.dataset.rows.labels import is_shared
from stages.dataset.rows.likeness import is_near
from stages.dataset.rows.row import Row, normalised

_SHOWN = 3


@dataclass(frozen=True)
class Leak:
    """Two rows of two splits of which one tells the other's answer."""

    reason: str
    split: str
    id: str
    other_split: str
    other_id: str

    def __str__(self) -> str:
        return f"row {self.id} of {self.split} and row {self.other_id} of {self.other_split} {self.reason}"


def without_duplicates(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows without those that nearly repeat an earlier one of their split: one answer to the same words.

    In training, calls that no label fills may be alike: an alert with fixed names always looks nearly the same.
    """
    kept: list[Row] = []
    seen: set[tuple[str, str]] = set()
    answers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        key = (row.split, row.completion)
        may_be_alike = not row.function or (row.answer == "constant" and row.split == "train")
        near = () if may_be_alike else (is_near(row.words, other) for other in answers[key])
        if (row.split, row.words) in seen or any(near):
            continue
        seen.add((row.split, row.words))
        answers[key].append(row.words)
        kept.append(row)
    return kept


def check_leaks(splits: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Raises StageError, naming rows, where a held-out row is in training: its words, its answer, or a label value.

    splits: the rows of each split as its file holds them, training first; `stated` may tell label values that the
    runbook or a rule names, and all splits may therefore have, and `words` what `Row.words` has found.
    """
    leaks = list(find_leaks(splits))
    if leaks:
        shown = "; ".join(str(leak) for leak in leaks[:_SHOWN])
        more = f"; and {len(leaks) - _SHOWN} more" if len(leaks) > _SHOWN else ""
        raise StageError(
            one_line(f"the splits are not apart, so that no figure on them would be honest: {shown}{more}")
        )


def find_leaks(splits: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterator[Leak]:
    """Yields each leak once, by the first of its reasons."""
    words: dict[str, tuple[str, str]] = {}
    values: dict[str, tuple[str, str]] = {}
    answers: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for split, rows in splits.items():
        for row in rows:
            content = row.get("words") or normalised(_turn(row["prompt"]))
            place, own = (split, row["id"]), label_values(row)
            found = _repeated(content, split, words) or _shared_value(own, split, values)
            found = found or _near(content, row, split, answers[row["completion"]])
            if found:
                yield Leak(found[0], *place, *found[1])
            words.setdefault(content, place)
            for value in own:
                values.setdefault(value, place)
            if row.get("function"):
                answers[row["completion"]].append((content, *place))


def label_values(row: Mapping[str, Any]) -> set[str]:
    """Returns the label values of a row's notification that belong to its split alone."""
    shown = json.loads(row.get("notification") or "{}").get("labels", {})
    is_renamed, stated = row.get("alertname") == "renamed", row.get("stated", ())
    return {
        str(value)
        for label, value in shown.items()
        if value not in stated and (not is_shared(label) or (is_renamed and label == "alertname"))
    }


def _turn(prompt: str) -> str:
    """Returns what a prompt asks, without the declarations that all share."""
    return "".join(prompt.rpartition("<start_of_turn>user\n")[1:])


def _repeated(content: str, split: str, words: Mapping[str, tuple[str, str]]) -> tuple[str, tuple[str, str]] | None:
    other = words.get(content)
    return ("say the same", other) if other and other[0] != split else None


def _shared_value(
    own: Collection[str], split: str, values: Mapping[str, tuple[str, str]]
) -> tuple[str, tuple[str, str]] | None:
    for value in sorted(own):
        other = values.get(value)
        if other and not _may_share(split, other[0]):
            return f"share the label value {value!r:.60}", other
    return None


def _may_share(one: str, other: str) -> bool:
    """Alerts that are held out whole draw the test split's values."""
    return one == other or not {one, other} & {"train", "valid"}


def _near(
    content: str, row: Mapping[str, Any], split: str, answers: Sequence[tuple[str, str, str]]
) -> tuple[str, tuple[str, str]] | None:
    if not row.get("function") or row.get("answer") == "constant":
        return None  # what is tested of a constant is memory, and is measured apart
    for other, *place in answers:
        if place[0] != split and is_near(content, other):
            return "give one answer to nearly the same words", (place[0], place[1])
    return None

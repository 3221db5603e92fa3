"""What can be answered without a model: the least that a model has to beat."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from shared.function_call import Call, Reading
from stages.evaluate.judging.scoring import Question, canonical, canonical_calls, label

DESCRIPTIONS = {
    "majority": "answers every alert with the call that is most frequent in the training rows",
    "lookup": (
        "finds the name that the notification shows among the names that training rows show and takes their most "
        "frequent function; each argument is copied from the label that held it most often there, or is its most "
        "frequent value, whichever was right more often; a name never seen gets the most frequent call"
    ),
}


def baselines(training: Sequence[Question], test: Sequence[Question]) -> dict[str, list[Reading]]:
    """Returns each baseline's answer to every test row, made from the training rows alone."""
    majority = _most_frequent(training)
    table = _lookup_table(training)
    return {
        "majority": [Reading(majority) for _ in test],
        "lookup": [
            Reading(_look_up(row, table[name]) if (name := shown_name(row)) in table else majority) for row in test
        ],
    }


def most_frequent_function(rows: Iterable[Question]) -> str:
    """Returns the label that most rows expect."""
    return Counter(label(row.expected) for row in rows).most_common(1)[0][0]


def shown_name(row: Question) -> str:
    """Returns the first line of the alert as the model reads it: its status and name, '' for an alert without name."""
    head = row.content.partition("\n")[0]
    return head if len(head.split()) > 2 else ""


def labels(content: str) -> dict[str, str]:
    """Returns the `key: value` lines of an alert as `render_alert` writes it, behind its first line."""
    pairs = (line.partition(": ") for line in content.splitlines()[1:])
    return {key: value for key, separator, value in pairs if separator}


def _most_frequent(rows: Iterable[Question]) -> tuple[Call, ...]:
    by_text: dict[str, list[Question]] = defaultdict(list)
    for row in rows:
        by_text[canonical_calls(row.expected)].append(row)
    return max(by_text.values(), key=len)[0].expected


class _Argument:
    """How one argument is found: copied from the label `source`, or `constant` where that is None or missing."""

    def __init__(self, rows: Sequence[Question], values: Sequence[Any]) -> None:
        text, count = Counter(map(canonical, values)).most_common(1)[0]
        self.constant = json.loads(text)
        self.source: str | None = None
        matches = Counter(
            key
            for row, value in zip(rows, values, strict=True)
            for key, held in labels(row.content).items()
            if canonical(_typed(held, value)) == canonical(value)
        )
        if matches and matches.most_common(1)[0][1] > count:
            self.source = matches.most_common(1)[0][0]

    def value(self, held: dict[str, str]) -> Any:
        if self.source is None or self.source not in held:
            return self.constant
        return _typed(held[self.source], self.constant)


def _typed(text: str, example: Any) -> Any:
    """Returns a label's text as the whole number that example is, or as it stands."""
    is_number = type(example) is int and text.removeprefix("-").isdecimal()
    return int(text) if is_number else text


def _lookup_table(training: Sequence[Question]) -> dict[str, list[tuple[str, dict[str, _Argument]]]]:
    by_name: dict[str, list[Question]] = defaultdict(list)
    for row in training:
        if name := shown_name(row):
            by_name[name].append(row)
    return {name: _learned(rows) for name, rows in by_name.items()}


def _learned(rows: Sequence[Question]) -> list[tuple[str, dict[str, _Argument]]]:
    shapes = Counter(canonical([[call.name, sorted(call.arguments)] for call in row.expected]) for row in rows)
    shape = json.loads(shapes.most_common(1)[0][0])
    alike = [row for row in rows if [[call.name, sorted(call.arguments)] for call in row.expected] == shape]
    return [
        (name, {key: _Argument(alike, [row.expected[place].arguments[key] for row in alike]) for key in keys})
        for place, (name, keys) in enumerate(shape)
    ]


def _look_up(row: Question, learned: list[tuple[str, dict[str, _Argument]]]) -> tuple[Call, ...]:
    held = labels(row.content)
    return tuple(Call(name, {key: each.value(held) for key, each in arguments.items()}) for name, arguments in learned)

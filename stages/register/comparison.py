"""A new model against the champion, row by row, by today's answers."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.artifacts import ChatDataset, Evaluation
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import PromptFile
from stages.register import paired
from stages.register.paired import Interval

Predictions = Mapping[str, str]
"""The raw text of a model's answer by row id."""


@dataclass(frozen=True)
class Comparison:
    """A new model and the champion on the rows that both answered: how many both, one or none of them has right.

    gained: rows that only the new model has right. lost: those that only the champion has. unseen: test rows that the
    champion never saw.
    """

    champion: str
    both: int
    gained: int
    lost: int
    neither: int
    unseen: int = 0

    @property
    def common(self) -> int:
        """The rows that both models answered."""
        return self.both + self.gained + self.lost + self.neither

    @property
    def right(self) -> int:
        """The common rows that the new model has right."""
        return self.both + self.gained

    @property
    def champion_right(self) -> int:
        """The common rows that the champion has right."""
        return self.both + self.lost

    @property
    def difference(self) -> float:
        """The new model's accuracy less the champion's; there is at least one common row."""
        return (self.gained - self.lost) / self.common

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the difference."""
        return paired.difference_interval(self.both, self.gained, self.lost, self.neither)

    @property
    def chance(self) -> float:
        """The p-value of the difference."""
        return paired.chance(self.gained, self.lost)

    def counts(self) -> dict[str, int]:
        """Returns how many rows were compared and how they came out."""
        names = ("common", "right", "champion_right", "gained", "lost", "unseen")
        return {name: getattr(self, name) for name in names}

    def measures(self) -> dict[str, float]:
        """Returns the difference, its interval and its p-value; nothing where no row was compared."""
        if not self.common:
            return {}
        low, high = self.interval
        return {"difference": self.difference, "interval_low": low, "interval_high": high, "p_value": self.chance}


def compare(dataset: ChatDataset, new: Predictions, champion: str, stored: Predictions) -> Comparison:
    """Returns the paired comparison on the test rows whose ids both know.

    Both texts are read by the dataset's prompt file and measured by its calls: what the champion
    answered counts by what is right today.
    """
    right, champion_right = right_rows(dataset, new), right_rows(dataset, stored)
    pairs = Counter((right[row], champion_right[row]) for row in right.keys() & champion_right.keys())
    return Comparison(
        champion=champion,
        both=pairs[True, True],
        gained=pairs[True, False],
        lost=pairs[False, True],
        neither=pairs[False, False],
        unseen=len(right.keys() - champion_right.keys()),
    )


def right_rows(dataset: ChatDataset, texts: Predictions) -> dict[str, bool]:
    """Returns by id whether the answer to a test row is right, for the rows that were answered."""
    prompt_file = dataset.prompt()
    answered = [row for row in dataset.rows("test") if row["id"] in texts]
    return {row["id"]: _is_right(prompt_file, texts[row["id"]], expected_calls(row)) for row in answered}


def tuned_texts(evaluation: Evaluation) -> Predictions:
    """Returns the fine-tuned model's raw answers."""
    return {prediction["id"]: prediction["tuned"] for prediction in evaluation.predictions()}


def expected_calls(row: Mapping[str, Any]) -> list[Call]:
    """Returns a row's calls, which it holds as JSON of one call, of a list of calls, or null for none.

    Raises StageError where it holds something else.
    """
    try:
        value = json.loads(row["call"] or "null")
        calls = value if isinstance(value, list) else [value] if value else []
        return [Call(call["name"], call["arguments"]) for call in calls]
    except (ValueError, TypeError, KeyError):
        raise StageError(
            f"the test row {row['id']} holds no call: {row['call']!r:.80}; make the dataset again"
        ) from None


def _is_right(prompt_file: PromptFile, text: str, expected: Iterable[Call]) -> bool:
    reading = prompt_file.read(text)
    return reading.fault is None and _canonical(reading.calls) == _canonical(expected)


def _canonical(calls: Iterable[Call]) -> str:
    # JSON tells 1, 1.0 and true apart, which Python holds equal.
    return json.dumps([[call.name, call.arguments] for call in calls], sort_keys=True)

"""A new model against the champion, row by row, by today's answers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.artifacts import ChatDataset, Evaluation
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import PromptFile

Predictions = Mapping[str, str]
"""The raw text of a model's answer by row id."""


@dataclass(frozen=True)
class Comparison:
    """How many of the rows that both models answered each has right, and how many the champion never saw."""

    champion: str
    common: int
    right: int
    champion_right: int
    unseen: int


def compare(dataset: ChatDataset, new: Predictions, champion: str, stored: Predictions) -> Comparison:
    """Returns the paired comparison on the test rows whose ids both know.

    Both texts are read by the dataset's prompt file and measured by its calls: what the champion
    answered counts by what is right today.
    """
    prompt_file = dataset.prompt()
    answers = {row["id"]: _expected(row) for row in dataset.rows("test") if row["id"] in new}
    common = answers.keys() & stored.keys()
    return Comparison(
        champion=champion,
        common=len(common),
        right=sum(_is_right(prompt_file, new[row], answers[row]) for row in common),
        champion_right=sum(_is_right(prompt_file, stored[row], answers[row]) for row in common),
        unseen=len(answers) - len(common),
    )


def tuned_texts(evaluation: Evaluation) -> Predictions:
    """Returns the fine-tuned model's raw answers."""
    return {prediction["id"]: prediction["tuned"] for prediction in evaluation.predictions()}


def _is_right(prompt_file: PromptFile, text: str, expected: str) -> bool:
    reading = prompt_file.read(text)
    return reading.fault is None and _canonical(reading.calls) == expected


def _expected(row: Mapping[str, Any]) -> str:
    """Returns the canonical text of a row's calls: JSON of one call, of a list of calls, or null for none."""
    try:
        value = json.loads(row["call"] or "null")
        calls = value if isinstance(value, list) else [value] if value else []
        return _canonical(Call(call["name"], call["arguments"]) for call in calls)
    except (ValueError, TypeError, KeyError):
        raise StageError(
            f"the test row {row['id']} holds no call: {row['call']!r:.80}; make the dataset again"
        ) from None


def _canonical(calls: Iterable[Call]) -> str:
    # JSON tells 1, 1.0 and true apart, which Python holds equal.
    return json.dumps([[call.name, call.arguments] for call in calls], sort_keys=True)

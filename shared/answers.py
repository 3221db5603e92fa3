"""A model's raw answers as a run keeps them, and whether they are right by the calls of a dataset.

What a model once wrote is measured by today's runbook, so that no model has to run.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.artifacts import ChatDataset
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import PromptFile

Predictions = Mapping[str, str]
"""The raw text of a model's answer by row id."""


def right_rows(dataset: ChatDataset, texts: Predictions, splits: Iterable[str] = ("test",)) -> dict[str, bool]:
    """Returns by id whether the answer to a row of the splits is right, for the rows that were answered."""
    prompt_file = dataset.prompt()
    answered = [row for split in splits for row in dataset.rows(split) if row["id"] in texts]
    return {row["id"]: _is_right(prompt_file, texts[row["id"]], expected_calls(row)) for row in answered}


def tuned_texts(predictions: Iterable[Mapping[str, Any]]) -> Predictions:
    """Returns the fine-tuned model's raw answers of an evaluation's predictions."""
    return {prediction["id"]: prediction["tuned"] for prediction in predictions}


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

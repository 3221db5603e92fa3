"""What was asked, what was answered, and whether that is right."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.artifacts import UNSEEN_ALERTS, ChatDataset
from shared.errors import StageError
from shared.function_call import Call, Reading
from shared.prompt import PLACEHOLDER, PromptFile
from stages.evaluate.schema import satisfies

RIGHT = "right"
WRONG_ARGUMENTS = "wrong arguments"
WRONG_FUNCTION = "wrong function"
NO_CALL = "no call"  # no function's name holds a space
UNWANTED_CALL = "unwanted call"
UNREADABLE = "not readable"
VERDICTS = (RIGHT, WRONG_ARGUMENTS, WRONG_FUNCTION, NO_CALL, UNWANTED_CALL, UNREADABLE)

NORMAL_95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution


@dataclass(frozen=True)
class Question:
    """One row of the dataset: the alert's text as the user's turn holds it, and the calls that are right."""

    id: str
    alert: str
    prompt: str
    content: str
    call: str
    expected: tuple[Call, ...]
    split: str = "test"
    alertname: str = "stated"
    """How the notification shows the alert's name: "stated", "renamed" or "missing"."""
    completion: str = ""
    """The right answer as the model is to write it, its stop token included."""


@dataclass(frozen=True)
class Judged:
    """An answer, read in the agent's names, with the verdict on it."""

    question: Question
    reading: Reading
    verdict: str
    text: str = ""


def read_questions(dataset: ChatDataset, split: str) -> list[Question]:
    """Returns the rows of a split.

    Raises StageError for an empty split but UNSEEN_ALERTS, and for a row that cannot be judged.
    """
    prompt_file = dataset.prompt()
    questions = [_question(row, prompt_file, split) for row in dataset.rows(split)]
    if not questions and split != UNSEEN_ALERTS:
        raise StageError(f"the dataset has no {split} row; describe more alerts or raise examples_per_alert")
    return questions


def judge(question: Question, reading: Reading, text: str = "") -> Judged:
    """Returns the verdict: right means the same calls in the same order, and no call where none is due.

    Values are compared with their types: 3 is neither 3.0 nor "3" nor true.
    """
    return Judged(question, reading, _verdict(question.expected, reading), text)


def measure(judged: Sequence[Judged], prompt_file: PromptFile) -> dict[str, Any]:
    """Returns the shares and counts of one model's or baseline's answers, as report.json holds them."""
    right = sum(answer.verdict == RIGHT for answer in judged)
    return {
        "accuracy": right / len(judged),
        "accuracy_interval": wilson_interval(right, len(judged)),
        "right": right,
        "name_accuracy": _share(judged, has_right_names),
        "argument_accuracy": _argument_accuracy(judged),
        "valid_call_rate": _share(judged, lambda answer: is_valid(answer, prompt_file)),
        "relevance": _relevance(judged),
        "parallel": _right_of([answer for answer in judged if len(answer.question.expected) > 1]),
        "verdicts": {verdict: sum(answer.verdict == verdict for answer in judged) for verdict in VERDICTS},
        "per_function": _counts(judged, lambda answer: label(answer.question.expected)),
        "per_alert": _counts(judged, lambda answer: answer.question.alert),
        "per_alertname": _counts(judged, lambda answer: answer.question.alertname),
        "confusion": _confusion(judged),
    }


def wilson_interval(right: int, rows: int) -> list[float]:
    """Returns the bounds of the 95 % score interval for a share (E. B. Wilson, 1927, doi:10.2307/2276774)."""
    share, squared = right / rows, NORMAL_95**2 / rows
    centre = share + squared / 2
    spread = NORMAL_95 * math.sqrt(share * (1 - share) / rows + squared / rows / 4)
    return [max(0.0, (centre - spread) / (1 + squared)), min(1.0, (centre + spread) / (1 + squared))]


def has_right_names(answer: Judged) -> bool:
    """Returns whether the answer is readable and calls the right functions in the right order."""
    return answer.reading.fault is None and names(answer.reading.calls) == names(answer.question.expected)


def is_valid(answer: Judged, prompt_file: PromptFile) -> bool:
    """Returns whether the answer could be carried out: readable, declared functions, arguments by their schemas.

    An answer without a call is valid where no call is due.
    """
    if answer.reading.fault is not None or not (answer.reading.calls or not answer.question.expected):
        return False
    schemas = {schema["name"]: schema.get("parameters") or {} for schema in prompt_file.functions.schemas}
    calls = map(prompt_file.functions.names.to_model, answer.reading.calls)
    return all(satisfies(call.arguments, schemas[call.name]) for call in calls)


def names(calls: Sequence[Call]) -> list[str]:
    """Returns the functions' names in order."""
    return [call.name for call in calls]


def label(calls: Sequence[Call]) -> str:
    """Returns the functions' names as one text."""
    return " + ".join(names(calls)) or NO_CALL


def answered(reading: Reading) -> str:
    """Returns the label of what was answered."""
    return label(reading.calls) if reading.fault is None else UNREADABLE


def canonical(value: Any) -> str:
    """Returns a text that two values share only where they are equal in value and type, at any depth."""
    return json.dumps(value, sort_keys=True)


def canonical_calls(calls: Sequence[Call]) -> str:
    """Returns `canonical` of calls."""
    return canonical([[call.name, call.arguments] for call in calls])


def _question(row: dict[str, Any], prompt_file: PromptFile, split: str) -> Question:
    before, after = prompt_file.user_turn.split(PLACEHOLDER)
    head, prompt = prompt_file.prefix + before, row["prompt"]
    if not (prompt.startswith(head) and prompt.endswith(after)):
        raise StageError(f"the {split} row {row['id']} was not made with the dataset's prompt.json; make it again")
    content = prompt[len(head) : len(prompt) - len(after)]
    shown = row.get("alertname", "stated")
    known = (row["id"], row["alert"], prompt, content, row["call"], _expected(row, split), split, shown)
    return Question(*known, row.get("completion", ""))


def _expected(row: dict[str, Any], split: str) -> tuple[Call, ...]:
    """Returns the calls of a row: JSON text of one call, of a list of calls, or null or nothing for no call."""
    try:
        value = json.loads(row["call"] or "null")
        calls = value if isinstance(value, list) else [value] if value else []
        return tuple(Call(call["name"], dict(call["arguments"])) for call in calls)
    except (ValueError, TypeError, KeyError):
        raise StageError(f"the {split} row {row['id']} holds no call: {row['call']!r:.80}; make it again") from None


def _verdict(expected: tuple[Call, ...], reading: Reading) -> str:
    if reading.fault is not None:
        return UNREADABLE
    if canonical_calls(reading.calls) == canonical_calls(expected):
        return RIGHT
    if not reading.calls:
        return NO_CALL
    if not expected:
        return UNWANTED_CALL
    return WRONG_ARGUMENTS if names(reading.calls) == names(expected) else WRONG_FUNCTION


def _relevance(judged: Sequence[Judged]) -> dict[str, int]:
    """Returns of how many rows no call is due, to how many none was made, and of how many both hold.

    An answer that cannot be read is not counted as one without a call.
    """
    due = [not answer.question.expected for answer in judged]
    kept = [answer.reading.fault is None and not answer.reading.calls for answer in judged]
    return {"due": sum(due), "answered": sum(kept), "both": sum(map(all, zip(due, kept, strict=True)))}


def _right_of(judged: Sequence[Judged]) -> dict[str, int]:
    return {"rows": len(judged), "right": sum(answer.verdict == RIGHT for answer in judged)}


def _share(judged: Sequence[Judged], holds: Callable[[Judged], bool]) -> float:
    return sum(map(holds, judged)) / len(judged)


def _argument_accuracy(judged: Sequence[Judged]) -> float | None:
    """Returns the share of all expected arguments that the call in the same place has; None where there are none."""
    total = sum(len(call.arguments) for answer in judged for call in answer.question.expected)
    right = sum(
        canonical(call.arguments[key]) == canonical(value)
        for answer in judged
        for wanted, call in zip(answer.question.expected, answer.reading.calls, strict=False)
        if wanted.name == call.name
        for key, value in wanted.arguments.items()
        if key in call.arguments
    )
    return right / total if total else None


def _counts(judged: Sequence[Judged], group: Callable[[Judged], str]) -> dict[str, dict[str, int]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for answer in judged:
        groups[group(answer)].append(answer)
    return {
        name: {
            "rows": len(members),
            "right": sum(answer.verdict == RIGHT for answer in members),
            "right_names": sum(map(has_right_names, members)),
        }
        for name, members in sorted(groups.items())
    }


def _confusion(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Returns how often each expected label met each answered one."""
    pairs = Counter((label(answer.question.expected), answered(answer.reading)) for answer in judged)
    expected = sorted({pair[0] for pair in pairs})
    return {name: {other: count for (one, other), count in sorted(pairs.items()) if one == name} for name in expected}

"""What was asked, what was answered, and whether that is right."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.artifacts import SPLITS, ChatDataset
from shared.errors import StageError
from shared.function_call import Call, Reading
from shared.prompt import PLACEHOLDER, PromptFile
from stages.evaluate.judging import intervals
from stages.evaluate.judging.schema import satisfies

RIGHT = "right"
WRONG_ARGUMENTS = "wrong arguments"
WRONG_FUNCTION = "wrong function"
NO_CALL = "no call"  # no function's name holds a space
UNWANTED_CALL = "unwanted call"
UNREADABLE = "not readable"
VERDICTS = (RIGHT, WRONG_ARGUMENTS, WRONG_FUNCTION, NO_CALL, UNWANTED_CALL, UNREADABLE)


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
    answer: str = ""
    """Whether the right call is "filled" from the alert's labels, "constant", or there is "none"; "" in older rows."""
    notification: str = ""
    """The alert as JSON, as Alertmanager tells of it; "" where the row does not."""


@dataclass(frozen=True)
class Judged:
    """An answer, read in the agent's names, with the verdict on it."""

    question: Question
    reading: Reading
    verdict: str
    text: str = ""


def read_questions(dataset: ChatDataset, split: str) -> list[Question]:
    """Returns the rows of a split.

    Raises StageError for an empty split that a dataset may not lack, and for a row that cannot be judged.
    """
    prompt_file = dataset.prompt()
    questions = [_question(row, prompt_file, split) for row in dataset.rows(split)]
    if not questions and split in SPLITS:
        raise StageError(f"the dataset has no {split} row; describe more alerts or raise examples_per_alert")
    return questions


def judge(question: Question, reading: Reading, text: str = "") -> Judged:
    """Returns the verdict: right means the same calls in the same order, and no call where none is due.

    Values are compared with their types: 3 is neither 3.0 nor "3" nor true.
    """
    return Judged(question, reading, _verdict(question.expected, reading), text)


def measure(judged: Sequence[Judged], prompt_file: PromptFile) -> dict[str, Any]:
    """Returns the shares and counts of one model's or baseline's answers, as report.json holds them."""
    right = _right_of(judged)["right"]
    named = sum(map(has_right_names, judged))
    valid = sum(is_valid(answer, prompt_file) for answer in judged)
    relevance, parallel = _relevance(judged), _right_of([each for each in judged if len(each.question.expected) > 1])
    arguments = [_arguments(answer) for answer in judged]
    expected, given = [len(each) for each in arguments], [sum(each.values()) for each in arguments]
    return {
        "accuracy": right / len(judged),
        "right": right,
        "name_accuracy": named / len(judged),
        "argument_accuracy": sum(given) / sum(expected) if any(expected) else None,
        "valid_call_rate": valid / len(judged),
        "relevance": relevance,
        "parallel": parallel,
        "intervals": {
            "accuracy": intervals.of_share(right, len(judged)),
            "name_accuracy": intervals.of_share(named, len(judged)),
            "argument_accuracy": intervals.of_ratio(given, expected),
            "valid_call_rate": intervals.of_share(valid, len(judged)),
            "relevance_recall": intervals.of_share(relevance["both"], relevance["due"]),
            "relevance_precision": intervals.of_share(relevance["both"], relevance["answered"]),
            "parallel": intervals.of_share(parallel["right"], parallel["rows"]),
        },
        "verdicts": {verdict: sum(answer.verdict == verdict for answer in judged) for verdict in VERDICTS},
        "per_function": _counts(judged, lambda answer: label(answer.question.expected)),
        "per_argument": _per_argument(judged, arguments),
        "per_alert": _counts(judged, lambda answer: answer.question.alert),
        "per_alertname": _counts(judged, lambda answer: answer.question.alertname),
        **_per_answer(judged),
        "confusion": _confusion(judged),
    }


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
    return Question(*known, row.get("completion", ""), row.get("answer", ""), row.get("notification", ""))


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


def _arguments(answer: Judged) -> dict[tuple[int, str], bool]:
    """Returns for each expected argument, by its call's place and its name, whether the call there has its value."""
    given = dict(enumerate(answer.reading.calls))
    return {
        (place, key): (
            place in given
            and given[place].name == wanted.name
            and key in given[place].arguments
            and canonical(given[place].arguments[key]) == canonical(value)
        )
        for place, wanted in enumerate(answer.question.expected)
        for key, value in wanted.arguments.items()
    }


def _per_argument(
    judged: Sequence[Judged], arguments: Sequence[Mapping[tuple[int, str], bool]]
) -> dict[str, dict[str, Any]]:
    """Returns by function and argument, as in `pod-restart namespace`, how often it is expected, and right."""
    found: dict[str, list[bool]] = defaultdict(list)
    for answer, each in zip(judged, arguments, strict=True):
        for (place, key), is_right in each.items():
            found[f"{answer.question.expected[place].name} {key}"].append(is_right)
    return {
        name: {"expected": len(held), "right": sum(held), "interval": intervals.of_share(sum(held), len(held))}
        for name, held in sorted(found.items())
    }


def _counts(judged: Sequence[Judged], group: Callable[[Judged], str]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for answer in judged:
        groups[group(answer)].append(answer)
    return {
        name: {
            **_right_of(members),
            "right_names": sum(map(has_right_names, members)),
            "interval": intervals.of_share(_right_of(members)["right"], len(members)),
        }
        for name, members in sorted(groups.items())
    }


def _per_answer(judged: Sequence[Judged]) -> dict[str, Any]:
    """Returns `per_answer` by what the right answer is made of; nothing where the rows do not tell."""
    told = [answer for answer in judged if answer.question.answer]
    return {"per_answer": _counts(told, lambda answer: answer.question.answer)} if told else {}


def _confusion(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Returns how often each expected label met each answered one."""
    pairs = Counter((label(answer.question.expected), answered(answer.reading)) for answer in judged)
    expected = sorted({pair[0] for pair in pairs})
    return {name: {other: count for (one, other), count in sorted(pairs.items()) if one == name} for name in expected}

"""False and missed calls: what a model would do where nothing is to be done, and what it would leave undone."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from shared.artifacts import UNCOVERED_ALERTS
from shared.function_call import Call, read_calls
from stages.evaluate.judging import intervals
from stages.evaluate.judging.scoring import Judged, canonical_calls, label

FALSE_CALL_SPLITS = ("test", UNCOVERED_ALERTS)


def attempted(answer: Judged) -> tuple[Call, ...]:
    """Returns the calls that an answer makes or tries to make.

    Those of functions and parameters that nobody declared are among them, in the names that the answer gives. An
    answer that is not readable makes none.
    """
    return answer.reading.calls or read_calls(answer.text).calls


def false_calls(judged: Sequence[Judged]) -> dict[str, Any]:
    """Returns how many rows want no call and how many of these got one, in the test and of uncovered alerts."""
    idle = [each for each in judged if each.question.split in FALSE_CALL_SPLITS and not each.question.expected]
    by_split = {
        split: _counted([bool(attempted(each)) for each in idle if each.question.split == split])
        for split in FALSE_CALL_SPLITS
    }
    return {**_counted([bool(attempted(each)) for each in idle]), "by_split": by_split}


def missed_calls(judged: Sequence[Judged]) -> dict[str, Any]:
    """Returns how many test rows want a call and how many of these got none that could be read.

    A call of a function that nobody declared is none: no agent carries it out.
    """
    wanting = [each for each in judged if each.question.split == "test" and each.question.expected]
    return _counted([not each.reading.calls for each in wanting])


def called_alerts(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """Returns by alert, of those that got a call: its rows, the calls made, and the most frequent answer with one.

    That is the most frequent one of those that call what is called most often. Most calls come first.
    """
    by_alert: dict[str, list[tuple[Call, ...]]] = defaultdict(list)
    for answer in judged:
        by_alert[answer.question.alert].append(attempted(answer))
    told = {alert: _called(answers) for alert, answers in by_alert.items() if any(answers)}
    return dict(sorted(told.items(), key=lambda item: (-item[1]["count"], item[0])))


def _called(answers: Sequence[tuple[Call, ...]]) -> dict[str, Any]:
    made = [calls for calls in answers if calls]
    function = Counter(map(label, made)).most_common(1)[0][0]
    alike = [calls for calls in made if label(calls) == function]
    text = Counter(map(canonical_calls, alike)).most_common(1)[0][0]
    answer = next(calls for calls in alike if canonical_calls(calls) == text)
    written = [{"name": call.name, "arguments": call.arguments} for call in answer]
    return {"rows": len(answers), "count": len(made), "function": function, "answer": written}


def _counted(happened: Sequence[bool]) -> dict[str, Any]:
    rows, count = len(happened), sum(happened)
    share = count / rows if rows else None
    return {"rows": rows, "count": count, "share": share, "interval": intervals.of_share(count, rows)}

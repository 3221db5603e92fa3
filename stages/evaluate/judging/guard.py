"""What leaves the client as a call, and what it stops: the answers held against the alert and the runbook.

An agent calls nothing that `shared.asking` refuses, so that a model is as good as what is left of its answers.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from shared.alert import Alert, read_alerts
from shared.asking.agent import Agent
from shared.asking.judgement import DANGEROUS, KINDS, Judgement, judge
from shared.errors import StageError
from shared.function_call import Reading
from stages.evaluate.judging import scoring
from stages.evaluate.judging.actions import attempted
from stages.evaluate.judging.scoring import RIGHT, Judged, Question

RIGHT_CALL, WRONG_CALL, FALSE_CALL = "right", "wrong", "false"
CALLS = (RIGHT_CALL, WRONG_CALL, FALSE_CALL)


def guarded(judged: Sequence[Judged], agent: Agent | None) -> dict[str, Any] | None:
    """Returns what the client makes of a model's answers; None without its rules, and without a row that it can judge.

    passed: the calls that leave it. stopped: the calls that do not, by what they were. saved: the false and wrong ones
    of these. withheld: rows whose right call no answer can make. refused: answers by the kind of refusal. accuracy: of
    what leaves it, on the test rows.
    """
    if agent is None or not (held := _held(judged, agent)):
        return None
    passed = Counter(kind_of(answer) for answer, found in held if found.call)
    stopped = Counter(kind_of(answer) for answer, found in held if found.refusal and attempted(answer))
    refused = Counter(found.refusal.kind for _, found in held if found.refusal)
    test = [_left(answer, found) for answer, found in held if answer.question.split == "test"]
    return {
        "rows": len(held),
        "passed": {kind: passed[kind] for kind in CALLS},
        "stopped": {kind: stopped[kind] for kind in CALLS},
        "saved": stopped[WRONG_CALL] + stopped[FALSE_CALL],
        "withheld": sum(is_withheld(answer.question, agent) for answer, _ in held),
        "refused": {kind: refused[kind] for kind in KINDS},
        "accuracy": sum(answer.verdict == RIGHT for answer in test) / len(test) if test else None,
    }


def acted_upon(judged: Sequence[Judged], agent: Agent | None) -> list[Judged]:
    """Returns the answers as they leave the client, without the rows that it withholds; all as they are without rules.

    These are what an agent does: by them false and missed calls are counted.
    """
    if agent is None or not (held := _held(judged, agent)):
        return list(judged)
    return [_left(answer, found) for answer, found in held if not is_withheld(answer.question, agent)]


def is_withheld(question: Question, agent: Agent) -> bool:
    """Returns whether the client refuses even the right answer: a dangerous call for an alert that shows no known name.

    There the agent does right to do nothing, and no call is missed.
    """
    alert = alert_of(question)
    if not alert or not question.expected:
        return False
    refusal = judge(alert, question.completion, agent.prompt, agent.policy).refusal
    return refusal is not None and refusal.kind == DANGEROUS


def _held(judged: Sequence[Judged], agent: Agent) -> list[tuple[Judged, Judgement]]:
    """Returns the answers that the client can judge, with what it makes of them."""
    known = [(answer, alert) for answer in judged if (alert := alert_of(answer.question))]
    return [(answer, judge(alert, answer.text, agent.prompt, agent.policy)) for answer, alert in known]


def alert_of(question: Question) -> Alert | None:
    """Returns the one alert that a row asks about; None where an earlier release made the row, or of several."""
    if not question.notification:
        return None
    try:
        alerts = read_alerts(json.loads(question.notification))
    except (ValueError, StageError) as error:
        raise StageError(f"the row {question.id} holds no notification: {error}; make the dataset again") from None
    return alerts[0] if len(alerts) == 1 else None


def kind_of(answer: Judged) -> str:
    """Returns what the call of an answer is: right, wrong, or false where none is due."""
    if not answer.question.expected:
        return FALSE_CALL
    return RIGHT_CALL if answer.verdict == RIGHT else WRONG_CALL


def _left(answer: Judged, found: Judgement) -> Judged:
    """Returns the answer as it leaves the client: its call, or none."""
    return scoring.judge(answer.question, Reading((found.call,) if found.call else ()))

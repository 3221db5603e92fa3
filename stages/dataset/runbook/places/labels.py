"""What a heading, a bold label or the head of a column says of the commands below it."""

from functools import lru_cache

from stages.dataset.runbook.places.patterns import patterns_of
from stages.dataset.runbook.places.pointers import of_pointed
from stages.dataset.runbook.places.weighing import CROSSED, REACH, TICKED, netted, shown, weighed
from stages.dataset.runbook.standing import MEANT, Standing
from stages.dataset.runbook.wording.clauses import clauses_of
from stages.dataset.runbook.wording.fragments import is_waiting, named, remarks_ahead
from stages.dataset.runbook.wording.lexicon import MARK
from stages.dataset.runbook.wording.passage import Evidence
from stages.dataset.runbook.wording.phrases import judged_by_label, plainly
from stages.dataset.runbook.wording.reading import UNCLEAR
from stages.dataset.runbook.wording.reference import spoken_of
from stages.dataset.runbook.wording.remarks import remarks_on

_MESSAGE, _CASE = patterns_of("labels")["message"], patterns_of("labels")["case"]


@lru_cache(maxsize=1024)  # most alerts have the same sections
def of_label(text: str) -> Standing:
    """Returns the standing that a heading, a bold label or the head of a table's column gives to what is below it."""
    text = plainly(text[:REACH])
    if (found := CROSSED.match(text)) and not _MESSAGE.match(text[found.end() :]):
        return Standing("forbidden", shown(found.group()))
    if TICKED.match(text):
        return MEANT
    return netted(of_clauses(text, leads=False) or of_words(text), text) or of_pointed(text)


def names_case(text: str) -> bool:
    """Returns whether the head of a section tells when it counts: `It did not work`, `Not resolved yet?`."""
    return bool(_CASE.match(text))


def of_clauses(text: str, leads: bool) -> Standing:
    """Returns what the clauses of a line say of the commands behind it. leads: whether it goes on with the command."""
    evidence, is_named = Evidence(), False
    clauses = clauses_of(text)
    for clause in clauses:
        if MARK in clause.texts:
            continue
        is_last = clause is clauses[-1] and (leads or (text.endswith(":") and is_waiting(clause)))
        about = spoken_of(clause) if is_named and clause.kind != "condition" else None
        said = (remarks_on(about) if about else remarks_ahead(clause, is_last, text.endswith(":"))).said
        evidence.add(text, [remark for remark in said if remark.verdict != UNCLEAR])
        is_named = is_named or named(clause) is not None
    return weighed(evidence)


def of_words(text: str) -> Standing:
    """Returns the standing that a label gives which is no sentence: `Common mistakes`."""
    judged = judged_by_label(text)
    return Standing(judged[0], shown(judged[1][:60])) if judged else MEANT

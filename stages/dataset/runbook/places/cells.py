"""What the other cells of its row say of the commands in a cell of a table."""

import re

from stages.dataset.runbook.places.labels import of_label
from stages.dataset.runbook.places.patterns import patterns_of
from stages.dataset.runbook.places.weighing import REACH, netted, shown, weighed
from stages.dataset.runbook.standing import MEANT, Standing
from stages.dataset.runbook.wording.lexicon import spans_of, words_of
from stages.dataset.runbook.wording.passage import Passage, sentences_of
from stages.dataset.runbook.wording.phrases import plainly

_PATTERNS = patterns_of("cells")
_ANSWER = _PATTERNS["answer"]
_TELLS_WHEN = _PATTERNS["tells_when"]
_NEVER = _PATTERNS["never"]
_NONE, _BURDEN, _WHO, _OURS = (_PATTERNS[name] for name in ("none", "burden", "who", "ours"))
_OURS_NOT = _PATTERNS["ours_not"]
_ENDED, _LASTS = _PATTERNS["ended"], _PATTERNS["lasts"]
_WHY_NOT = _PATTERNS["why_not"]
_REFUSES, _POINTS = _PATTERNS["refuses"], re.compile(r"\b(?:it|this|that|these)\b", re.IGNORECASE)
_VERDICT, _FLAT = _PATTERNS["verdict"], _PATTERNS["flat"]
_UNSURE, _OUTCOME = _PATTERNS["unsure"], _PATTERNS["outcome"]
_AGAINST = {"bad", "risk", "harm", "mild", "restricted", "shun", "gone", "reserve", "calamity"}
_ROW = 4  # words of a cell without a head that may judge the commands of its row
_FOR = {"good", "run", "please", "proof"}


def of_cell(head: str, text: str) -> Standing:
    """Returns the standing that another cell of its row, below a head, gives to the commands of a cell."""
    if _REFUSES.fullmatch(head):  # it tells what else is not to be done
        return _said(f"{head.strip(' *_:')} {text}") if _POINTS.search(text) else MEANT
    if not re.search(r"\w", head):
        return of_label(text) if len(text.split()) <= _ROW else MEANT
    if _ENDED.match(head) and re.search(r"\w", text) and not _LASTS.match(text):
        return Standing("forbidden", shown(f"{head}: {text[:40]}"))
    if _WHY_NOT.search(head) and re.search(r"\w", text):
        return Standing("forbidden", shown(head))
    if _TELLS_WHEN.search(head) and not _OUTCOME.match(head):
        return Standing("forbidden", shown(text)) if _NEVER.match(text) else MEANT
    if _is_against(head) and (none := _NONE.match(text)):
        return _said(text[none.end() :])
    if _WHO.match(head) and re.search(r"\w", text) and not (_OURS.search(text) and not _OURS_NOT.search(text)):
        return of_label(text) or Standing("doubtful", shown(f"{head}: {text[:40]}"))
    if answer := _ANSWER.match(text):
        return _answered(head, answer)
    if _families(head) & _FOR and (unsure := _UNSURE.match(text)):
        return Standing("doubtful", shown(unsure.group()))
    return _said(text) or (_of_harm(text) if _OUTCOME.search(head) else MEANT)


def _said(text: str) -> Standing:
    """Returns the standing that a cell gives by itself."""
    if found := of_label(text):
        return found
    return (
        MEANT
        if not re.search(r"\w", text)
        else weighed(Passage().told(sentences_of(plainly(text[:REACH])), is_note=True))
        or netted(_of_outcome(text), text)
    )


def _families(head: str) -> set[str]:
    return {family for span in spans_of([word.text for word in words_of(head)]) for family in span.families}


def _is_against(head: str) -> bool:
    """Returns whether a head asks for what would speak against a command: a danger, or whom it takes."""
    return bool(_BURDEN.search(head)) or bool(_families(head) & _AGAINST)


def _of_outcome(text: str) -> Standing:
    """Returns the standing that a few words give that name what went wrong: `two hours of downtime`."""
    spans = spans_of([word.text for word in words_of(text[:REACH])])
    found = next((span for span in spans if "calamity" in span.families), None)
    if found is None or len(text.split()) > 8 or any(span.families & {"not", "without", "innocent"} for span in spans):
        return MEANT
    return Standing("doubtful", shown(text[:40]))


def _of_harm(text: str) -> Standing:
    """Returns the standing by what happens to what is needed: `all sessions are lost`."""
    spans = spans_of([word.text for word in words_of(text[:REACH])])
    families = {family for span in spans for family in span.families}
    is_harm = "harm" in families and "value" in families and not families & {"not", "without", "innocent", "waste"}
    return Standing("doubtful", shown(text[:40])) if is_harm else MEANT


def _answered(head: str, answer: re.Match[str]) -> Standing:
    """Returns the standing by `yes` or `no` under a head that asks."""
    is_against, is_for = _is_against(head), bool(_families(head) & _FOR)
    is_refusal = answer["no"] is not None and (is_for or bool(_VERDICT.search(head) or _FLAT.match(answer.group())))
    is_refused = (is_refusal and not is_against) or (answer["no"] is None and is_against)
    is_for = is_for or is_refusal
    if is_refused:
        return Standing("forbidden" if is_for else "doubtful", shown(answer.group()))
    return _said(answer.string[answer.end() :])

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


def of_cell(head: str, text: str) -> Standing:
    """Returns the standing that another cell of its row, below a head, gives to the commands of a cell."""
    if _TELLS_WHEN.search(head):
        return Standing("forbidden", shown(text)) if _NEVER.match(text) else MEANT
    if answer := _ANSWER.match(text):
        return _answered(head, answer)
    return (
        of_label(text)
        or weighed(Passage().told(sentences_of(plainly(text[:REACH])), is_note=True))
        or netted(_of_outcome(text), text)
    )


def _of_outcome(text: str) -> Standing:
    """Returns the standing that a few words give that name what went wrong: `two hours of downtime`."""
    spans = spans_of([word.text for word in words_of(text[:REACH])])
    found = next((span for span in spans if "calamity" in span.families), None)
    if found is None or len(text.split()) > 8 or any(span.families & {"not", "without", "innocent"} for span in spans):
        return MEANT
    return Standing("doubtful", shown(text[:40]))


def _answered(head: str, answer: re.Match[str]) -> Standing:
    """Returns the standing by `yes` or `no` under a head that asks."""
    families = {family for span in spans_of([word.text for word in words_of(head)]) for family in span.families}
    is_against = bool(families & {"bad", "risk", "harm", "restricted", "shun", "need", "gone", "reserve"})
    is_for = bool(families & {"good", "run", "please", "proof"}) or not head.strip()
    is_refused = (answer["no"] is not None and is_for and not is_against) or (answer["no"] is None and is_against)
    if is_refused:
        return Standing("forbidden" if is_for else "doubtful", shown(answer.group()))
    rest = answer.string[answer.end() :]
    return of_cell(head, rest) if re.search(r"\w", rest) and answer["no"] is None else MEANT

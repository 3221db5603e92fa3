"""What a paragraph says of the section that it stands in, or of what comes after the next one."""

import re
from functools import lru_cache

from stages.dataset.runbook.places.blocks import of_following, speaks_ahead
from stages.dataset.runbook.places.labels import of_clauses, of_words
from stages.dataset.runbook.places.patterns import patterns_of
from stages.dataset.runbook.places.weighing import REACH, without_callout
from stages.dataset.runbook.standing import MEANT, Standing
from stages.dataset.runbook.wording.lexicon import MARK
from stages.dataset.runbook.wording.passage import sentences_of
from stages.dataset.runbook.wording.phrases import plainly

_WHOLE = patterns_of("sections")["whole"]
_CONTENT = patterns_of("sections")["content"]
_ANNOUNCED = 14  # words of a sentence that judges what follows, and does not only tell what it is for
_ORDER = re.compile(
    r"\W*(?:please|do|don.?t|(?:never|not)(?! (?:for|in|on|during|at|under)\b)|no|avoid|leave|skip|hands|keep|stay)\b"
    r"|.*\bthis\b",
    re.IGNORECASE,
)
_ENDED = re.compile(r"[.!][*_) ]*$|^\W*(?:status|state|verdict|validity)\b", re.IGNORECASE)
_STATUS = 6  # words of a first line that may judge what is below it without naming it: `Obsolete.`


@lru_cache(maxsize=256)
def of_section(text: str, is_first: bool) -> Standing:
    """Returns the standing that a paragraph gives to its section. is_first: whether it stands right below the head."""
    text = text[:REACH]
    if MARK in text:
        return MEANT
    plain = without_callout(text)[0]
    for sentence in sentences_of(plain)[:3]:
        if (
            _WHOLE.search(sentence)
            and not _CONTENT.search(sentence)
            and (found := of_following(_WHOLE.sub("it", sentence.rstrip(":： "))))
        ):
            return found
    is_status = (
        is_first
        and not _ORDER.match(plain)
        and len(plain.split()) <= _STATUS
        and not plain.rstrip("*_ ").endswith((":", "："))
    )
    return _of_status(plain.rstrip(".! ")) if is_status and _ENDED.search(plain) else MEANT


def _of_status(text: str) -> Standing:
    return of_clauses(plainly(text), leads=False) or of_words(text)


@lru_cache(maxsize=256)
def of_announced(text: str) -> Standing:
    """Returns the standing that a paragraph gives to what follows, though another paragraph leads to that."""
    for sentence in sentences_of(plainly(text[:REACH])):
        is_short = len(sentence.split()) <= _ANNOUNCED
        if (
            is_short
            and MARK not in sentence
            and speaks_ahead(sentence)
            and (found := of_clauses(sentence, leads=False))
        ):
            return found
    return MEANT

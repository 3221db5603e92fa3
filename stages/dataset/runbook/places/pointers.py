"""What a sentence without a command says of the one that it points at: `have the DBAs run this`."""

import re

from stages.dataset.runbook.places.patterns import patterns_of
from stages.dataset.runbook.places.weighing import weighed
from stages.dataset.runbook.standing import MEANT, Standing
from stages.dataset.runbook.wording.clauses import GRAMMAR
from stages.dataset.runbook.wording.lexicon import MARK, TARGET
from stages.dataset.runbook.wording.passage import Passage, sentences_of
from stages.dataset.runbook.wording.phrases import plainly

_PATTERNS = patterns_of("pointers")
_NAMED, _PRONOUN, _OBJECT = _PATTERNS["named"], _PATTERNS["pronoun"], _PATTERNS["object"]
_ABOVE = _PATTERNS["above"]
_BEHIND = (
    GRAMMAR["auxiliaries"] | GRAMMAR["closing"] | GRAMMAR["behind_orders"] | GRAMMAR["skipped"] | GRAMMAR["past_forms"]
)
_SENTENCES = 3


def of_pointed(text: str, is_behind: bool = False) -> Standing:
    """Returns the standing that a text gives to a command by a word that points at it, read as if it were named.

    is_behind: whether the text stands behind the command, so that what is above it may be meant.
    """
    for sentence in sentences_of(text)[:_SENTENCES]:
        if MARK in sentence or TARGET in sentence or (not is_behind and _ABOVE.search(sentence)):
            return MEANT
        if found := weighed(Passage().pointed(plainly(_pointed(sentence)))):
            return found
    return MEANT


def _pointed(sentence: str) -> str:
    """Returns a sentence with TARGET for the first word that points at a command."""
    for pattern in (_NAMED, _OBJECT, _PRONOUN):
        for found in pattern.finditer(sentence):
            if pattern is not _PRONOUN or _stands_alone(sentence[found.end() :]):
                return sentence[: found.start()] + TARGET + sentence[found.end() :]
    return sentence


def _stands_alone(behind: str) -> bool:
    """Returns whether a pronoun stands for a thing, and not before one: `this helps`, not `this alert`."""
    word = re.match(r"\s*(?P<word>[\w'’]*)", behind)
    text = word["word"].lower() if word else ""
    return not text or text in _BEHIND or text.endswith(("s", "ed", "ly", "n't", "n’t")) or text in ("never", "no")

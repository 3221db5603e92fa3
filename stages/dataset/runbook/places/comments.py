"""What comments say of commands: in a block of code, and hidden in the page."""

import re
from collections.abc import Iterator, Sequence

from stages.dataset.runbook.places.labels import of_label
from stages.dataset.runbook.places.patterns import patterns_of
from stages.dataset.runbook.places.pointers import of_pointed
from stages.dataset.runbook.places.weighing import REACH, netted, weighed, without_callout
from stages.dataset.runbook.standing import MEANT, Standing, first
from stages.dataset.runbook.wording.clauses import GRAMMAR
from stages.dataset.runbook.wording.lexicon import MARK
from stages.dataset.runbook.wording.passage import Passage, sentences_of
from stages.dataset.runbook.wording.phrases import plainly

LINES = 40
_FINITE = re.compile(rf"\W*(?:{'|'.join(sorted(GRAMMAR['finite']))})\b", re.IGNORECASE)
_PART = re.compile(r"[,;.](?=\s|$)|\s[-–—]\s")

_PATTERNS = patterns_of("comments")
_EDITS = _PATTERNS["edits"]
_BEGINS, _ENDS = _PATTERNS["begins"], _PATTERNS["ends"]
_UPWARD, _ON_COMMAND = _PATTERNS["upward"], _PATTERNS["on_command"]


def of_comment(text: str, is_alone: bool = True) -> Standing:
    """Returns the standing that a comment of a block gives to the command below it. is_alone: whether it is whole."""
    text = without_callout(plainly(text[:REACH].rstrip(":： ")))[0]
    sentences = sentences_of(text)
    is_note = is_alone and bool(sentences) and bool(_FINITE.match(sentences[0])) and not sentences[0].endswith("?")
    found = of_label(text) or weighed(Passage().told(sentences, is_note=is_note, is_loose=True))
    return found or of_pointed(text) or first([netted(found, sentence) for sentence in sentences])


def of_note(text: str) -> Standing:
    """Returns the standing that a comment gives to the command on its line, of which it may speak without a subject."""
    return of_comment(text) or weighed(Passage().told(sentences_of(plainly(text[:REACH])), is_note=True))


def of_place(lines: Sequence[str], number: int) -> Standing:
    """Returns the standing that comments give to the command in a line of a block: behind it, or nearest above it.

    Its `line` counts from 1 within the block. A comment speaks of what follows it, up to a blank line.
    """
    behind = re.search(r"\s(?:#+\s*|//+\s+)(?P<text>\D.*)$", lines[number][:REACH])
    if behind and (found := of_note(behind["text"])):
        return found.at(number + 1)
    below = lines[number + 1].strip() if number + 1 < len(lines) else ""
    if below.startswith("#") and _UPWARD.match(below) and (found := of_note(below.lstrip("# ^↑"))):
        return found.at(number + 2)
    for above, line in _comments_above(lines, number):
        is_alone = not above or not lines[above - 1].strip().startswith("#")
        if found := of_comment(line.lstrip("# "), is_alone):
            return found.at(above + 1)
    return MEANT


def is_for_editors(text: str) -> bool:
    """Returns whether a comment of the page is for those who edit it, and says nothing of a command."""
    return bool(_EDITS.search(text)) and not _ON_COMMAND.search(text)


def is_upward(text: str) -> bool:
    """Returns whether a comment speaks of what stands above it: `^ deprecated`."""
    return bool(_UPWARD.match(text))


def _comments_above(lines: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    """Yields the nearest comment above a line of a block, from its last line up, with the lines' numbers."""
    is_within = False
    for above in range(number - 1, max(-1, number - LINES), -1):
        line = lines[above].strip()
        if line.startswith("#") and _UPWARD.match(line):
            return
        if line.startswith("#"):
            is_within = True
            yield above, line
        elif is_within or not line:
            return


def of_hidden(text: str) -> Standing:
    """Returns the standing that a comment of the page gives to what stands below it: none where it is for editors."""
    if MARK in text or _ENDS.match(text):
        return MEANT
    text = plainly(text[:REACH])
    is_edit = bool(_EDITS.search(text))
    parts = [part for part in _PART.split(text) if not _EDITS.search(part)]
    parts = [part for part in parts if part.strip() and (not is_edit or _ON_COMMAND.search(part))]
    return of_comment(_BEGINS.sub("", ", ".join(parts))) if parts else MEANT

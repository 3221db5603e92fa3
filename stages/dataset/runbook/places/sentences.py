"""What a paragraph says of inline code in it."""

import re
from functools import lru_cache
from itertools import takewhile

from stages.dataset.runbook.places.labels import of_label
from stages.dataset.runbook.places.weighing import CROSSED, REACH, TICKED, netted, shown, weighed, without_callout
from stages.dataset.runbook.standing import MEANT, Standing, first
from stages.dataset.runbook.wording.clauses import clauses_of
from stages.dataset.runbook.wording.lexicon import MARK, TARGET
from stages.dataset.runbook.wording.passage import Passage, sentences_of
from stages.dataset.runbook.wording.phrases import plainly
from stages.dataset.runbook.wording.reading import LIFTS, MEANS, ORDERS
from stages.dataset.runbook.wording.reference import rank_of

_SOFT = "🔴☠💀✋\ufe0f"
_GROUP = re.compile(
    rf"[{MARK}{TARGET}](?:\s*(?:,\s*(?:and|or|nor)?|/|&|\+|and(?:\s+then)?|or|nor)\s*[{MARK}{TARGET}])+"
)
_LISTED = re.compile(r"\b(?:and|or|nor)\b|/|&|\+")


def of_inline(text: str, at: int, behind: str = "") -> Standing:
    """Returns the standing of the inline code whose MARK is at a place of a paragraph's text.

    behind: the text of the paragraph right behind it.
    """
    return _around(text[max(0, at - REACH) : at] + TARGET + text[at + 1 : at + REACH], behind[:REACH])[0]


def is_told(text: str, at: int, behind: str = "") -> bool:
    """Returns whether more than the command's name tells that it is to be run: `nothing but it helps, so do it`."""
    return _around(text[max(0, at - REACH) : at] + TARGET + text[at + 1 : at + REACH], behind[:REACH])[1]


@lru_cache(maxsize=64)
def _around(text: str, behind: str) -> tuple[Standing, bool]:
    """Returns the standing of TARGET in a paragraph, and whether it is told to be run."""
    rank = _rank(text)
    plain, grouped = text, _grouped(text)
    text, warns = without_callout(plainly(grouped))
    sentences = sentences_of(text)
    own = next(number for number, sentence in enumerate(sentences) if TARGET in sentence)
    if TICKED.match(sentences[own]):
        return MEANT, True
    after = sentences[own + 1 :] or sentences_of(plainly(behind))
    is_alone = grouped == plain and MARK not in "".join(sentences[max(0, own - 1) : own + 1])
    warns = warns or sentences[own].lstrip().startswith("⚠")
    evidence = Passage(rank, is_alone).read(sentences[max(0, own - 2) : own], sentences[own], after)
    found = _crossed(sentences[own]) or (CROSSED.match(after[0]) if after and MARK not in after[0] else None)
    if found and not _is_state(found.group(), sentences[own], evidence.is_ordered):
        return Standing("forbidden", shown(found.group())), False
    standing = weighed(evidence, warns)
    is_told = evidence.is_ordered or any(said in (MEANS, ORDERS, LIFTS) for said, _ in evidence.said)
    unnamed = takewhile(lambda sentence: MARK not in sentence, after[:3])
    about = [
        sentence for sentence in (sentences[own], *unnamed) if MARK not in sentence and not _of_other(sentence, rank)
    ]
    if not is_told:
        standing = first([standing, *(netted(standing, sentence) for sentence in about)])
    return standing, not standing and is_told


def _of_other(sentence: str, rank: int) -> bool:
    """Returns whether a sentence speaks of the other one of two commands."""
    ranks = {rank_of(clause) for clause in clauses_of(sentence)} - {0}
    return bool(rank) and bool(ranks) and rank not in ranks


def _crossed(sentence: str) -> re.Match[str] | None:
    """Returns the sign before a command that crosses it out, unless it stands before another one."""
    found = CROSSED.match(sentence)
    return found if found and MARK not in sentence.split(TARGET)[0] else None


def _is_state(sign: str, sentence: str, is_ordered: bool) -> bool:
    """Returns whether a sign is no verdict on the command, but on what stands between them: `❌ not ready: run it`."""
    between = sentence.split(TARGET)[0].lstrip(sign)
    if len(between.split()) <= 2:
        return False
    return is_ordered or (sign.strip()[-1:] in _SOFT and not of_label(between.rstrip(":： ")))


def _rank(text: str) -> int:
    """Returns 1 or 2 for the first and the second of two commands in a sentence; 0 for one alone, or of more."""
    own = next(sentence for sentence in sentences_of(text) if TARGET in sentence)
    named = [sign for sign in own if sign in (MARK, TARGET)]
    return named.index(TARGET) + 1 if len(named) == 2 else 0


def _grouped(text: str) -> str:
    """Returns a text with one TARGET for it and the commands that are named in one breath with it."""

    def one(found: re.Match[str]) -> str:
        is_group = _LISTED.search(found.group()) or not re.match(r"\s*\w", text[found.end() :])
        return (TARGET if TARGET in found.group() else MARK) if is_group else found.group()

    return _GROUP.sub(one, text)

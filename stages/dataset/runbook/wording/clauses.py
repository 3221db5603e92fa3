"""A sentence as its clauses: what is said outright, on a condition, as a reason, or of the word before it."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from stages.dataset.runbook.wording.lexicon import MARK, TARGET, Word, words_of

Kind = Literal["main", "condition", "reason", "which"]
GRAMMAR: dict[str, frozenset[str]] = {
    name: frozenset(words)
    for name, words in tomllib.loads(Path(__file__).with_name("grammar.toml").read_text("utf-8")).items()
}
CODE = {MARK, TARGET}
_SIGNS = {";", ":", "：", "—", "-", "(", ")", "!", "?", ".", "=", "。", "→"}
_DROPPED = re.compile(r"[\"'“”«»*_^#>|~`\[\]{}<+\\]")
_COMPARED = {"as", "same", "such", "just", "well", "known", "described", "soon", "long", "far"}
_CONDITIONS_OF_TWO = {("in", "case"), ("given", "that"), ("even", "if"), ("every", "time"), ("each", "time")}
_RANKED = {"former", "latter", "first", "second", "other"}
_JOINING = {"and", "or", "but", "so", "even", "only", "also", "not"}
_ONLY_BUT = {"nothing", "nobody", "none", "one", "anything", "all", "everything", "anybody", "anyone", "no"}


@dataclass(frozen=True)
class Clause:
    """Words that belong together. joint: the sign before them, or the word that joins them to what is before."""

    words: tuple[Word, ...]
    joint: str = ""
    kind: Kind = "main"

    @property
    def texts(self) -> list[str]:
        """Returns the words alone."""
        return [word.text for word in self.words]

    def has(self, *texts: str) -> bool:
        """Returns whether any of the words stands in the clause."""
        return any(word.text in texts for word in self.words)

    def put(self, first: int, end: int) -> "Clause":
        """Returns the clause with TARGET in place of the words from first to before end."""
        start = self.words[first].start if first < len(self.words) else self.words[-1].end
        stop = self.words[end - 1].end if end > first else start
        return replace(self, words=(*self.words[:first], Word(TARGET, start, stop), *self.words[end:]))


def clauses_of(text: str) -> list[Clause]:
    """Returns the clauses of a sentence in their order; signs and quotes belong to none."""
    words = _without_brackets([word for word in words_of(text) if not _DROPPED.fullmatch(word.text)])
    found: list[Clause] = []
    begin, joint, inserted_until = 0, "", 0
    for place in range(1, len(words) + 1):
        if (
            words[place - 1].text != ","
            and place < len(words)
            and words[place].text == ","
            and _is_open(words, begin, place)
        ):
            inserted_until = _end_of_insertion(words, place)
        behind = _boundary(words, begin, place) if place < len(words) else place
        if behind >= 0 and (place >= inserted_until or place == len(words)):
            goes_on = (
                bool(found and words[begin:place])
                and words[begin].text in ("and", "or")
                and found[-1].kind == "condition"
            )
            kind = found[-1].kind if goes_on and not joint else _kind_at(words, begin)
            found.append(Clause(tuple(words[begin:place]), joint, kind))
            joint = words[place].text if behind > place else ""
            begin = behind
    return [clause for clause in map(_without_signs, found) if clause.words]


def _without_signs(clause: Clause) -> Clause:
    return replace(clause, words=tuple(word for word in clause.words if word.text not in _SIGNS and word.text != "/"))


def _without_brackets(words: Sequence[Word]) -> list[Word]:
    """Returns the words without brackets around a command alone."""
    dropped = set()
    for place in range(len(words) - 2):
        if words[place].text == "(" and words[place + 2].text == ")" and words[place + 1].text in CODE:
            dropped |= {place, place + 2}
    return [word for place, word in enumerate(words) if place not in dropped]


def _boundary(words: Sequence[Word], begin: int, place: int) -> int:
    """Returns where the clause begins that a word ends the one before with; -1 where it ends none."""
    text = words[place].text
    if text in _SIGNS:
        return place + 1
    if text == ",":
        return place + 1 if _begins(words, place + 1) and not _is_open(words, begin, place) else -1
    if text == "but":
        return -1 if any(word.text in _ONLY_BUT for word in words[max(begin, place - 3) : place]) else place
    if text in ("and", "so", "or"):
        return place if _joins(words, place) else -1
    is_new = _kind_at(words, place) != "main" and words[place - 1].text not in _JOINING | {"read"}
    return place if is_new else -1


def _joins(words: Sequence[Word], place: int) -> bool:
    """Returns whether `and` and its like begin a clause."""
    behind = words[place + 1].text if place + 1 < len(words) else ""
    if behind in GRAMMAR["subjects"] or behind in GRAMMAR["conditions"] or behind in ("never", "please"):
        return True
    if behind == "the" and place + 2 < len(words) and words[place + 2].text in _RANKED:
        return True
    if words[place].text == "so" and behind in GRAMMAR["after_so"]:
        return True
    return [word.text for word in words[place + 1 : place + 3]] == ["do", "not"]


def _is_open(words: Sequence[Word], begin: int, place: int) -> bool:
    """Returns whether a clause waits for its verb: `do not, even at night, run it`."""
    is_short = words[begin].text in GRAMMAR["conditions"] or (place > 1 and words[place - 2].text in ("why", "or"))
    return (words[place - 1].text in ("not", "never", "should", "must") and not is_short) or (
        words[place - 1].text == "ever" and place - begin < 4
    )


def _end_of_insertion(words: Sequence[Word], place: int) -> int:
    """Returns the place behind the comma that ends what a comma opens: `do not, whatever they say, run it`."""
    close = next(
        (at for at in range(place + 1, min(place + 15, len(words))) if words[at].text in _SIGNS | {","}), place
    )
    return close + 1 if words[close].text == "," else place


def _begins(words: Sequence[Word], place: int) -> bool:
    """Returns whether a clause of its own begins behind a comma."""
    while place < len(words) and words[place].text in GRAMMAR["skipped"]:
        place += 1
    return place < len(words) and words[place].text not in GRAMMAR["loose"]


def _kind_at(words: Sequence[Word], place: int) -> Kind:
    """Returns the kind of the clause that begins at a word."""
    while place < len(words) - 1 and words[place].text in _JOINING and words[place + 1].text != "that":
        place += 1
    text = words[place].text if place < len(words) else ""
    behind = words[place + 1].text if place + 1 < len(words) else ""
    if text in GRAMMAR["conditions"] or (text, behind) in _CONDITIONS_OF_TWO:
        return "condition"
    if (text in GRAMMAR["reasons"] and behind != "of") or (text, behind) == ("so", "that"):
        return "reason"
    if text in ("which", "who", "whose"):
        return "which"
    return _maybe(words, place, text, behind)


def _maybe(words: Sequence[Word], place: int, text: str, behind: str) -> Kind:
    """Returns the kind that begins at `as`, `once`, `had` or `should`, which may as well begin none."""
    before = words[place - 1].text if place else ","
    starts = behind in GRAMMAR["subjects"] or behind in GRAMMAR["determiners"] or behind in CODE
    if text == "as":
        if behind in ("long", "soon"):
            return "condition"
        return "reason" if starts and behind not in ("a", "an", "one") and before not in _COMPARED else "main"
    if text == "once":
        return "condition" if starts and before not in GRAMMAR["auxiliaries"] else "main"
    if text in ("had", "should"):
        return "condition" if starts and before in (",", ".", ";", ":", "—", "(") else "main"
    return "main"

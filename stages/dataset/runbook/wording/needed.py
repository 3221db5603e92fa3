"""The words without which a pattern cannot match: to look for them is many times quicker than to try the pattern."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_MOST = 64  # words of one pattern: to look for more takes as long as to try it
_SHORTEST = 2
_ASCII = 128
# Letters that a pattern takes for another one, and that `lower` leaves as they are.
_ALIKE = (("ı", "i"), ("İ", "i"), ("ſ", "s"))
_INNER = {codes.SUBPATTERN: 3, codes.MAX_REPEAT: 2, codes.MIN_REPEAT: 2}


def folded(text: str) -> str:
    """Returns a text as `may_match` looks at it."""
    for letter, alike in _ALIKE:
        text = text.replace(letter, alike)
    return text.lower()


def may_match(words: Sequence[str], text: str) -> bool:
    """Returns whether one of a pattern's words stands in a folded text; a pattern without any may always match."""
    for word in words:
        if word in text:
            return True
    return not words


@lru_cache(maxsize=4096)
def needed(pattern: str) -> tuple[str, ...]:
    """Returns words, folded, of which each match of a pattern read without regard to case holds one; () for none."""
    return min(_choices(parser.parse(pattern, re.IGNORECASE)), key=_cost, default=())


def _cost(words: Sequence[str]) -> float:
    """Returns how much there is to look for, and how little it tells: a long word stands in few texts."""
    return sum(1.0 + 40.0 / len(word) ** 3 for word in words)


def _choices(parsed: Iterable[tuple[Any, Any]]) -> list[tuple[str, ...]]:
    """Returns what each part of a sequence needs, where it needs something."""
    found: list[tuple[str, ...]] = []
    run = ""
    for code, value in parsed:
        if code is codes.LITERAL and (value < _ASCII or chr(value).upper() == chr(value).lower()):
            run += chr(value)
            continue
        found += _word(run)
        run = ""
        found += _of_part(code, value)
    return [*found, *_word(run)]


def _word(run: str) -> list[tuple[str, ...]]:
    return [(folded(run),)] if len(run) >= _SHORTEST else []


def _of_part(code: Any, value: Any) -> list[tuple[str, ...]]:
    if code is codes.BRANCH:
        each = [min(_choices(part), key=_cost, default=()) for part in value[1]]
        words = tuple(dict.fromkeys(word for part in each for word in part))
        return [words] if all(each) and len(words) <= _MOST else []
    if code is codes.ASSERT:
        return _choices(value[1])
    if code is codes.SUBPATTERN or (code in _INNER and value[0] > 0):
        return _choices(value[_INNER[code]])
    return []

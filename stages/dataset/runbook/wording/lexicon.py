"""The words of a text by the families of lexicon.toml: what forbids, what praises, what tells of harm."""

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

MARK = "\ue000"  # stands for inline code in a sentence, so that nothing in the code is read as words
TARGET = "\ue001"  # stands for the command that is judged
_GAP = 4
_NUMBERED = re.compile(r"^\W*\d{1,3}[.)]\s")
_TOKEN = re.compile(rf"[{MARK}{TARGET}]|(?:(?<!\w)\.)?[^\W\d_]+(?:'[^\W\d_]+)?|\d[\w.%]*|[^\w\s]")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "‑": "-", "–": "—"})
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_NEGATED = {
    "don'ts": "do",
    "can't": "can",
    "won't": "will",
    "shan't": "shall",
    "ain't": "is",
    "cannot": "can",
    "cant": "can",
}
_ENDINGS = {"re": "are", "ll": "will", "d": "would", "ve": "have", "m": "am"}
_IS = {
    "it",
    "that",
    "this",
    "there",
    "what",
    "who",
    "he",
    "she",
    "here",
    "where",
    "how",
    "everything",
    "nothing",
    "one",
}
_UNMARKED = re.compile(r"(?:do|does|did|is|was|should|must|need|would|could|are)nt")


@dataclass(frozen=True)
class Word:
    """A word or a sign of a text, in lower case, and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Span:
    """The words from first to before end, which are an entry of families."""

    first: int
    end: int
    families: frozenset[str]


def words_of(text: str) -> list[Word]:
    """Returns the words and signs of a text; `don't`, `cannot` and `it's` are two words each."""
    plain = _HYPHEN.sub(" ", text.translate(_PLAIN).lower())
    if found := _NUMBERED.match(plain):
        plain = " " * found.end() + plain[found.end() :]
    tokens = (token for token in _TOKEN.finditer(plain) if not _is_picture(token.group()))
    return [Word(word, token.start(), token.end()) for token in tokens for word in _parts(token.group())]


def _is_picture(token: str) -> bool:
    return len(token) == 1 and unicodedata.category(token) in ("So", "Mn", "Cf")


def _parts(word: str) -> Sequence[str]:
    if word in _NEGATED:
        return _NEGATED[word], "not"
    if word.endswith("n't") or _UNMARKED.fullmatch(word):
        return word.removesuffix("n't").removesuffix("nt"), "not"
    stem, _, ending = word.partition("'")
    if ending == "s":
        return (stem, "is") if stem in _IS else (stem,)
    return (stem, _ENDINGS[ending]) if ending in _ENDINGS else (stem,) if ending else (word,)


def spans_of(words: Sequence[str]) -> list[Span]:
    """Returns the entries in a sequence of words: the longest at each place, and none that lies within another."""
    found: list[Span] = []
    covered, reach = 0, _longest()
    for first in range(len(words)):
        length, families = _entry_in(tuple(words[first : first + reach]))
        if first + length > covered and length:
            covered = first + length
            found.append(Span(first, covered, families))
    return found


@lru_cache(maxsize=1 << 14)
def _entry_in(words: tuple[str, ...]) -> tuple[int, frozenset[str]]:
    """Returns the length and the families of the longest entry that begins with the first of some words; 0 for none.

    A page says the same of each of its commands: what stands around them is looked up once.
    """
    ends: dict[int, set[str]] = defaultdict(set)
    for entry, family in _beginning_with(words[0]):
        ends[_end_of(entry, 1, words, 1)].add(family)
    end = max(ends, default=0)
    return end, frozenset(ends[end]) if end else frozenset()


@lru_cache(maxsize=1)
def _longest() -> int:
    """Returns the most words that an entry can stand for, gaps and all."""
    entries = (entry for known in _lexicon() for each in known.values() for entry, _ in each)
    return max(len(entry) + _GAP * entry.count("…") for entry in entries) + 1


@lru_cache(maxsize=4096)
def _beginning_with(word: str) -> list[tuple[tuple[str, ...], str]]:
    """Returns the entries whose first word a word is, with their families."""
    exact, stems = _lexicon()
    return [*exact.get(word, ()), *(entry for end in range(2, len(word) + 1) for entry in stems.get(word[:end], ()))]


def _end_of(entry: Sequence[str], at: int, words: Sequence[str], place: int) -> int:
    """Returns the place behind an entry whose words from `at` on stand at a place; 0 where they do not."""
    while at < len(entry):
        if entry[at] == "…":
            tries = range(place, min(place + _GAP, len(words)) + 1)
            return next((end for start in tries if (end := _end_behind_gap(entry, at, words, place, start))), 0)
        if place >= len(words) or not _is(words[place], entry[at]):
            return 0
        at, place = at + 1, place + 1
    return place


def _end_behind_gap(entry: Sequence[str], at: int, words: Sequence[str], place: int, start: int) -> int:
    if any(word in ",;:.!?()" for word in words[place:start]):
        return 0
    return _end_of(entry, at + 1, words, start)


def _is(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


@lru_cache(maxsize=1)
def _lexicon() -> tuple[dict[str, list[tuple[tuple[str, ...], str]]], dict[str, list[tuple[tuple[str, ...], str]]]]:
    """Returns the entries by their first word: those that name it whole, and those that name how it begins."""
    exact: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    stems: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    for family, entries in tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text("utf-8")).items():
        for words in (words for entry in entries for words in _written_out(entry)):
            where, first = (stems, words[0][:-1]) if words[0].endswith("*") else (exact, words[0])
            where[first].append((words, family))
    return exact, stems


def _written_out(entry: str) -> Iterator[tuple[str, ...]]:
    """Yields an entry's wordings: each of `a|b`, with and without what stands in brackets."""
    choices = []
    for part in re.findall(r"\([^)]*\)|\S+", entry):
        inner = part.strip("()")
        alternatives = [tuple(each.split()) for each in inner.split("|")]
        choices.append([*alternatives, ()] if part.startswith("(") else alternatives)
    for chosen in product(*choices):
        if words := tuple(TARGET if word == "TARGET" else word for each in chosen for word in each):
            yield words

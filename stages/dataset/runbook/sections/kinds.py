"""Which kind of section a title names: by the word that the others are said of, not by any word in it.

`Root Cause Investigation` is an investigation. Where a title names two kinds, the first decides. Words such as `steps`
leave it to those around them, and words that are said of much else (`response`, `resources`) name a kind only among
words such as `immediate`. The words themselves are in kinds.toml.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

MAX_TITLE = 300  # characters of a heading that names something
_MAX_WORDS = 9
_MAX_WORDS_BEFORE = 3  # of a long title, before a colon or a dash: `Symptoms – …`
_MAX_LABEL_WORDS = 6
_FILE = tomllib.loads(Path(__file__).with_name("kinds.toml").read_text("utf-8"))


def _kind_by_word(table: str) -> dict[str, str]:
    return {word: kind for kind, words in _FILE[table].items() for word in words}


_TITLES = {kind: re.compile("|".join(titles)) for kind, titles in _FILE["titles"].items()}
_NOUNS, _WEAK, _ADJECTIVES, _VERBS = map(_kind_by_word, ("nouns", "weak", "adjectives", "verbs"))
_EMPTY, _AMONG = set(_FILE["empty"]["words"]), set(_FILE["among"]["words"])
_TROUBLE, _WHOLE, _OTHER = (set(_FILE["objects"][name]) for name in ("trouble", "whole", "other"))

_NUMBER = re.compile(r"^\W*\d+(?:[.)]\d+)*(?:[.):]?\s+|[.)](?=[^\W\d]))")
_NUMBERED = re.compile(
    r"^\W*(?:step|phase|part|stage|section|option|scenario|method)(?:\s*#?\d+(?:\.\d+)*|\s+[a-z])\b\W*", re.IGNORECASE
)
_STEP = re.compile(r"^\W*(?:\d+(?:[.)]\d+)*[.):]?\s+)?step\s*#?\d", re.IGNORECASE)
_ON_CALL = re.compile(r"\bon[- ]call\b", re.IGNORECASE)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_BETWEEN = re.compile(r"\s+(?:and|or|then)\s+|\s*[/&+,:;|→>]+\s*|\s+[-–—]+\s+|[.!?]\s+", re.IGNORECASE)
_OTHER_MARKS = re.compile(r"[^\w\s']|_")
_PLAIN_LABEL = re.compile(r"\s*(?P<label>[A-Z][\w'&/-]*(?: [\w'&/-]+){0,2})\s?[:：](?=\s|$)")
_QUESTION = re.compile(r"(?:how|where|what)(?: (?:to|do|can|should|would)(?: (?:i|we|you))?) (?P<rest>.+)")
_OF = {
    *("of", "for", "to", "from", "with", "without", "in", "on", "at", "by", "if", "when", "while", "before", "after"),
    *("during", "via", "using", "that", "which", "between", "because", "within", "per", "under", "over"),
}
_LAST = re.compile(r"required|needed|taken|recommended|includes?|are|may|can|might|\d+|[a-z]")


@lru_cache(maxsize=4096)  # the sections of all alerts have the same few names
def section_kind(text: str) -> str:
    """Returns the kind of section that a heading or label names, '' where it names none."""
    if len(text) > MAX_TITLE:
        return ""
    clauses = list(_clauses(text))
    if sum(map(len, clauses)) > _MAX_WORDS < len(_ASIDE.sub(" ", text).split()):
        clauses = clauses[: len(clauses[0]) <= _MAX_WORDS_BEFORE]
    return next((kind for clause in clauses if (kind := _kind(clause))), "")


@lru_cache(maxsize=4096)
def label_kind(text: str) -> str:
    """Returns the kind that a label, or a heading inside a section, names; a step such as `Check logs` names none."""
    clauses = list(_clauses(text[:MAX_TITLE]))
    if not clauses or sum(map(len, clauses)) > _MAX_LABEL_WORDS or is_step(text) or " ".join(clauses[0]) in _OTHER:
        return ""
    return section_kind(text)


def is_step(text: str) -> bool:
    """Returns whether a title says what is to be done with something, or is numbered as a step."""
    words = next(_clauses(text[:MAX_TITLE]), [])
    if _STEP.match(text[:MAX_TITLE]):
        return True
    rest = [word for word in words[1:] if word not in ("the", "this", "a", "an", "your", "and")]
    kind = _VERBS.get(words[0], "") if words else ""
    return bool(kind and rest) and (kind == "verification" or not set(rest) <= _WHOLE)


def is_numbered_step(text: str) -> bool:
    """Returns whether a title says that it is a step, and of what: `Step 2: Restart`, not `Step 2: Mitigation`."""
    return bool(_STEP.match(text[:MAX_TITLE])) and (not section_kind(text) or is_verb(text))


def plain_label(text: str) -> str:
    """Returns the label in plain text with which a line begins, where it names a kind: `Fix: …`; '' else."""
    found = _PLAIN_LABEL.match(text)
    return found["label"] if found and label_kind(found["label"]) else ""


def is_verb(text: str) -> bool:
    """Returns whether a title begins with a verb that names no section by itself: `Verify`."""
    words = next(_clauses(text[:MAX_TITLE]), [""])
    return words[0] in _VERBS and words[0] not in _NOUNS


def _clauses(text: str) -> Iterator[list[str]]:
    """Yields the parts of a title that `and`, a slash, a colon and the like set apart, each as words."""
    plain = _NUMBER.sub("", text.replace("’", "'"))
    plain = _ON_CALL.sub("oncall", _NUMBERED.sub("", plain))
    for part in _BETWEEN.split(_ASIDE.sub(" ", plain)):
        if words := _OTHER_MARKS.sub(" ", part.lower()).split():
            yield words


def _kind(words: Sequence[str]) -> str:
    title = " ".join(words)
    named = next((kind for kind, titles in _TITLES.items() if titles.fullmatch(title)), "")
    if named:
        return "" if named == "none" else named
    if question := _QUESTION.fullmatch(title):
        return _done(question["rest"].split())
    return "" if words[0] in _OF else _done(words) or _headed(words)


def _done(words: Sequence[str]) -> str:
    """Returns the kind of a title that begins with a verb. An alert is verified before anything is done."""
    kind = _VERBS.get(words[0], "")
    return "diagnosis" if kind == "verification" and _TROUBLE & set(words[1:]) and "resolved" not in words else kind


def _headed(words: Sequence[str]) -> str:
    """Returns the kind of the word that the others are said of: the last one before `of`, `for` and the like."""
    end = next((number for number, word in enumerate(words) if word in _OF and number), len(words))
    head, behind = list(words[:end]), list(words[end:])
    while len(head) > 1 and _LAST.fullmatch(head[-1]):
        head.pop()
    last, before = head[-1], head[:-1]
    if last in _EMPTY and (kind := _said(before) or _said(behind)):
        return kind
    if last in _WEAK:
        return _turned(_WEAK[last], before) if set(before) | set(behind) <= _AMONG | _known() else ""
    named = _NOUNS.get(" ".join(head[-2:])) or _NOUNS.get(last, "")
    return _turned(named, before)


def _known() -> set[str]:
    return _ADJECTIVES.keys() | _NOUNS.keys() | {"long", "post"}


def _said(words: Sequence[str]) -> str:
    """Returns the kind that words besides an empty one name; the last of them counts."""
    pairs = [" ".join(words[number : number + 2]) for number in range(len(words))]
    found = [kind for pair in pairs if (kind := _word(pair) or _word(pair.split()[0]))]
    return found[-1] if found else ""


def _word(word: str) -> str:
    return _NOUNS.get(word, "") or _ADJECTIVES.get(word, "")


def _turned(kind: str, before: Sequence[str]) -> str:
    """Returns the kind of a noun, which words before it may turn: a long-term solution prevents."""
    said = _said(before)
    turned_by = {"mitigation": {"prevention"}, "diagnosis": {"impact", "verification"}}
    return said if said in turned_by.get(kind, set()) else kind

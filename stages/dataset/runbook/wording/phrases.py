"""Ways of speaking that stand for plainer ones, and what a label without a verb says."""

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from stages.dataset.runbook.wording.lexicon import MARK, TARGET
from stages.dataset.runbook.wording.needed import folded, may_match, needed

_SIGNS = {"T": TARGET, "M": f"[{MARK}{TARGET}]"}
_MAX_LABEL = 200
_KINDS: tuple[Literal["forbidden", "doubtful"], ...] = ("forbidden", "doubtful")
_SHOWS = re.compile(r"^(?:and |but )?(?:here(?: is|.s)|this is|that is|these are|below is) ", re.IGNORECASE)
_PARTS = re.compile(r": +| +[—–] +")
_AHEAD = re.compile(r"^[*_#>\-–—:.!^↑ ⚠\ufe0f]+")
_STRUCK = re.compile(r"^~~[^~]{1,60}~~\s*")
_NUMBER = re.compile(r"^(?:\d+(?:\.\d+)+|\(?(?:\d{1,2}|[a-z])[.)])\s+", re.IGNORECASE)


@lru_cache(maxsize=1024)
def plainly(text: str) -> str:
    """Returns a text with plainer words for ways of speaking that no grammar explains."""
    words_in = folded(text)
    for needs, pattern, instead in _rewrites():
        if may_match(needs, words_in) and (plainer := pattern.sub(instead, text)) != text:
            text, words_in = plainer, folded(plainer)
    return text


@lru_cache(maxsize=1024)
def judged_by_label(text: str) -> tuple[Literal["forbidden", "doubtful"], str] | None:
    """Returns how a label judges what it stands for, and the words that do; None where it does not."""
    label = " ".join(text[:_MAX_LABEL].split())
    label = _NUMBER.sub("", _AHEAD.sub("", _STRUCK.sub("", label)))
    patterns = _labels()
    if patterns["innocent"].match(label):
        return None
    parts = [label, *_PARTS.split(label)[1:], _SHOWS.sub("", label)]
    for kind, part in ((kind, part) for kind in _KINDS for part in parts):
        if found := patterns[kind].match(part):
            return kind, found.group()
    return None


@lru_cache(maxsize=1)
def _rewrites() -> list[tuple[tuple[str, ...], re.Pattern[str], str]]:
    """Returns what each pattern needs in a text, the pattern, and what stands for it."""
    read = _read("phrases.toml")
    pairs = [(_filled(rule["pattern"], read["lists"]), rule["with"].replace("T", TARGET)) for rule in read["rewrites"]]
    found = [(re.compile(_signed(pattern), re.IGNORECASE), instead) for pattern, instead in pairs]
    return [(needed(pattern.pattern), pattern, instead) for pattern, instead in found]


@lru_cache(maxsize=1)
def _labels() -> dict[str, re.Pattern[str]]:
    read = _read("labels.toml")
    return {
        kind: re.compile("|".join(_filled(each, read["lists"]) for each in patterns), re.IGNORECASE)
        for kind, patterns in read["labels"].items()
    }


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


def _filled(pattern: str, lists: dict[str, list[str]]) -> str:
    for name, words in lists.items():
        pattern = pattern.replace("{" + name + "}", "(?:" + "|".join(words) + ")")
    return pattern


def _signed(pattern: str) -> str:
    return re.sub(r"(?<!\\)\b[TM]\b", lambda found: _SIGNS[found.group()], pattern)

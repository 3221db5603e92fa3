"""Which one command a chain stands for: what else is in it only looks, prepares or reports.

`kubectl rollout restart deploy/x && kubectl rollout status deploy/x` restarts. Where two of its commands may change
something, or one does so only at times, a chain stands for none of them.
"""

import re
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from stages.dataset.runbook.commands import evidence
from stages.dataset.runbook.commands.danger import effect
from stages.dataset.runbook.commands.parts import Part, parts_of, substituted
from stages.dataset.runbook.commands.variables import Variables

_LISTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("looks.toml").read_text("utf-8"))
_PROGRAMS, _HELPERS, _FILTERS = (set(_LISTS[name]) for name in ("programs", "helpers", "filters"))
_CONDITIONS: set[str] = set(_LISTS["conditions"])
_VERBS: dict[str, list[str]] = _LISTS["verbs"]
_COMPOUNDS = {*evidence.COMPOUNDS, "do", "done", "then", "else", "elif", "fi", "esac", "{", "}", "coproc"} - {"[", "[["}
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w. -]*>|\{\{[^{}]*\}\}|\$\{?\w+\}?")
_HARMLESS_TARGET = re.compile(
    r"[\"']?(?:/dev/(?:null|stdout|stderr|tty)|/tmp/|/var/tmp/|~/|\$HOME/|\$\{HOME\}/|\./|[\w$<{])"
)
_VALUED = {
    "-n",
    "--namespace",
    "--context",
    "--kubeconfig",
    "--cluster",
    "-s",
    "--server",
    "-C",
    "--profile",
    "--region",
    "--project",
}
_QUERY = re.compile(
    r"\s(?:-c|-e|-tAc|-Atc|--command|--execute|--eval|-q)[= ]*[\"']?\s*(?:select|show|explain|\\\w)", re.IGNORECASE
)
_INNER = re.compile(r"(?:\s--|^xargs(?:\s+-\S+(?:\s+(?:\d+|\{\}))?)*)\s+(?P<command>\S.*)$", re.DOTALL)


def acting(text: str) -> Part | None:
    """Returns the one command that a chain is for, with constants in place of the variables that it sets before.

    None where it is for more than one, for one at times alone, or is no chain of simple commands: a loop, a condition.
    """
    parts = parts_of(text)
    if parts is None or not parts or any(_is_compound(part) for part in parts):
        return None
    variables, filled = Variables(), []
    for part in parts:
        filled.append(variables.fill(part))
        variables.see(part)
    done = [full or part for full, part in zip(filled, parts, strict=True)]
    chosen = _chosen(done)
    if chosen is None or not _is_unconditional(done, chosen) or not _is_alone(done[chosen]):
        return None
    return filled[chosen]


@lru_cache(maxsize=4096)
def spellings_of(text: str) -> tuple[str, ...]:
    """Returns the one command that a chain is for, as it is written and then without what stands before its program."""
    part = acting(text)
    if part is None:
        return ()
    bare = " ".join(evidence.words_in(part.words, evidence.PREFIXES))
    return (part.text,) if bare == part.text else (part.text, bare)


def _is_compound(part: Part) -> bool:
    return bool(part.words) and part.words[0] in _COMPOUNDS


def _chosen(parts: Sequence[Part]) -> int | None:
    """Returns the place of the one part that may change something, else of the one that does more than help."""
    if len(parts) == 1:
        return 0
    acts = [place for place, part in enumerate(parts) if not only_looks(part)]
    if acts:
        return acts[0] if len(acts) == 1 else None
    looks = [place for place, part in enumerate(parts) if not _helps(part)]
    return looks[0] if len(looks) == 1 else None


def _helps(part: Part) -> bool:
    program = _program(part)
    return not program or program in _HELPERS or (_is_piped(part) and program in _FILTERS)


def _is_piped(part: Part) -> bool:
    return part.joined in ("|", "|&")


def _is_unconditional(parts: Sequence[Part], chosen: int) -> bool:
    """Returns whether a part is run whatever the others find, and nothing is piped into it."""
    if parts[chosen].joined == "||" or _is_piped(parts[chosen]):
        return False
    before = chosen
    while before and parts[before].joined in ("&&", "|", "|&"):
        before -= 1
        if _first_word(parts[before]) in _CONDITIONS:
            return False
    return parts[before].joined != "||"


def _is_alone(part: Part) -> bool:
    """Returns whether a part reads nothing but its words, and writes nothing that matters."""
    return all(">" in operator and _is_harmless(operator, target) for operator, target in part.redirects)


def _is_harmless(operator: str, target: str) -> bool:
    return "<" in operator or not target or bool(_HARMLESS_TARGET.match(target))


def only_looks(part: Part) -> bool:
    """Returns whether a part is known to change nothing, what it substitutes and what it is given to run included."""
    if any(not _is_harmless(*redirect) for redirect in part.redirects):
        return False
    if not all(_list_looks(inner) for word in part.words for inner in substituted(word)):
        return False
    return _words_look(part)


def _list_looks(text: str) -> bool:
    parts = parts_of(text)
    return parts is not None and all(only_looks(part) for part in parts)


def _words_look(part: Part) -> bool:
    program = _program(part)
    if not program:
        return True
    text = _PLACEHOLDER.sub("_", part.text)
    if program == "tee":
        return all(_HARMLESS_TARGET.match(word) for word in part.words[1:] if not word.startswith("-"))
    if program in _HELPERS:
        return True
    if effect(text).mutating:
        return False
    if inner := _INNER.search(text):
        return _list_looks(inner["command"])
    return (
        program in _PROGRAMS
        or program in _FILTERS
        or program in ("test", "[", "[[")
        or _has_looking_verb(program, part.words)
    )


def _has_looking_verb(program: str, words: Sequence[str]) -> bool:
    words = evidence.words_in(words)
    given = [
        word
        for before, word in zip(["", *words[1:]], words[1:], strict=False)
        if not word.startswith("-") and before not in _VALUED
    ]
    if _QUERY.search(" ".join(["", *words])):
        return True
    if any(word in ("--describe", "--list", "--version", "--help") for word in words):
        return True
    return any(_begins(given, pattern.split()) for pattern in _VERBS.get(program, ()))


def _begins(given: Sequence[str], pattern: Sequence[str]) -> bool:
    return len(given) >= len(pattern) and all(map(fnmatchcase, given, pattern))


def _program(part: Part) -> str:
    """Returns the program of a part, '' for one that does nothing but set variables."""
    words = evidence.words_in(part.words)
    return "" if not words or all(map(evidence.is_assignment, part.words)) else words[0].rpartition("/")[2] or words[0]


def _first_word(part: Part) -> str:
    return _program(part)

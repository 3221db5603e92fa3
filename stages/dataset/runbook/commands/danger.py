"""What a command does to the systems it runs on, told from its parsed words: nothing, a change, or harm.

The rules are in danger.toml. A command inside another (`ssh host '…'`, `kubectl exec … -- …`,
`xargs …`, `sh -c '…'`) is looked at as well.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from stages.dataset.runbook.commands import evidence
from stages.dataset.runbook.commands.shell import simple_commands

_RULES = tomllib.loads(Path(__file__).with_name("danger.toml").read_text("utf-8"))
# What follows these is a command of its own.
_CARRIERS = re.compile(
    r"(?:\s--\s+|\bxargs(?:\s+-\S+(?:\s+(?:\d+|\{\}))?)*\s+|\s-c\s+['\"]?|\bssh\s[^'\"]{0,500}?['\"]|\bexec\s[^'\"]{0,500}?['\"]|-exec\w*\s+)"
)
_REMOTE = re.compile(r"\b(?:ssh|exec|run)\b(?P<words>.*)", re.DOTALL)
# Programs that only show or look for what they are given.
_READERS = {
    "grep",
    "egrep",
    "zgrep",
    "echo",
    "printf",
    "man",
    "which",
    "type",
    "whereis",
    "history",
    "alias",
    "cat",
    "less",
    "jq",
    "awk",
}
_REHEARSAL = re.compile(
    r"--dry-?run(?!=(?:none|false))\b|--simulate\b|(?:^|\s)--what-?if\b|\s--?help\b|\s--noop\b|--check\b.*ansible|\s--explain\b"
)
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w. -]*>")
_NULL = re.compile(r"\d?&?>{1,2}\s*(?:/dev/null|&\d)")


@dataclass(frozen=True)
class Effect:
    """dangerous implies mutating."""

    dangerous: bool
    mutating: bool


@dataclass(frozen=True)
class _Rule:
    programs: frozenset[str]
    pattern: re.Pattern[str]
    exception: re.Pattern[str] | None

    def holds(self, rest: str) -> bool:
        if not self.pattern.search(rest):
            return False
        return not (self.exception and self.exception.search(rest))


def _rules(entries: list[dict[str, Any]]) -> tuple[_Rule, ...]:
    def compiled(patterns: list[str]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)

    return tuple(
        _Rule(
            frozenset(entry["programs"]),
            compiled(entry["patterns"]),
            compiled(entry["unless"]) if "unless" in entry else None,
        )
        for entry in entries
    )


def _by_program(rules: tuple[_Rule, ...]) -> dict[str, list[_Rule]]:
    """Returns the rules of each program that one names, and under `*` those of any other."""
    programs = {program for rule in rules for program in rule.programs}
    return {name: [rule for rule in rules if {name, "*"} & rule.programs] for name in {*programs, "*"}}


_DANGEROUS = _by_program(_rules(_RULES["dangerous"]))
_MUTATING = _by_program(_rules(_RULES["mutating"]))
MAX_PART = 8_192  # characters of a simple command that tell what it does
MAX_CARRIED = 24  # commands in a simple command that is given them to run


_SCRIPT = re.compile(
    rf"(?:^|[\s/])(?:{'|'.join(_RULES['scripts']['programs'])})\s+-[ce]\s(?s:.*)\.(?:{'|'.join(_RULES['scripts']['calls'])})\("
)


@lru_cache(maxsize=4096)
def effect(command: str) -> Effect:
    """Returns what a command does, as far as its words tell."""
    dangerous, mutating = bool(_SCRIPT.search(command)), False
    for part in dict.fromkeys(_parts(command)):
        program = evidence.program_of(part)
        rest = _behind(part, program)
        if program in _READERS and ">" not in rest:
            continue
        if _REHEARSAL.search(part):
            continue
        dangerous = dangerous or _holds(_DANGEROUS, program, rest)
        mutating = mutating or _holds(_MUTATING, program, rest)
    return Effect(dangerous, dangerous or mutating)


def _holds(rules: dict[str, list[_Rule]], program: str, rest: str) -> bool:
    return any(rule.holds(rest) for rule in rules.get(program, rules["*"]))


def _parts(command: str) -> list[str]:
    """Returns the simple commands in a command, and those that other programs are given to run."""
    command = _PLACEHOLDER.sub("_", _NULL.sub("", command))
    parts: list[str] = []
    for part in [*_whole(command), *simple_commands(command)]:
        part = part[:MAX_PART]
        parts.append(part)
        for carrier in islice(_CARRIERS.finditer(part), MAX_CARRIED):
            parts += simple_commands(part[carrier.end() :].strip("'\" "))
        if remote := _REMOTE.search(part):
            parts += _suffixes(remote["words"])
    return parts


def _whole(command: str) -> list[str]:
    """Returns each line of a command that a quote or a here-document makes one, as one part."""
    return [" ".join(line.split()) for line in _pipeline(command)]


def _pipeline(command: str) -> list[str]:
    quoted = re.split(r"(?<=[\s\w'\"}])\s*(?:\|\|?|&&|;)\s*(?=[a-z./])", command)
    return [part for part in quoted if part.strip()]


def _suffixes(words: str) -> list[str]:
    """Returns what may be the command that a remote shell is given: all that begins with a program's name."""
    found = re.split(r"\s+", words.strip())[:24]
    return [" ".join(found[index:]).strip("'\"") for index, word in enumerate(found) if word.strip("'\"") in _INNER]


_INNER = {
    "rm",
    "sudo",
    "systemctl",
    "kill",
    "pkill",
    "killall",
    "reboot",
    "shutdown",
    "redis-cli",
    "psql",
    "mysql",
    "nodetool",
    "etcdctl",
    "truncate",
    "rabbitmqctl",
    "find",
    "service",
    "docker",
    "kubectl",
    "crictl",
    "dd",
}


def _behind(part: str, program: str) -> str:
    words = evidence.words_of(part)
    return " ".join(words[1:]) if program else part

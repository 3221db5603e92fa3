"""Lines that go on with a command although no backslash says so, apart from what the command printed."""

import re
import tomllib
from pathlib import Path
from typing import Any

from stages.dataset.runbook.commands import evidence

_LISTS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("wrapped.toml").read_text("utf-8"))
_OBJECTS, _VERBS = _LISTS["objects"], _LISTS["verbs"]
_REPORTS = set(_LISTS["reports"]["words"])
_OPERATOR = re.compile(r"\s*(?:\|\|?|&&)\s*(?P<rest>\S.*)$")
_FLAG = re.compile(r"\s+--?[A-Za-z]|-[A-Za-z](?=[ =]|$)|--[a-z][\w-]*(?=[ =]|$)")
_PRINTED_FLAG = re.compile(r"\s*(?:[-dlbcps][-rwxsStT]{9}|-\w, ?--|--?[^\s,]+(?: \S+)? {2,}[A-Za-z]\S* \S)")
_ARGUMENT = re.compile(
    r"--?[A-Za-z][^\s|;&]*|(?:[\w./:@=,+%-]|<[A-Za-z][\w. -]*>|\$\{?\w+\}?|\{\{[^{}]*\}\}|'[^']*'|\"[^\"]*\")+"
)
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w. -]*>|\{\{[^{}]*\}\}")
_MAX_ARGUMENTS = 8


class Wrap:
    """Tells of each line below a command whether it goes on with it. first: the line with which the command begins."""

    def __init__(self, first: str, is_shell: bool) -> None:
        self.indent = _indent(first)
        self.is_shell = is_shell
        self.hanging = 0
        """How far in the lines stand that go on with the command, once one did; 0: none did."""

    def takes(self, line: str, text: str) -> bool:
        """Returns whether a line goes on with the command, of which `text` is read so far ('': it is long)."""
        if _begins_with_operator(line):
            return True
        if _FLAG.match(line) and not _PRINTED_FLAG.match(line):
            return True
        if text.endswith(" --") and line.strip():
            return True
        indent = _indent(line)
        if not text or indent <= self.indent or not _is_argument(line):
            return False
        if not self.hanging and lacks_object(text, self.is_shell):
            self.hanging = indent
        return 0 < self.hanging <= indent


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _begins_with_operator(line: str) -> bool:
    """Returns whether a line begins with a pipe or its like, and is no row of a table."""
    found = _OPERATOR.match(line)
    if not found:
        return False
    return not line.rstrip().endswith("|") or evidence.is_known_command(found["rest"])


def _is_argument(line: str) -> bool:
    """Returns whether a line holds nothing but arguments, and does not tell what was done."""
    text = line.strip()
    found = _ARGUMENT.sub("", text[:500])
    words = text.split()
    is_shaped = not found.strip() and 0 < len(words) <= _MAX_ARGUMENTS and not text.endswith(":")
    is_report = words[-1].lower().strip(".!") in _REPORTS if words else True
    is_other = len(words) > 1 and evidence.is_known_command(text)
    return is_shaped and not is_report and not is_other and not evidence.is_printed(_PLACEHOLDER.sub("_", text))


def lacks_object(text: str, is_shell: bool) -> bool:
    """Returns whether a command does not yet say on what it is to act.

    is_shell: whether programs that nobody here knows lack one where they are given verbs alone.
    """
    words = evidence.words_of(text)
    program = evidence.program_of(text)
    if program in _OBJECTS["programs"]:
        return _lacks_name(words[1:])
    if program in _VERBS:
        return words[-1] in _VERBS[program]
    is_unknown = is_shell and program not in evidence.PROGRAMS
    return is_unknown and 1 < len(words) <= 4 and all(re.fullmatch(r"[a-z][a-z-]*", word) for word in words)


def _lacks_name(words: list[str]) -> bool:
    """Returns whether kubectl is given too few words for its verb."""
    if any(word.partition("=")[0] in _OBJECTS["selecting"] for word in words):
        return False
    positions = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not word.startswith("-") and before not in _OBJECTS["valued"]
    ]
    if words and words[-1] in _OBJECTS["valued"]:
        return True
    verb = next((place for place, word in enumerate(positions) if word in _OBJECTS["named"]), None)
    if verb is not None:
        named = positions[verb + 1 :]
        return not named or (len(named) == 1 and "/" not in named[0] and named[0].islower() and named[0].isalpha())
    return bool(positions) and positions[-1] in _OBJECTS["unnamed"]

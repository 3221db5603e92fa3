"""What variables stand for where a command sets them itself, or the lines above it in its block do."""

import re
from collections.abc import Sequence
from dataclasses import replace

from stages.dataset.runbook.commands.parts import Part, parts_of, unquoted

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)(?P<more>\+?)=(?P<value>.*)", re.DOTALL)
_DECLARING = {"export", "declare", "local", "readonly", "typeset"}
_UNSETTING = {"unset", "read", "for", "select", "mapfile", "readarray", "getopts"}
_PLACEHOLDER = r"<[A-Za-z][\w. -]*>|\{\{[^{}]*\}\}|\$\{\w+\}|\$[A-Za-z_]\w*"
_PLAIN = re.compile(rf"(?:[\w./:@%+,=-]|{_PLACEHOLDER})+")
_TO_BE_FILLED_IN = re.compile(r"\.{2,}|[xX]{3,}|TODO|FIXME|CHANGE_?ME|_+")
_EXPANSION = re.compile(r"\$(?:\{[^{}]*\}|\(|\d)|`")
_USE = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|\$\{(?P<curly>\w+)\}|\$(?P<bare>[A-Za-z_]\w*)", re.DOTALL)
_INSIDE = re.compile(r"\\.|\$\{(?P<curly>\w+)\}|\$(?P<bare>[A-Za-z_]\w*)", re.DOTALL)
_NAMES = re.compile(r"\$\{?(\w+)")
_CONDITIONS = {"[", "[[", "test"}
_COMPOUNDS = {"if", "while", "until", "for", "case", "select", "function", "{"}
_SET_SOMEWHERE = re.compile(r"(?:\b(?:for|select|read(?: -\w+)*)\s+|(?=\w+\+?=))\b([A-Za-z_]\w*)")
_NEVER_PLAIN = "' '"  # stands for a constant that cannot stand in a command
MAX_VALUE = 300  # characters


class Variables:
    """The constants that a list of commands sets, as it is walked."""

    def __init__(self) -> None:
        self.values: dict[str, str | None] = {}
        """None: a constant that cannot stand in a command as it is."""

    def see(self, part: Part, is_sure: bool = True) -> None:
        """Goes on behind a part that may set variables, or forget them; is_sure: it is run whatever happens."""
        words = part.words
        if words and words[0] in _UNSETTING:
            self.forget(words[1:])
        declared = words[1:] if words and words[0] in _DECLARING else words
        if declared and all(_ASSIGNMENT.fullmatch(word) or word.startswith("-") for word in declared):
            self.set(declared, is_sure)

    def forget(self, names: Sequence[str]) -> None:
        """Lets variables stand for nothing that is known."""
        for name in names:
            self.values.pop(name, None)

    def fill(self, part: Part) -> Part | None:
        """Returns a part with constants in place of its variables; None where one of them cannot stand there."""
        own = Variables()
        own.values = dict(self.values)
        own.set(part.words[: _first_other(part.words)])
        filled = [own.filled(word) for word in part.words]
        words = [word for word in filled if word is not None]
        return replace(part, words=words) if len(words) == len(filled) else None

    def filled(self, word: str) -> str | None:
        """Returns a word with constants in place of variables; None where one of them cannot stand there."""
        if not self.values or "$" not in word:
            return word
        is_possible = True

        def value(found: re.Match[str]) -> str:
            nonlocal is_possible
            if found[0].startswith('"'):
                return _INSIDE.sub(value, found[0])
            name = found["curly"] or found["bare"] if found[0].startswith("$") else ""
            if not name or name not in self.values:
                return found[0]
            is_possible = is_possible and self.values[name] is not None
            return self.values[name] or ""

        result = _USE.sub(value, word)
        return result if is_possible else None

    def set(self, words: Sequence[str], is_sure: bool = True) -> None:
        """Sets what each of some assignments says."""
        for word in words:
            found = _ASSIGNMENT.fullmatch(word)
            if not found:
                continue
            name, value = found["name"], found["value"]
            self.values.pop(name, None)
            if not is_sure or found["more"] or _is_open(value):
                continue
            text = unquoted(value) if value.startswith("'") else self.filled(unquoted(value))
            is_plain = text is not None and len(text) <= MAX_VALUE and _PLAIN.fullmatch(text)
            self.values[name] = text if is_plain else None


def _is_open(value: str) -> bool:
    """Returns whether a value is found when the command runs, or is left for the reader to fill in."""
    text = unquoted(value)
    is_found = not value.startswith("'") and bool(_EXPANSION.search(re.sub(r"\$\{\w+\}", "", text)))
    return not text or is_found or bool(_TO_BE_FILLED_IN.fullmatch(text))


def _first_other(words: Sequence[str]) -> int:
    """Returns the place of the first word that sets no variable."""
    return next((place for place, word in enumerate(words) if not _ASSIGNMENT.fullmatch(word)), len(words))


class Above:
    """What the commands of a block so far set, as the lines of a shell that set it."""

    def __init__(self) -> None:
        self.variables = Variables()

    def see(self, text: str) -> None:
        """Goes on behind a command of the block."""
        if "=" not in text and text.split(maxsplit=1)[:1] not in [[word] for word in _UNSETTING]:
            return
        parts, is_sure = parts_of(text), True
        if parts is None or any(part.words and part.words[0] in _COMPOUNDS for part in parts):
            self.variables.forget(_SET_SOMEWHERE.findall(text))
            return
        for part in parts:
            is_sure = is_sure and part.joined != "||" and not (part.words and part.words[0] in _CONDITIONS)
            self.variables.see(part, is_sure)

    def needed_by(self, text: str) -> str:
        """Returns the assignments above of the variables that a command mentions, one a line."""
        names = dict.fromkeys(_NAMES.findall(text)) if self.variables.values else {}
        values = self.variables.values
        return "\n".join(
            f"{name}={_NEVER_PLAIN if values[name] is None else values[name]}" for name in names if name in values
        )

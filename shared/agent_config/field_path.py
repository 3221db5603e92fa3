"""The path of a field in a YAML file, such as `spec.env[name=MODEL_NAME].value`.

Keys are joined by dots. `[name=MODEL_NAME]` chooses the one item of a list whose `name` is MODEL_NAME,
`[0]` the first one. A key with a dot in it, and a key or value with a bracket, an equals sign or a blank,
stands in double quotes: `metadata.annotations."example.com/model"`.
"""

import re
from dataclasses import dataclass

from shared.errors import StageError

_WORD = r'(?:"[^"]+"|[^\s."\[\]=]+)'
_INDEX = r"\[(?P<index>[0-9]{1,6})\]"
_CHOICE = rf'\[(?P<name>{_WORD})=(?P<value>"[^"]*"|[^\s"\[\]=]+)\]'
_STEP = re.compile(rf"(?P<key>{_WORD})|{_INDEX}|{_CHOICE}")
_BRACKET = re.sub(r"\?P<\w+>", "?:", f"(?:{_INDEX}|{_CHOICE})")
_PATH = re.compile(rf"(?:{_WORD}|{_BRACKET})(?:\.{_WORD}|{_BRACKET})*")


@dataclass(frozen=True)
class Key:
    """The value under a key."""

    name: str

    def __str__(self) -> str:
        return _quoted(self.name)


@dataclass(frozen=True)
class Index:
    """An item by its place, from 0."""

    number: int

    def __str__(self) -> str:
        return f"[{self.number}]"


@dataclass(frozen=True)
class Choice:
    """The one item whose key `name` holds `value`."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"[{_quoted(self.name)}={_quoted(self.value)}]"


Step = Key | Index | Choice


def parse(path: str) -> tuple[Step, ...]:
    """Returns the steps of a path. Raises StageError where it is none, with an example."""
    if not _PATH.fullmatch(path):
        raise StageError(f"{path!r} is no path of a field, such as spec.ai.model or spec.env[name=MODEL_NAME].value")
    return tuple(_step(found) for found in _STEP.finditer(path))


def written(steps: tuple[Step, ...]) -> str:
    """Returns the path of the steps."""
    text = "".join(f".{step}" if isinstance(step, Key) else str(step) for step in steps)
    return text.removeprefix(".")


def _step(found: re.Match[str]) -> Step:
    if found["key"]:
        return Key(_unquoted(found["key"]))
    if found["index"]:
        return Index(int(found["index"]))
    return Choice(_unquoted(found["name"]), _unquoted(found["value"]))


def _unquoted(word: str) -> str:
    return word[1:-1] if word.startswith('"') else word


def _quoted(word: str) -> str:
    return word if re.fullmatch(_WORD, word) else f'"{word}"'

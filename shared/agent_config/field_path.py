"""The path of a field in a YAML file, such as `spec.env[name=MODEL_NAME].value`.

Keys are joined by dots. `[name=MODEL_NAME]` chooses the one item of a list whose `name` is MODEL_NAME,
`[target.name=agent]` the one with that under keys of keys, `[0]` the first one. A key with a dot in it, and a
key or value with a bracket, an equals sign or a blank, stands in double quotes:
`metadata.annotations."example.com/model"`.

Where a value is a text that is YAML or JSON itself, a bar between blanks goes on inside of it:
`patches[target.name=agent].patch | [path=/spec/ai/model].value`.
"""

import re
from dataclasses import dataclass

from shared.errors import StageError

_WORD = r'(?:"[^"]+"|[^\s."\[\]=]+)'
_INDEX = r"\[(?P<index>[0-9]{1,6})\]"
_CHOICE = rf'\[(?P<name>{_WORD}(?:\.{_WORD})*)=(?P<value>"[^"]*"|[^\s"\[\]=]+)\]'
_BAR = " | "
_STEP = re.compile(rf"(?P<bar>{re.escape(_BAR)})|(?P<key>{_WORD})|{_INDEX}|{_CHOICE}")
_BRACKET = re.sub(r"\?P<\w+>", "?:", f"(?:{_INDEX}|{_CHOICE})")
_PART = rf"(?:{_WORD}|{_BRACKET})(?:\.{_WORD}|{_BRACKET})*"
_PATH = re.compile(rf"{_PART}(?:{re.escape(_BAR)}{_PART})*")


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
    """The one item whose key `name`, below the keys `under`, holds `value`."""

    name: str
    value: str
    under: tuple[str, ...] = ()

    def __str__(self) -> str:
        keys = ".".join(_quoted(key) for key in (*self.under, self.name))
        return f"[{keys}={_quoted(self.value)}]"


@dataclass(frozen=True)
class Inside:
    """What the text there holds, read as YAML."""

    def __str__(self) -> str:
        return _BAR


Step = Key | Index | Choice | Inside


def parse(path: str) -> tuple[Step, ...]:
    """Returns the steps of a path. Raises StageError where it is none, with an example."""
    if not _PATH.fullmatch(path):
        examples = "spec.ai.model or spec.env[name=MODEL_NAME].value"
        inside = "; inside a text that is YAML it goes on behind ' | '"
        raise StageError(f"{path!r} is no path of a field, such as {examples}{inside}")
    return tuple(_step(found) for found in _STEP.finditer(path))


def written(steps: tuple[Step, ...]) -> str:
    """Returns the path of the steps."""
    befores = (Inside(), *steps)
    return "".join(
        f".{step}" if isinstance(step, Key) and not isinstance(before, Inside) else str(step)
        for before, step in zip(befores, steps, strict=False)
    )


def _step(found: re.Match[str]) -> Step:
    if found["bar"]:
        return Inside()
    if found["key"]:
        return Key(_unquoted(found["key"]))
    if found["index"]:
        return Index(int(found["index"]))
    *under, name = (_unquoted(word) for word in re.findall(_WORD, found["name"]))
    return Choice(name, _unquoted(found["value"]), tuple(under))


def _unquoted(word: str) -> str:
    return word[1:-1] if word.startswith('"') else word


def _quoted(word: str) -> str:
    return word if re.fullmatch(_WORD, word) else f'"{word}"'

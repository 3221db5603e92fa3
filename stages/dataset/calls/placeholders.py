"""Placeholders in a runbook: `{{ $labels.pod }}`, `<pod>`, `$POD`, `${POD}` and `{{ pod }}` stand for a label's value.

They are marked with private-use characters, so that a command can be split by the shell's rules while
they are still in it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

OPEN, CLOSE = "\ue000", "\ue001"
_PLACEHOLDER = re.compile(
    r"\{\{\s*\$labels\.(?P<label>\w+)\s*\}\}|\{\{\s*[.$]?(?P<braces>\w+)\s*\}\}"
    r"|<(?P<angle>[A-Za-z][\w. -]*)>|\$\{(?P<curly>\w+)\}|\$(?P<bare>[A-Za-z_]\w*)"
)
_MARK = re.compile(f"{OPEN}(?P<style>[=?])(?P<name>[^{CLOSE}]*){CLOSE}")
_FOREIGN_MARKS = dict.fromkeys(map(ord, (OPEN, CLOSE)))


@dataclass(frozen=True)
class Placeholder:
    """A name that stands for a value of the alert; is_label: written as `{{ $labels.x }}`."""

    name: str
    is_label: bool


def mark(text: str) -> str:
    """Returns text with its placeholders in the form that `placeholders` and `fill` read."""
    return _PLACEHOLDER.sub(_marked, text.translate(_FOREIGN_MARKS))


def placeholders(text: str) -> Iterator[Placeholder]:
    """Yields the placeholders in marked text."""
    for found in _MARK.finditer(text):
        yield Placeholder(found["name"], found["style"] == "=")


def fill(text: str, value_of: Callable[[Placeholder], str]) -> str:
    """Returns marked text with each placeholder replaced by its value."""
    return _MARK.sub(lambda found: value_of(Placeholder(found["name"], found["style"] == "=")), text)


def _marked(found: re.Match[str]) -> str:
    # Without spaces: a command is split into words while the mark is in it.
    name = "_".join(next(filter(None, found.groups())).split())
    return f"{OPEN}{'=' if found['label'] else '?'}{name}{CLOSE}"

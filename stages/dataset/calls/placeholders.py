"""Placeholders in a runbook: `{{ $labels.pod }}`, `<pod>`, `$POD`, `[pod]`, `POD_NAME` and so on stand for a value.

They are marked with private-use characters, so that a command can be split by the shell's rules while
they are still in it.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

OPEN, CLOSE = "\ue000", "\ue001"
_WORDS = tomllib.loads(Path(__file__).with_name("placeholders.toml").read_text("utf-8"))
CONSTANTS, SYNTAX = frozenset(_WORDS["constants"]), frozenset(_WORDS["syntax"])

# The labels of an alert, as Prometheus, Alertmanager and an agent's own templates name them.
_MAP = (
    r"(?:\$labels|\$externalLabels|\$?\.(?:Common|Group|External)?Labels|(?:\$?alert\.)?labels"
    r"|\(\s*index\s+\$?\.Alerts(?:\.Firing)?\s+\d+\s*\)\.Labels)"
)
LABEL_REFERENCE = re.compile(
    rf"(?<![\w.$)])(?:{_MAP}\.(?P<dotted>\w+)|index\s+{_MAP}\s+[\"'`](?P<indexed>\w+)[\"'`]"
    rf"|{_MAP}\[[\"'](?P<keyed>\w+)[\"']\])",
    re.IGNORECASE,
)
"""A label of the alert within an expression of a template; `label_of` reads a match of it."""

_BARE = re.compile(r"[.$]?(\w+)")
_TEMPLATE = (
    r"\{\{(?P<braces>[^{}\n]{1,200})\}\}|\$labels\.(?P<label>\w+)"
    r"|<(?P<angle>[A-Za-z](?:[\w. -]{0,80}[\w.-])?)>"
    r"|\$\{(?P<curly>\w+)(?::?[-=?][^{}$`\n]{0,100})?\}|\$(?:env:)?(?P<dollar>[A-Za-z_]\w*)"
)
_NAME = r"[A-Za-z][\w-]{0,60}"
_IN_COMMANDS = (
    rf"|(?<![^\s=/:,\"'])\[{{1,2}}(?P<square>[A-Za-z]{{2,30}}(?:[ _-][A-Za-z]{{2,30}}){{0,6}})\]{{1,2}}(?![\w(\[*?+])"
    rf"|[«‹](?P<quoted>{_NAME}(?: [\w-]{{1,60}}){{0,6}})[»›]"
    rf"|(?<![\w%])%(?P<percent>[A-Za-z_]\w{{1,60}})%(?!\w)|%\((?P<format>\w{{1,60}})\)s"
    rf"|(?<![\w@])@{{1,2}}(?P<at>{_NAME})@{{1,2}}(?![\w@])|(?<!\w)__(?P<under>[A-Za-z]\w{{0,60}}?)__(?!\w)"
    rf"|(?<![$@{{])[#%]?\{{(?P<single>{_NAME})\}}(?!\}})"
    r"|(?<![^\s/])(?P<capital>NAME)(?!\S)"
)
_OF_TEXTS = re.compile(_TEMPLATE)
_OF_COMMANDS = re.compile(_TEMPLATE + _IN_COMMANDS)
_STANDS_APART = re.compile(
    rf"{OPEN}[^{CLOSE}]*{CLOSE}"
    r"|(?<![\w.-])(?P<capital>[A-Z][A-Z0-9]+(?:[_-][A-Z0-9]+)*|(?:your|my)[-_]\w[\w-]*|[a-z]+[-_]name)(?![\w.-])"
    r"|(?<![\w.-])(?P<blank>(?:[\w-]+-)?(?:[xX]{3,}|\.\.\.|…)(?:-[\w-]+)?)(?![\w.-])"
)
_MARK = re.compile(f"{OPEN}(?P<style>[=?])(?P<name>[^{CLOSE}]*){CLOSE}")
_FOREIGN_MARKS = dict.fromkeys(map(ord, (OPEN, CLOSE)))


@dataclass(frozen=True)
class Placeholder:
    """A name that stands for a value of the alert; is_label: written as `{{ $labels.x }}`."""

    name: str
    is_label: bool


@lru_cache(maxsize=256)  # each function of tools.yaml is compared with the same command
def mark(command: str) -> str:
    """Returns a command with its placeholders in the form that `placeholders` and `fill` read."""
    return _OF_COMMANDS.sub(_marked, command.translate(_FOREIGN_MARKS))


def mark_text(text: str) -> str:
    """Returns a text that is no command so: of prose and rules, where brackets, braces and capitals are none."""
    return _OF_TEXTS.sub(_marked, text.translate(_FOREIGN_MARKS))


def mark_standing_apart(value: str) -> str:
    """Returns a command's value in which what no system is called is marked too: `POD_NAME`, `your-pod`, `xxx`."""
    return _STANDS_APART.sub(_marked_apart, value)


def marked(placeholder: Placeholder) -> str:
    """Returns a placeholder as it stands in marked text."""
    return f"{OPEN}{'=' if placeholder.is_label else '?'}{placeholder.name}{CLOSE}"


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """Returns the placeholders in marked text, in their order."""
    return _apart(text)[1] if OPEN in text else ()


def fill(text: str, value_of: Callable[[Placeholder], str]) -> str:
    """Returns marked text with each placeholder replaced by its value."""
    if OPEN not in text:
        return text
    between, found = _apart(text)
    return "".join(chain.from_iterable(zip(between, (*map(value_of, found), ""), strict=True)))


@lru_cache(maxsize=4096)  # all rows of an alert are filled from the same texts
def _apart(text: str) -> tuple[tuple[str, ...], tuple[Placeholder, ...]]:
    """Returns what stands between the placeholders of marked text, one part more than there are, and these."""
    between, found, end = [], [], 0
    for mark in _MARK.finditer(text):
        between.append(text[end : mark.start()])
        found.append(Placeholder(mark["name"], mark["style"] == "="))
        end = mark.end()
    return (*between, text[end:]), tuple(found)


def as_written(placeholder: Placeholder, text: str) -> str:
    """Returns a placeholder as its author wrote it in a text, its name where it does not stand there."""
    found = (one[0] for one in _OF_COMMANDS.finditer(text) if _read(one) == placeholder)
    return next(found, placeholder.name)


def label_of(reference: re.Match[str]) -> str:
    """Returns the label that a match of LABEL_REFERENCE names."""
    return str(next(filter(None, reference.groups())))


def _marked(found: re.Match[str]) -> str:
    placeholder = _read(found)
    return marked(placeholder) if placeholder else found[0]


def _read(found: re.Match[str]) -> Placeholder | None:
    if (expression := found["braces"]) is not None:
        return _in_braces(expression)
    if found["label"]:
        return Placeholder(found["label"], True)
    name = next(filter(None, found.groups()))
    single = found.groupdict().get("single")
    # Without spaces: a command is split into words while the mark is in it.
    return None if single in SYNTAX else Placeholder("_".join(name.split()), False)


def _in_braces(expression: str) -> Placeholder | None:
    expression = expression.strip("- \t")
    if reference := LABEL_REFERENCE.fullmatch(expression):
        return Placeholder(label_of(reference), True)
    found = _BARE.fullmatch(expression)
    return Placeholder(found[1], False) if found and found[1] not in SYNTAX else None


def _marked_apart(found: re.Match[str]) -> str:
    name = found["capital"] or found["blank"]
    return marked(Placeholder(name, False)) if name and name not in CONSTANTS else found[0]

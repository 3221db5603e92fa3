"""Runbook commands matched to templates by parsed arguments, not by text.

`-n x`, `--namespace x` and `--namespace=x` are one flag, flags may stand in any order, and `deploy/x`
is `deployment x`. What a template does not mention must not be there: an unknown flag may change
what a command does.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stages.dataset.tools import Function, Property, Template, is_valid

Value = str | int | float | bool
Arguments = dict[str, Value]

_SHORT_FLAGS = {"-n": "--namespace", "-l": "--selector", "-o": "--output", "-c": "--container", "-f": "--filename"}
_RESOURCES = {
    "deployment": ("deploy", "deployments"),
    "statefulset": ("sts", "statefulsets"),
    "daemonset": ("ds", "daemonsets"),
    "pod": ("po", "pods"),
    "persistentvolumeclaim": ("pvc", "pvcs", "persistentvolumeclaims"),
    "job": ("jobs",),
    "cronjob": ("cj", "cronjobs"),
    "replicaset": ("rs", "replicasets"),
    "node": ("no", "nodes"),
    "service": ("svc", "services"),
    "certificate": ("cert", "certs", "certificates"),
}
RESOURCE_NAMES = {alias: name for name, aliases in _RESOURCES.items() for alias in (name, *aliases)}
_SHELL_SYNTAX = re.compile(r"[|;&`]|\$\(|<<|>")
# Private-use characters stand for a placeholder while the shell's rules split a command into words.
_OPEN, _CLOSE = "\ue000", "\ue001"
_PLACEHOLDER = re.compile(
    r"\{\{\s*\$labels\.(?P<label>\w+)\s*\}\}|\{\{\s*[.$]?(?P<braces>\w+)\s*\}\}"
    r"|<(?P<angle>[A-Za-z][\w. -]*)>|\$\{(?P<curly>\w+)\}|\$(?P<bare>[A-Za-z_]\w*)"
)
_MARK = re.compile(f"{_OPEN}(?P<style>[=?])(?P<name>[^{_CLOSE}]*){_CLOSE}")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Words:
    """A command's words apart: what stands alone, and flags with their value ('' for a switch)."""

    positions: tuple[str, ...]
    flags: dict[str, str]


@dataclass(frozen=True)
class Placeholder:
    """A name in a command that stands for a value of the alert; is_label: written as `{{ $labels.x }}`."""

    name: str
    is_label: bool


def match(command: str, function: Function) -> Arguments | None:
    """Returns the function's arguments where one of its templates matches the command, else None.

    A string argument may hold placeholders; `placeholders` finds them, `fill` puts values in their place.
    """
    for template in function.commands:
        arguments = _match_template(command, template)
        if arguments is not None and (typed := _typed(arguments, function, template)) is not None:
            return typed
    return None


def placeholders(text: str) -> Iterator[Placeholder]:
    """Yields the placeholders in marked text."""
    for found in _MARK.finditer(text):
        yield Placeholder(found["name"], found["style"] == "=")


def fill(text: str, value_of: Callable[[Placeholder], str]) -> str:
    """Returns marked text with each placeholder replaced by its value."""
    return _MARK.sub(lambda found: value_of(Placeholder(found["name"], found["style"] == "=")), text)


def mark(text: str) -> str:
    """Returns text with its placeholders in the form that `placeholders` and `fill` read."""
    return _PLACEHOLDER.sub(_marked, text)


def _marked(found: re.Match[str]) -> str:
    name = next(filter(None, found.groups()))
    return f"{_OPEN}{'=' if found['label'] else '?'}{name.strip()}{_CLOSE}"


def _match_template(command: str, template: Template) -> dict[str, str] | None:
    wanted = _split(template.command)
    if wanted is None:
        return None
    switches = {flag for flag, value in wanted.flags.items() if not value}
    given = _split(mark(command), switches)
    if given is None or len(given.positions) != len(wanted.positions) or given.flags.keys() != wanted.flags.keys():
        return None
    pairs = [*zip(wanted.positions, given.positions, strict=True)]
    pairs += [(value, given.flags[flag]) for flag, value in wanted.flags.items()]
    bound: dict[str, str] = {}
    for pattern, word in pairs:
        if (values := _bind(pattern, word)) is None:
            return None
        bound |= values
    return bound


def _split(command: str, switches: set[str] | None = None) -> Words | None:
    """Returns the words of a simple command, None for a pipeline or an open quote.

    switches: flags without a value; None takes a flag before another flag, or last, for one.
    """
    if _SHELL_SYNTAX.search(command):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    positions: list[str] = []
    flags: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            positions += _resource(word, positions)
            continue
        name, has_value, value = word.partition("=")
        name = _SHORT_FLAGS.get(name, name)
        is_switch = name in switches if switches is not None else not words or words[0].startswith("-")
        flags[name] = value if has_value else "" if is_switch or not words else words.pop(0)
    return Words(tuple(positions), flags)


def _resource(word: str, before: list[str]) -> list[str]:
    """Returns `deploy/x` as `deployment`, `x`, and a resource's short name in full."""
    kind, slash, name = word.partition("/")
    kind = kind.split(".")[0]
    if slash and (kind in RESOURCE_NAMES or _PARAMETER.fullmatch(kind)):
        resource = RESOURCE_NAMES.get(kind, kind)
        return [resource, _named(name, resource)]
    return [_named(RESOURCE_NAMES.get(word, word), before[-1])] if before else [word]


def _named(word: str, resource: str) -> str:
    """Returns `$NAME` behind a resource as the placeholder of that resource: `deployment $NAME` is a deployment."""
    is_name = word.lower() == f"{_OPEN}?name{_CLOSE}"
    return f"{_OPEN}?{resource}{_CLOSE}" if is_name and resource in _RESOURCES else word


def _bind(pattern: str, word: str) -> dict[str, str] | None:
    names = _PARAMETER.findall(pattern)
    expression = "(.+)".join(map(re.escape, _PARAMETER.split(pattern)[::2]))
    found = re.fullmatch(expression, word, re.DOTALL)
    return dict(zip(names, found.groups(), strict=True)) if found else None


def _typed(bound: dict[str, str], function: Function, template: Template) -> Arguments | None:
    """Returns the arguments as declared and in the declared order, None where a value does not fit."""
    properties = function.parameters.properties
    values: dict[str, Value | None] = {name: _value(properties[name], text) for name, text in bound.items()}
    values |= template.arguments
    found = {name: value for name in properties if (value := values.get(name)) is not None}
    return found if len(found) == len(values) else None


def _value(declared: Property, text: str) -> Value | None:
    if _MARK.search(text):
        return text if declared.enum is None else None
    value = _READERS[declared.type](text)
    return value if value is not None and is_valid(declared, value) else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


_READERS: dict[str, Callable[[str], Value | None]] = {
    "string": str,
    "integer": lambda text: int(text) if re.fullmatch(r"-?\d{1,18}", text) else None,
    "number": _number,
    "boolean": {"true": True, "false": False}.get,
}

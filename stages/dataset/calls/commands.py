"""Runbook commands matched to templates by parsed arguments, not by text.

`-n x`, `--namespace x` and `--namespace=x` are one flag, flags may stand in any order, and `deploy/x`
is `deployment x`. What a template does not mention must not be there: an unknown flag may change
what a command does. A chain of commands is compared by the one that it is for.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any

from stages.dataset.calls.placeholders import mark, placeholders
from stages.dataset.calls.schema import Property, is_valid
from stages.dataset.calls.tools import Function, Template
from stages.dataset.calls.words import split
from stages.dataset.runbook.commands.chain import spellings_of
from stages.dataset.runbook.commands.evidence import words_in
from stages.dataset.runbook.commands.parts import parts_of
from stages.dataset.runbook.commands.shell import simple_commands

Value = Any
"""A JSON value; of a command's words it is a text, a number, true or false."""
Arguments = dict[str, Value]

_PARAMETER = re.compile(r"\{(\w[\w.-]*)\}")


def match(command: str, function: Function) -> Arguments | None:
    """Returns the function's arguments where one of its templates matches the command, else None.

    Of a chain, the one command that does more than look is compared. Constants that the chain, or lines before it, set
    stand in place of their variables. What only says how to run it (`sudo`, `KUBECONFIG=/x`) is left out where a
    template has none. A string argument may hold placeholders; `placeholders` finds them, `fill` puts values in
    their place.
    """
    spellings = [mark(text) for text in spellings_of(command)]
    for marked, template, is_resource in product(spellings, function.commands, (True, False)):
        if template.program not in marked:
            continue
        arguments = bind_words(marked, template, is_resource)
        if arguments is not None and (typed := _typed(arguments, function, template)) is not None:
            return typed
    return None


def is_in(command: str, function: Function) -> bool:
    """Returns whether a command, or one of the commands that it is made of, stands for the function."""
    parts = parts_of(command)
    texts = simple_commands(command) if parts is None else (part.text for part in parts)
    return any(match(" ".join(words_in(text.split())), function) is not None for text in [*texts, command])


def bind_words(marked: str, template: Template, is_resource: bool) -> dict[str, str] | None:
    """Returns the text that each parameter of a template stands for in a marked command, None where it is another."""
    wanted = split(template.command, is_resource=is_resource)
    if wanted is None:
        return None
    switches = frozenset(flag for flag, value in wanted.flags.items() if not value)
    given = split(marked, switches)
    if given is None or len(given.positions) != len(wanted.positions) or given.flags.keys() != wanted.flags.keys():
        return None
    pairs = [*zip(wanted.positions, given.positions, strict=True)]
    pairs += [(value, given.flags[flag]) for flag, value in wanted.flags.items()]
    bound: dict[str, str] = {}
    for pattern, word in pairs:
        for name, value in _bind(pattern, word):
            if name is None or bound.setdefault(name, value) != value:
                return None
    return bound


def _bind(pattern: str, word: str) -> list[tuple[str | None, str]]:
    """Returns what each parameter of a template's word stands for; the name None where the word is another."""
    names, expression = _expression(pattern)
    found = expression.fullmatch(word)
    return list(zip(names, found.groups(), strict=True)) if found else [(None, word)]


@lru_cache(maxsize=1024)  # every command is held against every template
def _expression(pattern: str) -> tuple[list[str], re.Pattern[str]]:
    """Returns the parameters of a template's word, and an expression with a group for each."""
    between = map(re.escape, _PARAMETER.split(pattern)[::2])
    return _PARAMETER.findall(pattern), re.compile("(.+)".join(between), re.DOTALL)


def _typed(bound: dict[str, str], function: Function, template: Template) -> Arguments | None:
    """Returns the arguments as declared and in the declared order, None where a value does not fit."""
    properties = function.parameters.properties
    read = {name: value_of(properties[name], text) for name, text in bound.items()}
    if None in read.values():
        return None
    values = read | template.arguments
    return {name: values[name] for name in properties if name in values}


def value_of(declared: Property, text: str) -> Value | None:
    """Returns a marked text as a parameter's value, None where it does not fit what is declared."""
    if any(placeholders(text)):
        # A label's value is free text: no number, and none of an enum's choices.
        return text if declared.type == "string" and declared.enum is None else None
    value = _READERS[declared.type](text)
    return value if value is not None and is_valid(declared, value) else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", text) else None


_READERS: dict[str, Callable[[str], Value | None]] = {
    "string": str,
    "integer": lambda text: int(text) if re.fullmatch(r"-?\d{1,18}", text) else None,
    "number": _number,
    "boolean": {"true": True, "false": False}.get,
}

"""Why a command that looks like a function's call is none: a placeholder in it that nobody could fill in."""

import re
from collections.abc import Iterator
from itertools import product

from stages.dataset.calls import commands
from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.placeholders import as_written, mark, mark_standing_apart, placeholders
from stages.dataset.calls.schema import Property
from stages.dataset.calls.tools import Function
from stages.dataset.runbook.commands.chain import spellings_of

ASIDE = "name one under placeholders in tools.yaml"
_BLANK = "__unfilled_"
# What stands for something, in a form that says no name: `<offset + 1>`, `{{ .Values.x }}`, `${POD%-*}`, `$1`.
_OTHER = re.compile(r"\{\{[^{}\n]{1,200}\}\}|\$\{[^{}\n]{1,100}\}|<[A-Za-z][^<>\n]{0,80}(?<!\s)>|\$\d\b")
_LETTER = re.compile(r"[A-Z]")


def with_apart(arguments: Arguments, function: Function) -> Arguments:
    """Returns a command's arguments in which a free text such as `POD_NAME` is a placeholder.

    What a form of the function sets, or what the parameter has among its choices, is meant as it stands.
    """
    return {name: _apart(name, value, function) for name, value in arguments.items()}


def _apart(name: str, value: object, function: Function) -> object:
    is_free = isinstance(value, str) and function.parameters.properties[name].enum is None
    is_set = any(template.arguments.get(name) == value for template in function.commands)
    return mark_standing_apart(value) if isinstance(value, str) and is_free and not is_set else value


def unfilled(command: str, function: Function) -> str | None:
    """Returns why a command that would be the function's call cannot be filled in, None where it would be none."""
    if not any(template.command.split(maxsplit=1)[0] in command for template in function.commands):
        return None
    text, written = _hidden(command)
    spellings = map(mark, spellings_of(text))
    bound = (commands.bind_words(*way) for way in product(spellings, function.commands, (True, False)))
    return next((reason for words in bound for reason in _reasons(words or {}, function, command, written)), None)


def _hidden(command: str) -> tuple[str, list[str]]:
    """Returns a command in which what says no label is a placeholder too, with what each of these stands for."""
    written: list[str] = []

    def hidden(found: re.Match[str]) -> str:
        if any(placeholders(mark(found[0]))):
            return found[0]
        written.append(found[0])
        return f"${_BLANK}{len(written) - 1}"

    return _OTHER.sub(hidden, command), written


def _reasons(bound: dict[str, str], function: Function, command: str, written: list[str]) -> Iterator[str]:
    for name, text in bound.items():
        declared = function.parameters.properties[name]
        if not any(placeholders(text)) and commands.value_of(declared, text) is not None:
            continue
        for placeholder in placeholders(_any_apart(text)):
            shown = as_written(placeholder, command)
            if placeholder.name.startswith(_BLANK):
                shown = written[int(placeholder.name.removeprefix(_BLANK))]
                yield f"{shown} (for {name}) says no label; write {{{{ $labels.… }}}}, or <…> and {ASIDE}"
            elif declared.type != "string" or declared.enum is not None:
                yield f"{shown} (for {name}) is no label's to give; write {_wanted(declared)}"


def _any_apart(value: str) -> str:
    return f"\ue000?{value}\ue001" if _LETTER.fullmatch(value) else mark_standing_apart(value)


def _wanted(declared: Property) -> str:
    if declared.enum is not None:
        return f"one of {', '.join(map(str, declared.enum))}"
    return "true or false" if declared.type == "boolean" else "the number"

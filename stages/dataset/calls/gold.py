"""What an alerting rule says that a function is called with, as tools.yaml declares it."""

from typing import Any

from shared.errors import StageError
from stages.dataset.calls import commands
from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.nested import with_texts
from stages.dataset.calls.placeholders import mark_text
from stages.dataset.calls.rules import Rule
from stages.dataset.calls.schema import SCALARS, Property, is_valid, json_value
from stages.dataset.calls.tools import Function


def arguments_of(rule: Rule, function: Function) -> Arguments:
    """Returns a rule's arguments in the declared order, with marked placeholders. Raises StageError for a wrong one."""
    properties = function.parameters.properties
    found = {
        name: _argument(rule, name, value, properties.get(name), function) for name, value in rule.parameters.items()
    }
    if missing := [name for name in function.parameters.required if name not in found]:
        raise StageError(f"{rule.place}: {function.name} needs {', '.join(missing)}")
    return {name: found[name] for name in properties if name in found}


def _argument(rule: Rule, name: str, value: Any, declared: Property | None, function: Function) -> Any:
    if declared is None:
        known = (
            f"it has {', '.join(function.parameters.properties)}" if function.parameters.properties else "it has none"
        )
        raise StageError(f"{rule.place}: {function.name} has no parameter {name}; {known}")
    try:
        marked = with_texts(json_value(value), mark_text)
    except ValueError as error:
        raise StageError(f"{rule.place}: {name}: {error}") from None
    if isinstance(marked, str) and declared.type in SCALARS[1:]:
        # What a template gives is text: "3" is the number 3.
        marked = commands.value_of(declared, marked)
    if (marked is None and value is not None) or not is_valid(declared, marked):
        raise StageError(f"{rule.place}: {name} is {value!r:.60}, not as tools.yaml declares it")
    return marked

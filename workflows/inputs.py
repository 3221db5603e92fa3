"""What a workflow takes: the scalar inputs of its stages, typed and described as the stages declare them."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from shared import contract
from shared.contract import Field
from workflows.tasks import flyte_type

Settings = Mapping[str, Any]
"""A workflow's inputs by name: values on a laptop, promises while Flyte compiles the graph."""


def settings_of(*stages: str) -> dict[str, Field]:
    """Returns, by name, the scalar inputs of stages that none of these stages gives as an output of that name.

    Where several stages take an input, the first one that has a default declares it.
    """
    declared = [contract.load(stage) for stage in stages]
    made = {field.name for each in declared for field in each.outputs}
    found: dict[str, Field] = {}
    for field in (field for each in declared for field in each.inputs):
        if not field.artifact and field.name not in made and (field.name not in found or found[field.name].is_required):
            found[field.name] = field
    return found


def taking(fields: Mapping[str, Field]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that gives a function the parameters of fields, besides those that it declares itself.

    Flyte reads a workflow's interface from the function's signature, and what its inputs mean from the docstring.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        own = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
        parameters = [*own, *map(_parameter, fields.values())]
        function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        function.__annotations__ |= {each.name: each.annotation for each in parameters}
        lines = (f":param {field.name}: {field.description}" for field in fields.values())
        function.__doc__ = "\n".join([inspect.cleandoc(str(function.__doc__)), "", *lines])
        return function

    return decorate


def of(stage: str, settings: Settings) -> dict[str, Any]:
    """Returns those of the settings that a stage takes."""
    names = [field.name for field in contract.load(stage).inputs]
    return {name: settings[name] for name in names if name in settings}


def _parameter(field: Field) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=flyte_type(field))

"""What a function takes, however a repository writes it, as far as tools.yaml can say it.

All that tools.yaml does not know (lists, objects, choices of numbers, defaults) is decided here, and noted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.function_call import RESERVED_PARAMETERS
from stages.dataset.adopt.drafted import WORDS, Parameter, in_short, normal

_DECLARING = {"type", "description", "default", "enum", "required", "anyOf", "oneOf", "const", "schema"}
PLAIN = ("string", "integer", "number", "boolean")
_TYPES: dict[str, str] = WORDS["types"]
_INSIDE = {"type": "kind", "description": "text", "properties": "fields", "required": "needed", "nullable": "optional"}


def read_parameters(declared: Any) -> tuple[Parameter, ...] | None:
    """Returns the parameters that a JSON schema, a list of named ones, or a mapping by name declares; else None."""
    if isinstance(declared, Mapping) and (isinstance(declared.get("properties"), Mapping) or _is_empty(declared)):
        return tuple(_of_schema(declared))
    if isinstance(declared, Mapping) and declared and all(map(_is_declared, declared.values())):
        return tuple(_named(declared))
    named = {each["name"]: each for each in _list(declared) if isinstance(each, Mapping) and "name" in each}
    return tuple(_named(named)) if named and len(named) == len(declared) else None


def narrowed(parameter: Parameter) -> Parameter | None:
    """Returns a parameter as tools.yaml takes it, with a note of what was lost; None where it cannot say it."""
    if parameter.type not in (*PLAIN, ""):
        return None
    if parameter.enum and parameter.type in ("integer", "number", "boolean"):
        choices = ", ".join(parameter.enum)
        return replace(parameter, enum=(), note=parameter.note or f"one of {choices}, which only its source checks")
    return replace(parameter, type=parameter.type or "string")


def as_property(parameter: Parameter) -> dict[str, Any]:
    """Returns what tools.yaml says of a narrowed parameter."""
    said: dict[str, Any] = {"type": parameter.type}
    if parameter.description:
        said["description"] = parameter.description
    if parameter.enum:
        said["enum"] = list(parameter.enum)
    return said


def inside_names(names: Sequence[str]) -> dict[str, str]:
    """Returns another name for each parameter that the model cannot know by its own."""
    renamed: dict[str, str] = {}
    for name in names:
        if name in RESERVED_PARAMETERS or not name.isidentifier() or not name.isascii():
            taken = {*names, *renamed.values()}
            wanted = _INSIDE.get(name, normal(name) or "value")
            renamed[name] = next(each for each in (wanted, *_numbered(wanted)) if each not in taken)
    return renamed


def _numbered(name: str) -> Iterator[str]:
    return (f"{name}_{number}" for number in range(2, 1000))


def _is_empty(declared: Mapping[str, Any]) -> bool:
    return declared.get("type") == "object" and set(declared) <= {
        *("type", "properties", "required", "additionalProperties", "title", "$schema", "description", "strict")
    }


def _is_declared(entry: Any) -> bool:
    if isinstance(entry, str):
        return entry.lower() in _TYPES
    return isinstance(entry, Mapping) and bool(_DECLARING.intersection(entry))


def _of_schema(schema: Mapping[str, Any]) -> Iterator[Parameter]:
    needed = _list(schema.get("required"))
    for name, entry in (schema.get("properties") or {}).items():
        said = entry if isinstance(entry, Mapping) else {}
        yield replace(_parameter(str(name), said), required=name in needed or said.get("required") is True)


def _named(declared: Mapping[Any, Any]) -> Iterator[Parameter]:
    """Yields the parameters of a mapping by name. Where one says that it is required, one that does not is not."""
    entries = [entry for entry in declared.values() if isinstance(entry, Mapping)]
    says = any(entry.get("required") is True for entry in entries)
    for name, entry in declared.items():
        known = _parameter(str(name), entry)
        is_silent = says and not (isinstance(entry, Mapping) and "required" in entry)
        yield replace(known, required=False) if is_silent else known


def _parameter(name: str, entry: Mapping[str, Any] | str) -> Parameter:
    said: Mapping[str, Any] = {"type": entry} if isinstance(entry, str) else entry
    schema = said["schema"] if isinstance(said.get("schema"), Mapping) else said
    default = schema.get("default", said.get("default"))
    choices = [schema["const"]] if "const" in schema else schema.get("enum", schema.get("options"))
    enum = tuple(map(_shown, _list(choices)))
    required = said.get("required", said.get("optional") is not True if "optional" in said else None)
    return Parameter(
        name=name,
        type=_type(schema, default),
        description=in_short(str(said.get("description") or schema.get("description") or "")),
        enum=enum,
        required=required if isinstance(required, bool) else default is None,
        default=_shown(default) if isinstance(default, str | int | float) else "",
    )


def _type(schema: Mapping[str, Any], default: Any) -> str:
    """Returns the JSON type, '' where nothing tells it."""
    said = schema.get("type")
    if said is None:
        options = [each for each in _list(schema.get("anyOf") or schema.get("oneOf")) if isinstance(each, Mapping)]
        kinds = {_type(option, None) for option in options if option.get("type") != "null"}
        return kinds.pop() if len(kinds) == 1 else type_of(default)
    if isinstance(said, list):
        said = next((each for each in said if each != "null"), "string")
    return _TYPES.get(str(said).lower(), "string")


def type_of(value: Any) -> str:
    """Returns the JSON type of a value, '' for none."""
    kinds = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
    return kinds.get(type(value), "")


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

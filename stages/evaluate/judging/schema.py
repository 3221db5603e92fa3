"""Whether a value is what a function's declared JSON schema allows."""

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def satisfies(value: Any, schema: Mapping[str, Any]) -> bool:
    """Returns whether value has the schema's type, is one of its enum, and so on for items and properties.

    Stricter than JSON Schema where a command is: 3.0 is no integer. A property that is not declared
    is refused where properties are. Other keywords are not read, as they are not declared to a model.
    """
    if value is None and schema.get("nullable"):
        return True
    return _has_type(value, schema) and _is_listed(value, schema) and _has_valid_parts(value, schema)


def _has_type(value: Any, schema: Mapping[str, Any]) -> bool:
    declared = schema.get("type")
    names = [declared] if isinstance(declared, str) else declared or []
    return not names or any(type(value) in _TYPES[name.lower()] for name in names)


def _is_listed(value: Any, schema: Mapping[str, Any]) -> bool:
    choices = schema.get("enum")
    return not choices or any(_kind(value) is _kind(choice) and value == choice for choice in choices)


def _kind(value: Any) -> type:
    """Returns a value's type; 1 and 1.0 are one number, and True is none."""
    return float if type(value) is int else type(value)


def _has_valid_parts(value: Any, schema: Mapping[str, Any]) -> bool:
    if isinstance(value, list):
        return all(satisfies(item, schema.get("items") or {}) for item in value)
    if not isinstance(value, dict):
        return True
    properties = schema.get("properties") or {}
    is_complete = all(name in value for name in schema.get("required") or ())
    is_known = not properties or value.keys() <= properties.keys()
    return is_complete and is_known and all(satisfies(value[name], properties.get(name) or {}) for name in value)

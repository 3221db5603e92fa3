"""Whether a value is what a function's JSON schema declares: type, choices, limits, and so on for its parts.

A schema is in one form: one lower-case `type`, and the keywords of KEYWORDS. What is checked is stricter than JSON
Schema where a command is: 3.0 is no integer, and beside properties with names no other may stand.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared.asking.fields import items, mapping, text

Schema = Mapping[str, Any]

MAX_NUMBER = (1 << 63) - 1
"""The largest number that a call may hold, and, negative, the smallest."""

MAX_MATCHED = 10_000
"""How many characters a text may have that is held against a pattern."""

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, limit: value >= limit, "at least"),
    "maximum": (lambda value, limit: value <= limit, "at most"),
    "exclusiveMinimum": (lambda value, limit: value > limit, "more than"),
    "exclusiveMaximum": (lambda value, limit: value < limit, "less than"),
}
KEYWORDS = frozenset(
    {"type", "enum", "nullable", "multipleOf", "pattern", "items", "uniqueItems", "properties", "required"}
    | {"additionalProperties", *_COUNTS, *_LIMITS}
)
"""What is checked. A schema that holds anything else is refused, so that no limit is passed over in silence."""


def has_type(kind: str, value: Any) -> bool:
    """Returns whether a JSON value has a type of JSON schema; 3.0 is no integer, and true no number."""
    return type(value) in TYPES[kind]


def fault(schema: Schema, value: Any, is_open: Callable[[str], bool] = lambda text: False) -> str:
    """Returns what is wrong with a value, as in `is 12, which must be at most 10`; '' where nothing is.

    is_open: whether a text stands for one that is not known yet, which fits wherever no choices are declared.
    """
    if value is None:
        return "" if schema.get("nullable") else "is null"
    if not has_type(schema["type"], value):
        return f"is {_shown(value)}, no {schema['type']}"
    if isinstance(value, str) and is_open(value):
        return "" if schema.get("enum") is None else f"is {_shown(value)}, none of its choices"
    if (choices := schema.get("enum")) is not None and not any(_is_same(value, choice) for choice in choices):
        return f"is {_shown(value)}, none of {', '.join(map(_shown, choices))}"
    return next(_faults(schema, value, is_open), "")


def open_texts(schema: Schema, value: Any) -> Iterator[str]:
    """Yields the texts in a value that the schema does not list as choices, undeclared properties' names among them."""
    if schema.get("enum") is not None:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from open_texts(schema.get("items") or {}, part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in (schema.get("properties") or {}):
                yield name
            yield from open_texts(_of_property(schema, name) or {}, part)


def read_schema(where: str, value: Any) -> dict[str, Any]:
    """Returns a schema in the one form; ValueError names what is wrong, and where."""
    schema = mapping(where, value)
    if unknown := sorted(schema.keys() - KEYWORDS):
        raise ValueError(f"{where} holds the unknown {', '.join(unknown)}; this release does not check it")
    if schema.get("type") not in [*TYPES]:
        raise ValueError(f"{where}.type is {schema.get('type')!r:.40}, none of {', '.join(TYPES)}")
    _read_limits(where, schema)
    if "pattern" in schema:
        _compiled(where, text(f"{where}.pattern", schema["pattern"]))
    if "items" in schema:
        read_schema(f"{where}.items", schema["items"])
    for name, part in mapping(f"{where}.properties", schema.get("properties") or {}).items():
        read_schema(f"{where}.properties.{name}", part)
    if not isinstance(schema.get("additionalProperties", True), bool):
        read_schema(f"{where}.additionalProperties", schema["additionalProperties"])
    return schema


def _faults(schema: Schema, value: Any, is_open: Callable[[str], bool]) -> Iterator[str]:
    if isinstance(value, str):
        yield from _miscounted(schema, len(value), "Length", "characters")
        if "pattern" in schema and not _matches(schema["pattern"], value):
            yield f"is {_shown(value)}, not like {schema['pattern']!r:.80}"
    elif isinstance(value, list):
        yield from _miscounted(schema, len(value), "Items", "items")
        yield from _faults_of_items(schema, value, is_open)
    elif isinstance(value, dict):
        yield from _miscounted(schema, len(value), "Properties", "properties")
        yield from _faults_of_properties(schema, value, is_open)
    elif not isinstance(value, bool):
        yield from _faults_of_number(schema, value)


def _faults_of_number(schema: Schema, value: int | float) -> Iterator[str]:
    if not -MAX_NUMBER <= value <= MAX_NUMBER:  # NaN is not, either
        yield f"is {_shown(value)}, no number that a call can hold"
        return
    for keyword, (holds, words) in _LIMITS.items():
        if schema.get(keyword) is not None and not holds(value, schema[keyword]):
            yield f"is {_shown(value)}, which must be {words} {_shown(schema[keyword])}"
    step = schema.get("multipleOf")
    if step and not math.isclose(math.remainder(value, step), 0, abs_tol=1e-9 * max(1.0, abs(value))):
        yield f"is {_shown(value)}, no multiple of {_shown(step)}"


def _miscounted(schema: Schema, count: int, of: str, what: str) -> Iterator[str]:
    least, most = schema.get(f"min{of}"), schema.get(f"max{of}")
    if least is not None and count < least:
        yield f"has {count} {what}, fewer than {least}"
    if most is not None and count > most:
        yield f"has {count} {what}, more than {most}"


def _faults_of_items(schema: Schema, value: list[Any], is_open: Callable[[str], bool]) -> Iterator[str]:
    if schema.get("uniqueItems") and len({json.dumps(one, sort_keys=True) for one in value}) < len(value):
        yield "has an item twice"
    declared = schema.get("items")
    for number, part in enumerate(value):
        if found := fault(declared, part, is_open) if declared else _unheld(part):
            yield f"[{number}] {found}"


def _faults_of_properties(schema: Schema, value: Mapping[str, Any], is_open: Callable[[str], bool]) -> Iterator[str]:
    for name in schema.get("required") or ():
        if name not in value:
            yield f"lacks {name}"
    for name, part in value.items():
        declared = _of_property(schema, name)
        if declared is None:
            yield f"holds {_shown(name)}, which is not declared"
        elif found := fault(declared, part, is_open) if declared else _unheld(part):
            yield f"{name} {found}"


def _of_property(schema: Schema, name: str) -> Schema | None:
    """Returns the schema of one property, {} where anything may stand there, None where nothing may."""
    known, other = schema.get("properties") or {}, schema.get("additionalProperties", True)
    if name in known:
        return dict(known[name])
    if isinstance(other, bool):
        # Beside properties with names, the model is told of no other.
        return {} if other and not known else None
    return dict(other)


def _unheld(value: Any) -> str:
    """Returns what is wrong with a value of which nothing is declared: a number that no call can hold."""
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if found := _unheld(part):
            return found
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return next(_faults_of_number({}, value), "") if is_number else ""


def _is_same(value: Any, choice: Any) -> bool:
    # JSON tells true and 1 apart within a list or an object, which Python holds equal.
    is_whole = isinstance(value, list | dict)
    return json.dumps(value, sort_keys=True) == json.dumps(choice, sort_keys=True) if is_whole else value == choice


def _matches(pattern: str, value: str) -> bool:
    return len(value) <= MAX_MATCHED and re.search(pattern, value) is not None


def _read_limits(where: str, schema: Schema) -> None:
    for keyword in schema.keys() & {*_COUNTS, *_LIMITS, "multipleOf"}:
        limit = schema[keyword]
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not abs(limit) <= MAX_NUMBER:
            raise ValueError(f"{where}.{keyword} is {limit!r:.40}, no number")
    for keyword in schema.keys() & {"enum", "required"}:
        items(f"{where}.{keyword}", schema[keyword])
    for keyword in schema.keys() & {"nullable", "uniqueItems"}:
        if not isinstance(schema[keyword], bool):
            raise ValueError(f"{where}.{keyword} is {schema[keyword]!r:.40}, neither true nor false")
    for name in schema.get("required", ()):
        if text(f"{where}.required", name) not in (schema.get("properties") or {}):
            raise ValueError(f"{where}.required names {name!r:.80}, which is no property")


def _compiled(where: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise ValueError(f"{where}.pattern is no regular expression of this Python: {pattern!r:.60}") from None


def _shown(value: Any) -> str:
    return f"{json.dumps(value):.60}"

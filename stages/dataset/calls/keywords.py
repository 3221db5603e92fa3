"""JSON schema as MCP and OpenAPI tools write it, brought to the one form that a parameter is declared in.

A declaration has one type for each parameter. `type: [string, "null"]`, `anyOf` of a type and null, `const` and an
`enum` without a type say no more than that, and become it; what says more is refused, and why.
"""

from collections.abc import Mapping
from typing import Any

from stages.dataset.strict_yaml import PlacedError

KINDS: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
}
_UNIONS = ("anyOf", "oneOf")
_ABOUT = {"description", "title", "default", "format", "examples", "example", "deprecated", "$comment"}
_NULL = (None, "null", "NULL")
_CONDITION = "a condition cannot be declared to the model; say it in the description"
_OPEN_NAMES = "only parameters with names of their own can be declared to the model; list them under properties"
_LIST_PLACES = "the items of a list are all declared by one schema under items"
_ELSEWHERE = "schemas are not read from elsewhere; write each one out where it is used"

REFUSED: dict[str, str] = {
    "$ref": "a reference is not followed; write the schema out here",
    "$dynamicRef": "a reference is not followed; write the schema out here",
    "allOf": "write its parts out as one schema",
    **dict.fromkeys(("$defs", "definitions"), _ELSEWHERE),
    **dict.fromkeys(("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"), _CONDITION),
    **dict.fromkeys(("patternProperties", "propertyNames", "unevaluatedProperties"), _OPEN_NAMES),
    **dict.fromkeys(("prefixItems", "contains", "minContains", "maxContains", "additionalItems"), _LIST_PLACES),
    "unevaluatedItems": _LIST_PLACES,
    "discriminator": "a parameter has one type; make it two parameters, or two functions",
    **dict.fromkeys(_UNIONS, "the arguments are declared by one schema; write two functions"),
}
"""Keywords of JSON schema that no declaration can hold, each with what to do."""


def in_one_form(schema: Any) -> Any:
    """Returns a schema with one type and `nullable`, whatever keywords said so. Raises ValueError for a real union.

    What is no mapping is returned as it is.
    """
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("required"), bool):
        raise PlacedError("required is a list of names, and stands beside properties", ("required",))
    known = {key: value for key, value in schema.items() if not str(key).startswith("x-")}
    for keyword in _UNIONS:
        known = _without_union(known, keyword)
    return _with_limits(_with_choices(_with_one_type(known)))


def _without_union(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    variants = schema.get(keyword)
    if variants is None:
        return schema
    if not isinstance(variants, list) or not variants or not all(isinstance(one, dict) for one in variants):
        raise PlacedError(f"{keyword} is a list of schemas", (keyword,))
    inner = [in_one_form(one) for one in variants if not _is_null(one)]
    merged = _merged(inner)
    if merged is None:
        told = "a parameter has one type, and may be null besides; make it two parameters, or two functions"
        raise PlacedError(f"{keyword} leaves several to choose from: {told}", (keyword,))
    nullable = {"nullable": True} if len(inner) < len(variants) else {}
    return merged | nullable | {key: value for key, value in schema.items() if key != keyword}


def _is_null(schema: Mapping[str, Any]) -> bool:
    return ("type" in schema and schema["type"] in _NULL) or schema.get("enum") == [None]


def _merged(variants: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns one schema for what several allow, None where no single one does: each but one has its own limits."""
    if len(variants) == 1:
        return variants[0]
    kinds = {variant.get("type") for variant in variants}
    kinds = {"number"} if kinds == {"integer", "number"} else kinds
    if len(kinds) != 1 or kinds <= {None, "array", "object"}:
        return None
    nullable = {"nullable": True} if any(variant.get("nullable") for variant in variants) else {}
    if all(variant.get("enum") and variant.keys() <= {*_ABOUT, "type", "enum", "nullable"} for variant in variants):
        choices = [choice for variant in variants for choice in variant["enum"]]
        return {"type": kinds.pop(), "enum": choices} | nullable
    is_plain = all(variant.keys() <= {*_ABOUT, "type", "nullable"} for variant in variants)
    return {"type": kinds.pop()} | nullable if is_plain else None


def _with_one_type(schema: dict[str, Any]) -> dict[str, Any]:
    declared = schema.get("type")
    if isinstance(declared, str):
        return {**schema, "type": declared.lower()}
    if not isinstance(declared, list):
        return schema
    kinds = {kind.lower() if isinstance(kind, str) else kind for kind in declared if kind not in _NULL}
    kinds = {"number"} if kinds == {"integer", "number"} else kinds
    if len(kinds) != 1:
        shown = ", ".join(str(kind) for kind in declared)
        raise PlacedError(f"type is a list of {shown}; a parameter has one type, and may be null besides", ("type",))
    nullable = {"nullable": True} if any(kind in _NULL for kind in declared) else {}
    return {**schema, "type": kinds.pop()} | nullable


def _with_choices(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema whose `const` is an enum of one, whose enum holds no null, and whose type is told."""
    if "const" in schema:
        schema = {"enum": [schema["const"]]} | {key: value for key, value in schema.items() if key != "const"}
    choices = schema.get("enum")
    if isinstance(choices, list) and None in choices and len(choices) > 1:
        schema = {**schema, "enum": [choice for choice in choices if choice is not None], "nullable": True}
    if "type" not in schema and (kind := _kind_of(schema)):
        schema = {"type": kind, **schema}
    return schema


def _kind_of(schema: Mapping[str, Any]) -> str | None:
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        kinds = {KINDS.get(type(choice), "null") for choice in choices}
        if kinds == {"integer", "number"}:
            return "number"
        if len(kinds) > 1:
            told = "quote the numbers, or make it two parameters"
            raise PlacedError(f"enum mixes {' and '.join(sorted(kinds))}; a parameter has one type: {told}", ("enum",))
        return kinds.pop()
    return "object" if "properties" in schema else "array" if "items" in schema else None


def _with_limits(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema whose exclusive limits are numbers: `minimum: 1, exclusiveMinimum: true` is the older form."""
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        is_exclusive = schema.get(exclusive)
        if isinstance(is_exclusive, bool):
            schema = {key: value for key, value in schema.items() if key != exclusive}
            if is_exclusive and plain in schema:
                schema[exclusive] = schema.pop(plain)
    return schema

"""Functions of an OpenAPI 3 document: one for each operation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from stages.dataset.adopt.drafted import Drafted, Parameter, in_short
from stages.dataset.adopt.schema import read_parameters
from stages.dataset.adopt.texts import Document

_METHODS = ("get", "put", "post", "delete", "patch")
_MOST_STEPS = 20  # from one $ref to the next


def operations(document: Document) -> Iterator[Drafted]:
    """Yields the operations of a document, none where it is no OpenAPI 3."""
    data = document.data
    if not isinstance(data, Mapping) or not str(data.get("openapi", "")).startswith("3"):
        return
    for path, item in _items(data.get("paths")):
        for method in _METHODS:
            operation = _resolved(data, item.get(method))
            if operation:
                yield _operation(document, data, item, operation, f"{method} {path}")


def _operation(
    document: Document, data: Mapping[str, Any], item: Mapping[str, Any], operation: Mapping[str, Any], place: str
) -> Drafted:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", str(operation.get("operationId") or place)).strip("-")[:64]
    parameters = [*_parameters(data, item.get("parameters")), *_parameters(data, operation.get("parameters"))]
    known = {parameter.name: parameter for parameter in (*parameters, *_body(data, operation))}
    description = in_short(str(operation.get("summary") or operation.get("description") or ""))
    return Drafted(name, "OpenAPI", description, tuple(known.values()), places=(f"{document.path} ({place})",))


def _parameters(data: Mapping[str, Any], declared: Any) -> Iterator[Parameter]:
    """Yields the parameters in path and query; headers and cookies are no argument of a call."""
    for entry in declared if isinstance(declared, list) else ():
        said = _resolved(data, entry)
        if said.get("in") in ("path", "query") and isinstance(said.get("name"), str):
            entry = {**said, "schema": _resolved(data, said.get("schema"))}
            for parameter in read_parameters([entry]) or ():
                yield replace(parameter, required=said.get("required") is True)


def _body(data: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Parameter]:
    body = _resolved(data, operation.get("requestBody"))
    content = body.get("content")
    said = content.get("application/json") if isinstance(content, Mapping) else None
    schema = _whole(data, said.get("schema") if isinstance(said, Mapping) else None)
    yield from read_parameters(schema) or ()


def _whole(data: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """Returns an object's schema with its parts (`allOf`) together, and each property resolved."""
    found = _resolved(data, schema)
    parts = [found, *(_resolved(data, part) for part in found.get("allOf") or () if isinstance(part, Mapping))]
    properties = {name: _resolved(data, each) for part in parts for name, each in _items(part.get("properties"))}
    required = [name for part in parts for name in part.get("required") or () if isinstance(name, str)]
    return {"type": "object", "properties": properties, "required": required}


def _resolved(data: Mapping[str, Any], found: Any) -> Mapping[str, Any]:
    """Returns what a mapping, or the place in the document that its `$ref` names, holds; nothing where it has none."""
    for _ in range(_MOST_STEPS):
        reference = found.get("$ref") if isinstance(found, Mapping) else None
        if not isinstance(reference, str):
            break
        found = data if reference.startswith("#/") else None
        for step in reference.removeprefix("#/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _items(found: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    entries = found.items() if isinstance(found, Mapping) else ()
    return ((str(name), entry) for name, entry in entries if isinstance(entry, Mapping))

"""Functions that a document declares: a manifest such as a LambdaFunction, MCP's `tools/list`, a list of tools."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stages.dataset.adopt.drafted import NAME, WORDS, Drafted, Parameter, in_short
from stages.dataset.adopt.schema import read_parameters
from stages.dataset.adopt.texts import Document, mappings, strings

_PARAMETERS, _DESCRIPTIONS = tuple(WORDS["parameter_keys"]), tuple(WORDS["description_keys"])
_LISTS, _KINDS, _OTHERS = set(WORDS["list_keys"]), tuple(WORDS["function_kinds"]), set(WORDS["other_kinds"])


@dataclass(frozen=True)
class Declared:
    """A function that a document declares, with the Python code in it and the Python files that it names."""

    draft: Drafted
    code: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()


def declarations(document: Document) -> Iterator[Declared]:
    """Yields the functions that a document declares, in order."""
    if isinstance(document.data, Mapping) and "openapi" in document.data:
        return
    within: set[int] = set()
    for key, found in mappings(document.data):
        if id(found) in within:
            continue
        declared = _manifest(document, found) if _is_object(found) else _entry(document, key, found)
        if declared:
            within |= {id(inner) for _, inner in mappings(found)}
            yield declared


def _is_object(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("kind"), str) and isinstance(found.get("metadata"), Mapping)


def _manifest(document: Document, found: Mapping[str, Any]) -> Declared | None:
    """Returns the function that a Kubernetes object is: by its kind, or by its description and parameters."""
    kind, name = found["kind"].lower(), str(found["metadata"].get("name", ""))
    if kind in _OTHERS or not NAME.fullmatch(name):
        return None
    inner = {key: value for key, value in found.items() if key != "metadata"}
    description, parameters = _description(inner) or _annotated(found["metadata"]), _parameters(inner)
    if not kind.endswith(_KINDS) and not (description and parameters):
        return None
    code = tuple(text for text in strings(inner) if "\n" in text and "def " in text)
    pointers = tuple(text for text in strings(inner) if text.endswith(".py") and "\n" not in text)
    draft = Drafted(name, "manifest", description, parameters or (), places=(document.path,))
    return Declared(draft, code, pointers)


def _annotated(metadata: Mapping[str, Any]) -> str:
    said = metadata.get("annotations")
    entries = said.items() if isinstance(said, Mapping) else ()
    return next((in_short(str(text)) for key, text in entries if str(key).lower().endswith("description")), "")


def _description(found: Mapping[str, Any]) -> str:
    """Returns the outermost description in an object, not one of a parameter."""
    outer = {key: value for key, value in found.items() if key not in _PARAMETERS}
    for _, inner in mappings({key: value for key, value in outer.items() if not isinstance(value, list)}):
        for key in _DESCRIPTIONS:
            if isinstance(text := inner.get(key), str) and text.strip():
                return in_short(text)
        if any(key in inner for key in _PARAMETERS):
            break
    return ""


def _parameters(found: Mapping[str, Any]) -> tuple[Parameter, ...] | None:
    for _, inner in mappings(found):
        for key in _PARAMETERS:
            if key in inner and (parameters := read_parameters(inner[key])) is not None:
                return parameters
    return None


def _entry(document: Document, key: str, found: Mapping[str, Any]) -> Declared | None:
    """Returns the function that an entry of a list of tools is, or any mapping with all that a function has."""
    name = found.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return None
    description = next((in_short(found[k]) for k in _DESCRIPTIONS if isinstance(found.get(k), str)), "")
    declared = next((found[known] for known in _PARAMETERS if known in found), None)
    parameters = read_parameters(declared)
    is_listed = key in _LISTS or (key == "function" and declared is not None)
    if parameters is None and not (is_listed and declared is None and description):
        return None
    if not is_listed and not description:
        return None
    return Declared(Drafted(name, "tool list", description, parameters or (), places=(document.path,)))

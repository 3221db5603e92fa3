"""YAML that people write by hand, read strictly: errors name the file, the line and the nearest known key.

YAML 1.2 by ruamel.yaml: `1e-4` is a number, `on` is a text, and a key given twice is an error.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event

from shared.errors import StageError, nearest
from stages.dataset.secrets.plain import is_plain
from stages.dataset.secrets.redaction import without_secrets

MAX_CHARACTERS = 1 << 18
MAX_DEPTH = 20  # the parser takes quadratic time beyond

Schema = TypeVar("Schema", bound=BaseModel)


def read(text: str, name: str, schema: type[Schema]) -> Schema:
    """Returns the text of the file `name` as the schema's object.

    Raises StageError with the file, the line, what was found and what is known there. The file's
    text is not quoted beyond single keys and values of the schema: it may hold a secret.
    """
    try:
        return _read(text, name, schema)
    except StageError as error:
        # Found again in the text without its secrets: a message may hold a part of one, which has no shape.
        clean = without_secrets(text)
        if clean != text:
            _read(clean, name, schema)
        raise StageError(without_secrets(str(error))) from None


def _read(text: str, name: str, schema: type[Schema]) -> Schema:
    document = _parse(text, name)
    if not isinstance(document, CommentedMap):
        raise StageError(f"{name} must hold keys and values, not {_kind(document)}")
    try:
        return schema.model_validate(_plain(document))
    except ValidationError as error:
        # A misspelt key is also a missing one: the misspelling is what helps.
        problem = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        raise StageError(_describe(problem, document, name, schema)) from None


def _parse(text: str, name: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise StageError(f"{name} has more than {MAX_CHARACTERS} characters; it is meant to be written by hand")
    try:
        _check_events(YAML(typ="rt").parse(text), name)
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise StageError(f"{name}{line} is not valid YAML: {_without_values(error)}") from None
    except (YAMLError, ValueError, RecursionError, AttributeError, TypeError, LookupError):
        # ruamel.yaml lets these through for odd tags, dates and depths.
        raise StageError(f"{name} is not valid YAML") from None


def _check_events(events: Iterable[Event], name: str) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent):
            raise StageError(f"{name}, line {event.start_mark.line + 1} uses a YAML alias; write the value out")
        if depth > MAX_DEPTH:
            raise StageError(f"{name}, line {event.start_mark.line + 1} nests deeper than {MAX_DEPTH}")


def _without_values(error: MarkedYAMLError) -> str:
    """Returns the parser's reason; of a duplicate key it would repeat both values, one of which may be a secret."""
    return str(error.problem).split(" with value")[0].splitlines()[0]


def _plain(value: Any) -> Any:
    """Returns a loaded document without ruamel's own types, which pydantic's strict mode refuses."""
    if isinstance(value, dict):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _describe(problem: ErrorDetails, document: CommentedMap, name: str, schema: type[BaseModel]) -> str:
    place = problem["loc"]
    where = f"{name}, line {_line(document, place)}"
    key = ".".join(str(part) for part in place)
    if problem["type"] == "extra_forbidden":
        return f"{where}: {key} is not known; {nearest(str(place[-1]), _known_keys(schema, place[:-1]))}"
    if problem["type"] == "missing":
        return f"{where}: {key} is missing"
    if problem["type"] == "value_error":
        return f"{where}: {key + ': ' if key else ''}{problem['ctx']['error']}"
    if problem["type"] == "model_type":
        return f"{where}: {key} must hold keys and values"
    found = f" is {problem['input']!r:.80}" if _may_be_told(problem["input"]) else ""
    return f"{where}: {key}{found}; {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _may_be_told(value: Any) -> bool:
    """Returns whether a value is a single one, and none that may be a secret at a place where none is known."""
    return not isinstance(value, dict | list) and (not isinstance(value, str) or is_plain(value))


def _line(document: Any, place: tuple[int | str, ...]) -> int:
    """Returns the line, from 1, of the deepest part of place that the document has."""
    line = document.lc.line
    for part in place:
        if isinstance(document, CommentedMap) and part in document:
            line = document.lc.key(part)[0]
        elif isinstance(document, CommentedSeq) and isinstance(part, int) and part < len(document):
            line = document.lc.item(part)[0]
        else:
            break
        document = document[part]
    return int(line) + 1


def _known_keys(schema: Any, place: tuple[int | str, ...]) -> list[str]:
    """Returns the keys that the schema knows at place, where place leads through models and lists of them."""
    for part in place:
        if isinstance(part, str) and part in schema.model_fields:
            annotation = schema.model_fields[part].annotation
            candidates = [annotation, *getattr(annotation, "__args__", ())]
            schema = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), schema)
    return list(schema.model_fields)


def _kind(document: Any) -> str:
    return "nothing" if document is None else "a list" if isinstance(document, list) else "a single value"

"""YAML that people write by hand, read strictly: errors name the file, the line and the nearest known key.

YAML 1.2 by ruamel.yaml: `1e-4` is a number, `on` is a text, and a key given twice is an error.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event

from shared.errors import StageError, nearest
from stages.dataset.faults import Faults
from stages.dataset.secrets.plain import is_plain
from stages.dataset.secrets.redaction import without_secrets

MAX_CHARACTERS = 1 << 18
MAX_DEPTH = 20  # the parser takes quadratic time beyond

Schema = TypeVar("Schema", bound=BaseModel)


class PlacedError(ValueError):
    """A validator's refusal of what stands below its own model; place: the keys that lead there."""

    def __init__(self, reason: str, place: tuple[int | str, ...]) -> None:
        super().__init__(reason)
        self.place = place


def read(text: str, name: str, schema: type[Schema]) -> Schema:
    """Returns the text of the file `name` as the schema's object.

    Raises Faults, each with the file, the line, what was found and what is known there. The file's
    text is not quoted beyond single keys and values of the schema: it may hold a secret.
    """
    try:
        return _read(text, name, schema)
    except StageError as error:
        # Found again in the text without its secrets: a message may hold a part of one, which has no shape.
        clean = without_secrets(text)
        if clean != text:
            _read(clean, name, schema)
        each = error.each if isinstance(error, Faults) else (str(error),)
        raise Faults([without_secrets(fault) for fault in each]) from None


def _read(text: str, name: str, schema: type[Schema]) -> Schema:
    document = _parse(text, name)
    if not isinstance(document, CommentedMap):
        raise StageError(f"{name} must hold keys and values, not {_kind(document)}")
    try:
        return schema.model_validate(_plain(document))
    except ValidationError as error:
        raise Faults([_describe(problem, document, name, schema) for problem in _problems(error)]) from None


def _problems(error: ValidationError) -> Iterator[ErrorDetails]:
    """Yields what is wrong. A misspelt key is also a missing one: the misspelling is what helps."""
    misspelt = {problem["loc"][:-1] for problem in error.errors() if problem["type"] == "extra_forbidden"}
    for problem in error.errors():
        if problem["type"] != "missing" or problem["loc"][:-1] not in misspelt:
            yield problem


def line_of(text: str, name: str, place: tuple[int | str, ...]) -> int:
    """Returns the line, from 1, of what stands at a place of a document that `read` takes."""
    return _line(_parse(text, name), place)


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
    reason = problem.get("ctx", {}).get("error")
    place = problem["loc"] + (reason.place if isinstance(reason, PlacedError) else ())
    where = f"{name}, line {_line(document, place)}"
    key = ".".join(str(part) for part in place)
    if problem["type"] == "extra_forbidden":
        found = _schema_at(schema, place[:-1])
        refused = getattr(found, "refused_keys", {}).get(place[-1])
        return f"{where}: {key} " + (
            f"cannot be declared: {refused}" if refused else f"is not known; {nearest(str(place[-1]), _keys(found))}"
        )
    if problem["type"] == "missing":
        return f"{where}: {key} is missing"
    if problem["type"] == "value_error":
        return f"{where}: {key + ': ' if key else ''}{reason}"
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


def _schema_at(schema: Any, place: tuple[int | str, ...]) -> Any:
    """Returns the model at place, where place leads through models and lists and mappings of them."""
    for part in place:
        known = {field.alias or name: field.annotation for name, field in schema.model_fields.items()}
        if part in known:
            schema = next(
                (c for c in _parts(known[str(part)]) if isinstance(c, type) and issubclass(c, BaseModel)), schema
            )
    return schema


def _parts(annotation: Any) -> Iterator[Any]:
    """Yields a type and all that it is made of, as in `list[Field] | None`."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts(part)


def _keys(schema: Any) -> list[str]:
    return [field.alias or name for name, field in schema.model_fields.items()]


def _kind(document: Any) -> str:
    return "nothing" if document is None else "a list" if isinstance(document, list) else "a single value"

"""JSON that travels with a model, read strictly: every field is there, of its type, and nothing else is."""

import json
from typing import Any, NoReturn


def parse(name: str, text: str) -> Any:
    """Returns the JSON value in the text of a file; ValueError for what is none, and for a name that comes twice."""
    try:
        return json.loads(
            text,
            parse_constant=lambda constant: _refuse(f"{name} holds {constant}, which is no JSON"),
            object_pairs_hook=lambda pairs: _object(name, pairs),
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON: {error}") from error


def fields(where: str, value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """Returns an object that has these keys and no other; ValueError names what is missing or unknown."""
    known = mapping(where, value)
    if missing := sorted(set(keys) - set(known)):
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(set(known) - set(keys)):
        raise ValueError(f"{where} holds the unknown {', '.join(unknown)}")
    return known


def mapping(where: str, value: Any) -> dict[str, Any]:
    """Returns an object; ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {type(value).__name__}, not an object")
    return value


def items(where: str, value: Any) -> list[Any]:
    """Returns a list; ValueError for anything else."""
    if not isinstance(value, list):
        raise ValueError(f"{where} is {type(value).__name__}, not a list")
    return value


def text(where: str, value: Any) -> str:
    """Returns a text; ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"{where} is {type(value).__name__}, not a text")
    return value


def _object(name: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in [other for other, _ in pairs[:number]])
        raise ValueError(f"{name} holds {twice!r:.80} twice")
    return found


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)

"""Texts inside an argument: a call's lists and objects hold placeholders as its texts do."""

from collections.abc import Callable, Iterator
from typing import Any


def texts_in(value: Any) -> Iterator[str]:
    """Yields the texts in a JSON value, without the names of an object's properties."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Returns a JSON value with each of its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [with_texts(part, change) for part in value]
    if isinstance(value, dict):
        return {name: with_texts(part, change) for name, part in value.items()}
    return value

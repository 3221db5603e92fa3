"""Secrets that are told by their own form, wherever they stand."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from stages.dataset.secrets.placeholders import is_filling
from stages.dataset.secrets.span import Span


class Format(NamedTuple):
    """kind: for a person. hints: one of which every such secret holds. wrapped: the whole secret, of known length."""

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    wrapped: re.Pattern[str] | None


def in_lines(text: str) -> Iterator[Span]:
    """Yields the secrets of known forms."""
    for form in _formats():
        if any(hint in text for hint in form.hints):
            yield from _found(form.pattern, form.kind, text)


def may_be_wrapped(text: str) -> bool:
    """Returns whether a text may hold a secret that the end of a line cuts."""
    return any(form.wrapped and any(hint in text for hint in form.hints) for form in _formats())


def over_lines(text: str) -> Iterator[Span]:
    """Yields the secrets of known forms and lengths."""
    for form in _formats():
        if form.wrapped and any(hint in text for hint in form.hints):
            yield from _found(form.wrapped, form.kind, text)


def _found(pattern: re.Pattern[str], kind: str, text: str) -> Iterator[Span]:
    for found in pattern.finditer(text):
        group = "secret" if "secret" in pattern.groupindex else 0
        if not is_filling(found[group]):
            yield Span(*found.span(group), kind)


@cache
def _formats() -> tuple[Format, ...]:
    known = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["format"]
    return tuple(
        Format(
            form["kind"],
            tuple(form["hints"]),
            _bounded(form["pattern"]),
            _bounded(form["wrapped"]) if "wrapped" in form else None,
        )
        for form in known
    )


def _bounded(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})".replace("\\\n", ""))

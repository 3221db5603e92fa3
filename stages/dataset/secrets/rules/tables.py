"""Secrets in tables: below a head such as `password`, or beside it."""

import re
from collections.abc import Iterator

from stages.dataset.secrets.rules.labels import Label, is_secret, named
from stages.dataset.secrets.span import Span

Cell = tuple[int, str]
_DELIMITER = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_MARKS = " \t*`\"'"
_TEXT = re.compile(r"[^<>\n]{0,300}")
_HTML_CELL = re.compile(r"</t[dh]>\s{0,20}<td[^<>]{0,100}>", re.IGNORECASE)


def in_tables(text: str) -> Iterator[Span]:
    """Yields the secrets in the tables of a text."""
    heads: list[Label | None] = []
    before, start = "", 0
    for line in text.split("\n"):
        if "|" not in line:
            heads = []
        elif _DELIMITER.fullmatch(line):
            heads = [named(cell) for _, cell in _cells(before)]
        else:
            yield from _in_row(line, start, heads)
        before, start = line, start + len(line) + 1
    yield from _in_html(text)


def _in_row(line: str, start: int, heads: list[Label | None]) -> Iterator[Span]:
    cells = _cells(line)
    names = [named(cell) for _, cell in cells]
    for place, (offset, cell) in enumerate(cells):
        of_column = heads[place] if place < len(heads) else None
        beside = names[place - 1] if place and not names[place] else None
        if of_column and _is_value(cell, of_column, is_alone=True):
            yield Span(start + offset, start + offset + len(cell), of_column.kind)
        elif beside and _is_value(cell, beside, is_alone=False):
            yield Span(start + offset, start + offset + len(cell), beside.kind)


def _is_value(cell: str, label: Label, is_alone: bool) -> bool:
    return " " not in cell and is_secret(cell, label, is_set=False, is_quoted=False, is_alone=is_alone)


def _cells(line: str) -> list[Cell]:
    """Returns the cells of a row with the places of their texts, without the marks around them."""
    body = line.lstrip(" \t>")
    shift = len(line) - len(body)
    if body.startswith("|"):
        body, shift = body[1:], shift + 1
    found, position = [], 0
    for part in re.split(r"(?<!\\)\|", body):
        text = part.lstrip(_MARKS)
        found.append((shift + position + len(part) - len(text), text.rstrip(_MARKS)))
        position += len(part) + 1
    return found


def _in_html(text: str) -> Iterator[Span]:
    for gap in _HTML_CELL.finditer(text):
        before = re.split(r"[<>]", text[max(0, gap.start() - 100) : gap.start()])[-1]
        cell = _TEXT.match(text, gap.end())
        value = cell[0].strip(_MARKS) if cell else ""
        label = named(before)
        if label and value and _is_value(value, label, is_alone=True):
            start = text.index(value, gap.end())
            yield Span(start, start + len(value), label.kind)

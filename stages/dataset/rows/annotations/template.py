"""What a rule or a runbook writes about an alert, with its templates: `{{ $value | humanize }}`, `{{ if … }}`.

A text is prepared once, which tells whether it can be written out, and rendered for each alert that is drawn.
The language is Go's (https://pkg.go.dev/text/template) without variables, loops and nested templates.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from stages.dataset.calls.placeholders import (
    LABEL_REFERENCE,
    Placeholder,
    fill,
    label_of,
    mark_text,
    marked,
    placeholders,
)
from stages.dataset.rows.annotations import functions
from stages.dataset.rows.annotations.go_format import UnrenderableError, Value, shown

_ACTION = re.compile(r"""\{\{((?:[^{}"`]|"(?:[^"\\]|\\.)*"|`[^`]*`|\}(?!\}))*)\}\}""", re.DOTALL)
_TRIM = re.compile(r"(?:(?<!\s)\s+)?(\{\{)-(?=\s)|(?<=\s)-(\}\})\s*")
# Words alone in braces that are no label's name, but all of something, or what only a server knows.
_NO_LABEL = re.compile(
    r"\{\{-?\s*[.$]?(?:labels|values|annotations|alerts|now|externalURL|pathPrefix|break|continue)\s*-?\}\}",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r'\{\{[^{}"\\]*\\"[^{}]*\}\}')
_COMMENT = re.compile(r"\s*/\*.*\*/\s*", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>\ue000[^\ue001]*\ue001)|(?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`)"""
    r"""|(?P<number>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))|(?P<value>\$value|\$?\.Value)(?![\w.])"""
    r"""|(?P<dot>\.)(?![\w.])|(?P<name>[A-Za-z]\w*)(?![\w.])|(?P<sign>[()|]))""",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "'": "'"}
_MOST_ACTIONS = 200
_DEEPEST = 30


@dataclass(frozen=True)
class Scope:
    """What a text is rendered with: the labels' values, the alert's value, and what `.` is within `with`."""

    label: Callable[[Placeholder], str]
    value: float
    dot: Value | None = None
    every: bool = False
    """Whether every branch is taken, to find out what cannot be written out."""


Node = Callable[[Scope], str]
Expression = Callable[[Scope], Value]


@lru_cache(maxsize=4096)
def prepare(text: str) -> str | None:
    """Returns a text with marked placeholders, for `render`; None where it holds what cannot be written out."""
    return None if why_not(text) else _prepared(text)


@lru_cache(maxsize=4096)
def why_not(text: str) -> str:
    """Returns what in a text cannot be written out; empty where all of it can."""
    if _is_plain(text):
        return ""
    if found := _NO_LABEL.search(text):
        return found[0]
    try:
        _parsed(_prepared(text))(Scope(lambda placeholder: placeholder.name, 1.0, every=True))
    except UnrenderableError as error:
        return str(error)
    return ""


def render(prepared: str, value_of: Callable[[Placeholder], str], value: float) -> str:
    """Returns a prepared text as Prometheus writes it for an alert with these labels and this value.

    Raises UnrenderableError where a function does not take a label's value.
    """

    def label(placeholder: Placeholder) -> str:
        return shown(value) if is_value(placeholder) else value_of(placeholder)

    return _parsed(prepared)(Scope(label, value))


@lru_cache(maxsize=4096)
def holds_value(prepared: str) -> bool:
    """Returns whether a prepared text shows the alert's value."""
    return (
        any(map(is_value, placeholders(prepared)))
        or re.search(r"\{\{[^{}]*(?:\$value|\.Value)\b", prepared) is not None
    )


def is_value(placeholder: Placeholder) -> bool:
    """Returns whether a placeholder is the alert's value: `{{ $value }}`, `{{ .Value }}`, `$value`."""
    return not placeholder.is_label and placeholder.name.lower() == "value"


def _is_plain(text: str) -> bool:
    """Returns whether a text holds no template, as most of a runbook's."""
    return "{{" not in text and "}}" not in text


def _prepared(text: str) -> str:
    if _is_plain(text):
        return mark_text(text)
    # Runbooks quote rules out of JSON, escapes and all.
    plain = _ESCAPED.sub(lambda action: action[0].replace('\\"', '"'), text)
    trimmed = _TRIM.sub(lambda found: found[1] or found[2], plain)
    simple = mark_text(trimmed)
    return _ACTION.sub(lambda action: LABEL_REFERENCE.sub(_marked_label, action[0]), simple)


def _marked_label(found: re.Match[str]) -> str:
    return marked(Placeholder(label_of(found), True))


@lru_cache(maxsize=4096)
def _parsed(prepared: str) -> Node:
    return _Parser(prepared).text(0, is_top=True)


class _Parser:
    """A cursor over the parts of a text: what stands between actions, and actions, in turns."""

    def __init__(self, prepared: str) -> None:
        self.parts = _ACTION.split(prepared)
        self.place = 0
        if len(self.parts) > 2 * _MOST_ACTIONS:
            raise UnrenderableError(f"more than {_MOST_ACTIONS} templates")
        if any("{{" in text or "}}" in text for text in self.parts[::2]):
            raise UnrenderableError("a template that nothing closes")

    def text(self, depth: int, is_top: bool = False) -> Node:
        """Reads up to an `end` or `else`, which stays, or to the end of the text."""
        if depth > _DEEPEST:
            raise UnrenderableError(f"templates deeper than {_DEEPEST}")
        nodes = [_plain(self.parts[self.place])]
        while self.place + 1 < len(self.parts):
            action = self.parts[self.place + 1].strip()
            keyword = action.split(maxsplit=1)[0] if action else ""
            if keyword in ("end", "else") and not is_top:
                break
            self.place += 2
            nodes.append(self.action(keyword, action, depth))
            nodes.append(_plain(self.parts[self.place]))
        return nodes[0] if len(nodes) == 1 else lambda scope: "".join(node(scope) for node in nodes)

    def action(self, keyword: str, action: str, depth: int) -> Node:
        if _COMMENT.fullmatch(action):
            return _plain("")
        if keyword in ("if", "with"):
            return self.branch(keyword, action.removeprefix(keyword), depth + 1)
        if keyword in ("", "end", "else", "range", "template", "define", "block", "break", "continue"):
            raise UnrenderableError(f"{{{{ {action[:60]} }}}}")
        expression = _expression(action)
        return lambda scope: shown(expression(scope))

    def branch(self, keyword: str, condition: str, depth: int) -> Node:
        expression, then = _expression(condition), self.text(depth)
        otherwise = self.otherwise(depth)

        def node(scope: Scope) -> str:
            value = expression(scope)
            inner = replace(scope, dot=value) if keyword == "with" else scope
            if scope.every:
                return then(inner) + otherwise(scope)
            return then(inner) if functions.is_true(value) else otherwise(scope)

        return node

    def otherwise(self, depth: int) -> Node:
        """Reads what follows a branch, with its `end`."""
        if self.place + 1 >= len(self.parts):
            raise UnrenderableError("a template that no {{ end }} closes")
        action = self.parts[self.place + 1].strip()
        self.place += 2
        if action == "end":
            # The text behind `end` belongs to the level above, which reads it once more.
            return _plain("")
        rest = action.removeprefix("else").strip()
        keyword = rest.split(maxsplit=1)[0] if rest else ""
        if keyword in ("if", "with"):
            return self.branch(keyword, rest.removeprefix(keyword), depth + 1)
        if rest:
            raise UnrenderableError(f"{{{{ {action[:60]} }}}}")
        node = self.text(depth)
        self.otherwise_ends()
        return node

    def otherwise_ends(self) -> None:
        if self.place + 1 >= len(self.parts) or self.parts[self.place + 1].strip() != "end":
            raise UnrenderableError("a template that no {{ end }} closes")
        self.place += 2


def _plain(text: str) -> Node:
    return lambda scope: fill(text, scope.label)


def _expression(source: str) -> Expression:
    """Returns what a pipeline gives: each command gets what the one before it gave as its last value."""
    tokens = list(_tokens(source))
    expression, rest = _pipeline(tokens, 0)
    if rest:
        raise UnrenderableError(f"{{{{ {source.strip()[:60]} }}}}")
    return expression


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(source.rstrip())
    while place < end:
        found = _TOKEN.match(source, place)
        if not found:
            raise UnrenderableError(f"{{{{ {source.strip()[:60]} }}}}")
        kind = str(found.lastgroup)
        yield kind, found[kind]
        place = found.end()


def _pipeline(tokens: list[tuple[str, str]], depth: int) -> tuple[Expression, list[tuple[str, str]]]:
    expression, rest = _command(tokens, None, depth)
    while rest and rest[0] == ("sign", "|"):
        expression, rest = _command(rest[1:], expression, depth)
    return expression, rest


def _command(
    tokens: list[tuple[str, str]], before: Expression | None, depth: int
) -> tuple[Expression, list[tuple[str, str]]]:
    if depth > _DEEPEST:
        raise UnrenderableError(f"templates deeper than {_DEEPEST}")
    name = tokens[0][1] if tokens and tokens[0][0] == "name" and tokens[0][1] not in _CONSTANTS else ""
    values: list[Expression] = []
    rest = tokens[1:] if name else tokens
    while rest and rest[0] not in (("sign", "|"), ("sign", ")")):
        value, rest = _operand(rest, depth)
        values.append(value)
    values += [before] if before else []
    if name:
        return lambda scope: functions.call(name, [value(scope) for value in values]), rest
    if len(values) != 1:
        raise UnrenderableError("several values side by side" if values else "an empty template")
    return values[0], rest


_CONSTANTS = {"true": True, "false": False}


def _operand(tokens: list[tuple[str, str]], depth: int) -> tuple[Expression, list[tuple[str, str]]]:
    (kind, text), rest = tokens[0], tokens[1:]
    if (kind, text) == ("sign", "("):
        inner, rest = _pipeline(rest, depth + 1)
        if not rest or rest[0] != ("sign", ")"):
            raise UnrenderableError("a bracket that nothing closes")
        return inner, rest[1:]
    if kind == "mark":
        (placeholder,) = placeholders(text)
        return (lambda scope: scope.value) if is_value(placeholder) else (lambda scope: scope.label(placeholder)), rest
    if kind == "value":
        return lambda scope: scope.value, rest
    if kind == "dot":
        return _dot, rest
    if kind == "name" and text not in _CONSTANTS:
        return lambda scope: functions.call(text, []), rest
    constant = _constant(kind, text)
    return lambda scope: constant, rest


def _dot(scope: Scope) -> Value:
    if scope.dot is None:
        raise UnrenderableError("{{ . }}, which is all of an alert")
    return scope.dot


def _constant(kind: str, text: str) -> Value:
    if kind == "name":
        return _CONSTANTS[text]
    if kind == "number":
        return float(text) if re.search(r"[.eE]", text) else int(text)
    if text.startswith("`"):
        return text[1:-1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), text[1:-1], flags=re.DOTALL)

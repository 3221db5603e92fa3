"""Which labels the alerts of a PromQL expression carry: those with one value, and those that it groups by.

https://prometheus.io/docs/prometheus/latest/querying/operators
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from stages.dataset.alerting.vectors import (
    SCALAR,
    Labels,
    Matching,
    combined,
    grouped,
    named_besides,
    narrowed,
    without,
)
from stages.dataset.secrets.redaction import REDACTED

_WORDS = {
    kind: frozenset(words)
    for kind, words in tomllib.loads(Path(__file__).with_name("promql.toml").read_text("utf-8")).items()
}
_TOKEN = re.compile(
    r"\s+|#[^\n]*"
    r'|(?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*"|\'[^\'\\\n]*(?:\\.[^\'\\\n]*)*\'|`[^`]*`)'
    r"|(?P<name>[A-Za-z_:][\w:]*)|(?P<number>\.?\d[\w.]*)"
    r"|(?P<sign>=~|!~|==|!=|<=|>=|\|=|\|~|[^\s\"'`])|(?P<lost>[\"'`][\s\S]*)",
    re.ASCII,
)
_ESCAPED = re.compile(r"\\(.)")
_POWERS: Mapping[str, int] = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_MATCHES = ("=", "!=", "=~", "!~")
_OPEN = ("{{", "${", "$(", REDACTED)
MAX_DEPTH = 30  # of brackets within brackets


@dataclass(frozen=True)
class Carried:
    """labels: what every alert of an expression carries. varying: labels that it carries with some value."""

    labels: Mapping[str, str]
    varying: tuple[str, ...] = ()


class _LostError(Exception):
    """What stands here is no PromQL that is known."""


@lru_cache(maxsize=256)
def carried(expression: str) -> Carried:
    """Returns what the alerts of an expression carry; nothing of one that is not understood. Never raises.

    A label that the expression compares with two values has none that is fixed.
    """
    try:
        parser = _Parser(_tokens(expression))
        found = parser.whole()
    except _LostError:
        return Carried({})
    unclear = {label for label, values in parser.values.items() if len(values) > 1}
    labels = {label: value for label, value in found.fixed.items() if label not in unclear}
    also = () if found.is_open else tuple(label for label in found.fixed if label in unclear)
    return Carried(labels, (*found.named, *also))


def is_open(text: str) -> bool:
    """Returns whether something else has to be filled in before a text is what Prometheus gets, or gives."""
    return any(mark in text for mark in _OPEN)


class _Token(NamedTuple):
    kind: str
    text: str


_END = _Token("end", "")


def _tokens(text: str) -> list[_Token]:
    found = [_Token(token.lastgroup, token[0]) for token in _TOKEN.finditer(text) if token.lastgroup]
    if any(token.kind == "lost" for token in found):  # a quote that is never closed
        raise _LostError
    return [*found, _END, _END]


class _Parser:
    """values: what each label is demanded to be, all over the expression."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self.values: dict[str, set[str]] = {}

    def whole(self) -> Labels:
        found = self._binary(1)
        if self._next() is not _END:
            raise _LostError
        return found

    def _binary(self, least: int) -> Labels:
        left = self._unary()
        while (power := _POWERS.get(self._word(), 0)) >= least:
            sign = self._next().text.lower()
            matching = self._matching()
            right = self._binary(power + 1)
            left = combined(sign, left, matching, right)
            if left.is_too_long:
                raise _LostError
        return left

    def _unary(self) -> Labels:
        while self._peek().text in ("-", "+"):
            self._next()
        found = self._primary()
        self._skip_lines_of_logs()
        while (word := self._word()) in ("[", "offset", "@"):
            if word == "[":
                self._skip_brackets()
            else:
                self._next()
                self._moment()
        return found

    def _moment(self) -> None:
        """Passes over what an `offset` or an `@` names: a duration, a time, `start()`."""
        while self._peek().text in ("-", "+"):
            self._next()
        self._primary()

    def _primary(self) -> Labels:
        token = self._peek()
        if token.kind == "string":
            return Labels(is_vector=False, text=self._string())
        if token.text == "(":
            found = self._arguments()
            if len(found) != 1:
                raise _LostError
            return found[0]
        if token.text == "{":
            return self._selector()
        self._next()
        if token.kind == "number":
            return SCALAR
        if token.kind != "name":
            raise _LostError
        return self._named(token.text)

    def _named(self, name: str) -> Labels:
        """Returns the labels of what begins with a name: a call, an aggregation, a metric, or a number such as Inf."""
        word = name.lower()
        clause = self._clause()
        if clause or self._peek().text == "(":
            arguments = self._arguments()
            return self._called(word, arguments, clause or self._clause())
        if self._peek().text == "{":
            return self._selector()
        return SCALAR if word in ("inf", "nan") else Labels(is_open=True, is_selector=True)

    def _called(self, word: str, arguments: Sequence[Labels], clause: tuple[str, tuple[str, ...]] | None) -> Labels:
        vectors = [each for each in arguments if each.is_vector]
        texts = [each.text for each in arguments if each.text is not None]
        if word in _WORDS["numbers"]:
            return SCALAR
        if not vectors:
            return Labels()
        of = vectors[-1] if clause else vectors[0]
        if word == "count_values":
            return named_besides(self._grouped(of, clause), texts[:1])
        if word in _WORDS["choices"]:
            return of
        if clause or word in _WORDS["aggregations"]:
            return self._grouped(of, clause)
        return _result(word, of, texts)

    def _grouped(self, of: Labels, clause: tuple[str, tuple[str, ...]] | None) -> Labels:
        kind, names = clause or ("by", ())
        return grouped(of, names) if kind == "by" else without(of, names)

    def _clause(self) -> tuple[str, tuple[str, ...]] | None:
        word = self._word()
        if word not in ("by", "without"):
            return None
        self._next()
        return word, self._names()

    def _matching(self) -> Matching:
        if self._word() == "bool":
            self._next()
        found = Matching()
        if self._word() in ("on", "ignoring"):
            found = replace(found, on=self._next().text.lower(), names=self._names())
        if self._word() in ("group_left", "group_right"):
            found = replace(found, side=self._next().text.lower())
            found = replace(found, copied=self._names()) if self._peek().text == "(" else found
        return found

    def _names(self) -> tuple[str, ...]:
        self._expect("(")
        found: dict[str, None] = {}
        while (token := self._next()).text != ")":
            if token.kind not in ("name", "string"):
                raise _LostError
            found[token.text if token.kind == "name" else token.text[1:-1]] = None
            if self._peek().text != ")":
                self._expect(",")
        return tuple(found)

    def _arguments(self) -> list[Labels]:
        self._expect("(")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _LostError
        found = []
        while self._peek().text != ")":
            found.append(self._binary(1))
            if self._peek().text != ")":
                self._expect(",")
        self._next()
        self._depth -= 1
        return found

    def _selector(self) -> Labels:
        """Returns the labels of a selector: what it demands to be equal, once and for all."""
        self._expect("{")
        demanded: dict[str, list[str | None]] = {}
        while self._peek().text != "}":
            self._matcher(demanded)
            if self._peek().text != "}":
                self._expect(",")
        self._next()
        fixed = {label: values[0] for label, values in demanded.items() if len(values) == 1}
        return Labels({label: value for label, value in fixed.items() if value}, is_open=True, is_selector=True)

    def _matcher(self, demanded: dict[str, list[str | None]]) -> None:
        token = self._peek()
        label = self._string() if token.kind == "string" else self._next().text
        if token.kind not in ("name", "string"):
            raise _LostError
        if token.kind == "string" and self._peek().text not in _MATCHES:
            return  # the metric's name
        sign = self._next().text
        if sign not in _MATCHES:
            raise _LostError
        value = self._string()
        if label is None or label == "__name__":
            return
        is_fixed = sign == "=" and value and not is_open(value)
        demanded.setdefault(label, []).append(value if is_fixed else None)
        if is_fixed and value:
            self.values.setdefault(label, set()).add(value)

    def _string(self) -> str | None:
        """Returns what a text holds; None where an escape in it is none of the simple ones."""
        token = self._next()
        if token.kind != "string":
            raise _LostError
        text = token.text[1:-1]
        if token.text[0] == "`" or "\\" not in text:
            return text
        is_simple = all(character in "\\\"'" for character in _ESCAPED.findall(text))
        return _ESCAPED.sub(r"\1", text) if is_simple else None

    def _skip_lines_of_logs(self) -> None:
        """Passes over what LogQL does with the lines of a stream, up to its range."""
        if not self._is_pipeline():
            return
        depth = 0
        while (token := self._peek()) is not _END and not (depth == 0 and token.text in ("[", ")")):
            depth += (token.text == "(") - (token.text == ")")
            self._next()

    def _is_pipeline(self) -> bool:
        text = self._peek().text
        return text in ("|", "|=", "|~") or (text in ("!=", "!~") and self._tokens[self._place + 1].kind == "string")

    def _skip_brackets(self) -> None:
        while (token := self._next()).text != "]":
            if token is _END:
                raise _LostError

    def _peek(self) -> _Token:
        return self._tokens[self._place]

    def _word(self) -> str:
        return self._tokens[self._place].text.lower()

    def _next(self) -> _Token:
        token = self._tokens[self._place]
        self._place += token is not _END
        return token

    def _expect(self, text: str) -> None:
        token = self._next()
        if token.text != text:
            raise _LostError


def _result(word: str, of: Labels, texts: Sequence[str | None]) -> Labels:
    """Returns what a function makes of the labels of its vector; one that is not known leaves all in doubt."""
    if word in ("absent", "absent_over_time"):
        return Labels(of.fixed if of.is_selector else {})
    if word == "histogram_quantile":
        return without(of, ("le",))
    if word in ("label_replace", "label_join"):
        return named_besides(of, texts[:1])
    if word in _WORDS["bare"]:
        return Labels()
    return of if word in _WORDS["functions"] else narrowed(of)

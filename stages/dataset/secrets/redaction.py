"""Secrets in what people write: found by several kinds of rules, and taken out before anything else sees the text."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stages.dataset.secrets import formats, scanner, views
from stages.dataset.secrets.commands import in_commands
from stages.dataset.secrets.headers import in_requests
from stages.dataset.secrets.keys import over_many_lines
from stages.dataset.secrets.labels import labelled
from stages.dataset.secrets.manifests import in_manifests
from stages.dataset.secrets.span import Span
from stages.dataset.secrets.tables import in_tables

REDACTED = "REDACTED"
Finder = Callable[[str], Iterable[Span]]
_LOGICAL = re.compile(r"(?:[^\n]*\\[ \t]*\n){0,40}[^\n]*\n?")
_CONTINUES = re.compile(r"\\[ \t]*\n")
# One of these is in every line that a rule of lines finds something in.
_HINT = re.compile(
    r"pass|pwd|psw|pw|pin\b|secret|token|key|cred|auth|cookie|jwt|seed|otp|bearer|basic|login|connection|senha|contrase|lösen|kenn|wachtwoord"
    r"|пароль|密|パス|identified|-[a-z]*[pauw]|/p:|alias|host add|user|vault|bao|unseal|unwrap|kv |write|htpasswd|secret|rclone|sqlplus|rman"
    r"|expdp|impdp|requirepass|masterauth|@tcp|@unix|<<<|curl|log[a-z]* ?[io]n|sig=|code=|:\d{2,5}:|:\*:",
    re.IGNORECASE,
)
_DONE = re.compile(r"(?:REDACTED|[\W_])*")
_INDENT = re.compile(r"[ \t>#|]*")


@dataclass(frozen=True)
class Found:
    """A secret that was taken out: the line that it begins in, from 1, and what it was, as `a GitHub token`."""

    line: int
    kind: str


def redact(text: str) -> tuple[str, list[Found]]:
    """Returns a text with REDACTED for each secret, with as many lines, and the secrets in their order.

    Variables, templates, stars and words about a secret stay. What the result holds is never a secret again.
    """
    return _redact(text, (formats.in_lines, scanner.scanned))


def without_secrets(text: str) -> str:
    """Returns a text redacted by our own rules alone: for messages, which are told at once."""
    return _redact(text, (formats.in_lines,))[0]


def _redact(text: str, forms: tuple[Finder, ...]) -> tuple[str, list[Found]]:
    found: list[Found] = []
    while spans := _merged(text, _spans(text, forms)):
        found += _told(text, spans)
        text = _replaced(text, spans)
    return text, sorted(found, key=lambda each: each.line)


def _spans(text: str, forms: tuple[Finder, ...]) -> Iterator[Span]:
    seen, bare = views.decoded(text), views.stripped(text)
    for finder in (*forms, over_many_lines, in_manifests, in_tables, _by_lines(labelled, in_requests, in_commands)):
        yield from _back(seen, finder)
    for finder in (*forms, _by_lines(labelled, in_requests)):
        yield from _back(bare, finder)
    for span in _back(views.joined(text), formats.over_lines):
        if "\n" in text[span.start : span.end]:
            yield span


def _back(view: views.View, finder: Finder) -> Iterator[Span]:
    """Yields what is found in a view, by its places in the text itself."""
    for span in finder(view.text):
        yield Span(*view.place(span.start, span.end), span.kind)


def _by_lines(*finders: Finder) -> Finder:
    """Returns a finder that looks at each line, and at lines that a backslash joins as at one."""

    def find(text: str) -> Iterator[Span]:
        for logical in _LOGICAL.finditer(text):
            if logical[0] and _HINT.search(logical[0]):
                line = _CONTINUES.sub(lambda end: " " * len(end[0]), logical[0]).rstrip("\n")
                for finder in finders:
                    for span in finder(line):
                        yield Span(logical.start() + span.start, logical.start() + span.end, span.kind)

    return find


def _merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Returns what is found, in order and apart, without what is taken out already."""
    apart: list[Span] = []
    for span in sorted(spans):
        if apart and span.start < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(apart[-1].end, span.end))
        elif not _DONE.fullmatch(text, span.start, span.end):
            apart.append(span)
    return apart


def _told(text: str, spans: Iterable[Span]) -> Iterator[Found]:
    line, place = 1, 0
    for span in spans:
        line += text.count("\n", place, span.start)
        place = span.start
        yield Found(line, span.kind)


def _replaced(text: str, spans: Iterable[Span]) -> str:
    parts, end = [], 0
    for span in spans:
        parts += [text[end : span.start], _in_place_of(text[span.start : span.end])]
        end = span.end
    return "".join([*parts, text[end:]])


def _in_place_of(secret: str) -> str:
    """Returns REDACTED, and for each further line of a secret an empty one, as deep as it was."""
    lines = secret.split("\n")[1:]
    return "\n".join([REDACTED, *(indent[0] if (indent := _INDENT.match(line)) else "" for line in lines)])

"""Secrets in what people write: found by several kinds of rules, and taken out before anything else sees the text."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from stages.dataset.secrets import views
from stages.dataset.secrets.rules import formats, scanner
from stages.dataset.secrets.rules.commands import in_commands
from stages.dataset.secrets.rules.headers import in_requests
from stages.dataset.secrets.rules.keys import over_many_lines
from stages.dataset.secrets.rules.labels import labelled
from stages.dataset.secrets.rules.manifests import in_manifests
from stages.dataset.secrets.rules.tables import in_tables
from stages.dataset.secrets.span import Span

REDACTED = "REDACTED"
Finder = Callable[[str], Iterable[Span]]
_LOGICAL = re.compile(r"(?:[^\n]*\\[ \t]*\n){0,40}[^\n]*")
_CONTINUES = re.compile(r"\\[ \t]*\n")
_JOINS = re.compile(r"\\[ \t]*\n$")
_SMALL = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}
# One of these is in every line, in small letters, that a rule of lines finds something in.
_HINTS = (
    *(
        "pass",
        "pwd",
        "psw",
        "pw",
        "pin",
        "secret",
        "token",
        "key",
        "cred",
        "auth",
        "cookie",
        "jwt",
        "seed",
        "otp",
        "login",
        "logged in",
        "log in",
    ),
    *(
        "bearer",
        "basic",
        "connection",
        "recovery code",
        "backup code",
        "senha",
        "contrase",
        "senord",
        "kenn",
        "wachtwoord",
        "ароль",
        "АРОЛЬ",
        "密",
        "パス",
        "identified",
        "sig=",
        "code=",
    ),
    *(
        " -p",
        " -a",
        " -u",
        " -w",
        " -s",
        " -k",
        " -b",
        " -t",
        "/p:",
        "alias",
        "host add",
        "user",
        "vault",
        "bao",
        "unseal",
        "unwrap",
        "htpasswd",
    ),
    *("rclone", "sqlplus", "rman", "expdp", "impdp", "masterauth", "@tcp", "@unix", "<<<", ":5432:", ":6432:", ":*:"),
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
    lines = _lines_with_hints(seen.text)
    for finder in (*forms, over_many_lines, in_manifests, in_tables):
        yield from _back(seen, finder)
    for finder in forms:
        yield from _back(bare, finder)
    yield from _back(seen, lambda _: _of_lines(lines, (labelled, in_requests, in_commands)))
    known = {line for _, line in lines}
    others = [each for each in _lines_with_hints(bare.text) if each[1] not in known]
    yield from _back(bare, lambda _: _of_lines(others, (labelled, in_requests)))
    if formats.may_be_wrapped(bare.text):
        yield from (
            span for span in _back(views.joined(text), formats.over_lines) if "\n" in text[span.start : span.end]
        )


def _back(view: views.View, finder: Finder) -> Iterator[Span]:
    """Yields what is found in a view, by its places in the text itself."""
    for span in finder(view.text):
        yield Span(*view.place(span.start, span.end), span.kind)


def _lines_with_hints(text: str) -> list[tuple[int, str]]:
    """Returns the lines that a rule may find something in, each with where it begins; those joined by `\\` are one."""
    small = text.translate(_SMALL)
    places = sorted(place for hint in _HINTS for place in _all_places(small, hint))
    found = []
    end = 0
    for place in places:
        if place < end:
            continue
        start = text.rfind("\n", 0, place) + 1
        while start > end and _JOINS.search(text, max(0, start - 100), start):
            start = text.rfind("\n", 0, start - 1) + 1
        line = _LOGICAL.match(text, max(start, end))
        if line:
            found.append((line.start(), _CONTINUES.sub(_blank, line[0])))
            end = line.end() + 1
    return found


def _all_places(text: str, hint: str) -> Iterator[int]:
    place = text.find(hint)
    while place >= 0:
        yield place
        behind = text.find("\n", place)
        place = text.find(hint, behind) if behind >= 0 else -1


def _blank(end: re.Match[str]) -> str:
    return " " * len(end[0])


def _of_lines(lines: Iterable[tuple[int, str]], finders: Iterable[Finder]) -> Iterator[Span]:
    for start, line in lines:
        for finder in finders:
            for span in finder(line):
                yield Span(start + span.start, start + span.end, span.kind)


def _merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Returns what is found, in order and apart, without what is taken out already."""
    apart: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
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

"""Secrets of many lines: private keys, encrypted vaults, and values on the line behind their name."""

import re
from collections.abc import Iterator

from stages.dataset.secrets.placeholders import is_placeholder
from stages.dataset.secrets.rules.labels import is_secret, label_of, named
from stages.dataset.secrets.span import Span

_BEGIN = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_BODY = re.compile(r"(?:[ \t>#*]*\\?(?:[A-Za-z0-9+/=\\]{8,}|[A-Z][\w-]{2,20}: [^\n]{0,120}|)[ \t\"',;\\]*(?:\n|$))*")
_PUTTY = re.compile(r"Private-Lines: *\d{1,3}\n(?P<secret>(?:[A-Za-z0-9+/=]+\n?)+)")
_VAULT = re.compile(r"\$ANSIBLE_VAULT;[\d.]+;\w+(?:;\w+)?(?P<secret>(?:\s{1,40}[0-9a-f]{8,})+)")
_BELOW = re.compile(
    r"^[ \t>]*(?:[-*+] )?[\"']?(?P<name>[\w. -]{1,60})[\"']?:[ \t]*[|>]?[+-]?[ \t]*\n"
    r"(?P<rest>[ \t>]+(?:[-*+] )?(?P<secret>[^\s:#`-][^\n]{2,300}))$",
    re.MULTILINE,
)
_AFTER = re.compile(
    r"^[ \t>]*(?:[-*+] )?[*_]{0,2}(?P<name>[\w. -]{1,60})(?:[*_]{0,2}:|:[*_]{1,2})[ \t]*\n"
    r"[ \t>]*(?:(?:`{3,}|~{3,})\w{0,12}[ \t]*|)\n"
    r"[ \t>]*[\"'`*]{0,3}(?P<secret>[^\s\"'`*#]{4,300})[\"'`*]{0,3}[ \t]*$",
    re.MULTILINE,
)
_ENTRY = re.compile(
    r"name\\?[\"']?\s?[:=]\s?\\?[\"']?(?P<name>[\w.-]{1,60})\\?[\"']?[ \t]*,?[ \t]*\n?[ \t>]*"
    r"\\?[\"']?value\\?[\"']?\s?[:=]\s?\\?(?P<quote>[\"']?)"
    r"(?P<secret>[^\s\"'},\\]{2,300})"
)
LONGEST = 20_000  # characters of a private key


def over_many_lines(text: str) -> Iterator[Span]:
    """Yields the secrets that lie on several lines, or on another line than their name."""
    yield from _private_keys(text)
    for pattern, kind in ((_PUTTY, "a private key"), (_VAULT, "an encrypted vault")):
        for found in pattern.finditer(text):
            yield Span(*found.span("secret"), kind)
    for found in _ENTRY.finditer(text):
        label = named(found["name"])
        if label and is_secret(found["secret"], label, is_set=label.is_password, is_quoted=False, is_alone=True):
            yield Span(*found.span("secret"), label.kind)
    for found in _AFTER.finditer(text):
        label = named(found["name"])
        if label and is_secret(found["secret"], label, is_set=False, is_quoted=False, is_alone=False):
            yield Span(*found.span("secret"), label.kind)
    for found in _BELOW.finditer(text):
        label = named(found["name"])
        value = found["secret"].strip(" \t\"'")
        if label and " " not in value and is_secret(value, label, is_set=False, is_quoted=False, is_alone=True):
            start = text.index(value, found.start("secret"))
            yield Span(start, start + len(value), label_of(found["name"]).kind)


def _private_keys(text: str) -> Iterator[Span]:
    begin = _BEGIN.search(text)
    while begin:
        start = begin.end()
        end = text.find("-----END", start, start + LONGEST)
        following = _BEGIN.search(text, start)
        if end < 0 or (following and following.start() < end):
            found = _BODY.match(text, start)
            end = found.end() if found else start
        body = text[start:end]
        shown = body.replace("\\n", " ").strip(" \t\n\r\"'`>#*.…\\")
        if shown and not is_placeholder(shown):
            lead = len(body) - len(body.lstrip(" \t\n>#*"))
            yield Span(start + (lead if "\n" in body else 0), start + len(body.rstrip(" \t\n>#")), "a private key")
        begin = following if following and following.start() >= end else _BEGIN.search(text, max(end, start))

"""Secrets in manifests of Kubernetes and in Docker's configuration, where every value is one."""

import base64
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from stages.dataset.secrets.placeholders import is_placeholder
from stages.dataset.secrets.span import Span

_KIND = re.compile(r"[ \t>#-]*[\"']?kind[\"']?\s*:\s*[\"']?Secret[\"']?\s*,?\s*$")
_BLOCK = re.compile(r"(?P<indent>[ \t>#]*)[\"']?(?:data|stringData)[\"']?\s*:\s*\{?\s*$")
_ENTRY = re.compile(r"(?P<indent>[ \t>#]*)[\"']?(?P<key>[\w.-]{1,100})[\"']?\s*:(?:\s+|$)(?P<value>.*)$")
_EDGE = re.compile(r"[ \t>]*(?:---|\.\.\.|`{3,}|~{3,}|EOF\b|</pre>)")
_JSON = re.compile(r"(?:\\?[\"'])(?:data|stringData)(?:\\?[\"'])\s*:\s*\{(?P<body>[^{}\n]{1,20000})\}")
_PAIR = re.compile(r":\s*\\?[\"'](?P<secret>[^\"'\\\n]{1,10000})")
_AUTH = re.compile(
    r"\\?[\"']?(?P<key>\.dockerconfigjson|\.dockercfg|auth|identitytoken|registrytoken)\\?[\"']?\s*:\s*"
    r"\\?[\"']?(?P<secret>[A-Za-z0-9+/_=.-]{8,})"
)
_CLUSTER = re.compile(
    r"\b(?:client-key-data|id-token|refresh-token|_authToken|_password)\s*[:=]\s*[\"']?(?P<secret>[\w+/=.-]{16,})"
)
_FLOW = re.compile(r"[ \t>#]*(?:data|stringData)\s*:\s*\{(?P<body>[^{}\n]+)\}")
_FLOW_PAIR = re.compile(r"[\w.\"'-]{1,100}\s*:\s*[\"']?(?P<secret>[^\s,}\"']{1,10000})")
_XML = re.compile(
    r"<(?P<tag>[\w.-]{0,40}(?:password|passwd|passphrase|secret|token|apikey|api-key|privatekey))>"
    r"(?P<secret>[^<>\s]{3,300})</(?P=tag)>",
    re.IGNORECASE,
)
_WORDS = "a value of a Kubernetes Secret"
_NO_VALUE = re.compile(r"[|>][+-]?\d?|[{}]|#.*")
FARTHEST = 400  # lines from a manifest's kind to its values


def in_manifests(text: str) -> Iterator[Span]:
    """Yields every value of the Secrets in a text, and what Docker and kubectl keep to log in with."""
    if "Secret" in text or "tringData" in text:
        yield from _of_secrets(text)
    for pattern, kind in ((_AUTH, "a registry's login"), (_CLUSTER, "a cluster's login"), (_XML, "a password")):
        for found in pattern.finditer(text):
            is_other = found.re is _AUTH and found["key"] == "auth" and not _is_login(found["secret"])
            if not is_placeholder(found["secret"]) and not is_other:
                yield Span(*found.span("secret"), kind)


def _is_login(encoded: str) -> bool:
    """Returns whether a text is `user:password` in base 64."""
    try:
        return b":" in base64.b64decode(encoded, validate=True)
    except ValueError:
        return False


def _of_secrets(text: str) -> Iterator[Span]:
    lines = text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    for number in sorted(_blocks(lines)):
        if block := _BLOCK.match(lines[number]):
            yield from _values(lines, starts, number, len(block["indent"]))
        elif flow := _FLOW.match(lines[number]):
            yield from _pairs(_FLOW_PAIR, flow["body"], starts[number] + flow.start("body"))
    for start, line in zip(starts, lines, strict=False):
        if "ecret" in line or "tringData" in line:
            for found in _JSON.finditer(line):
                yield from _pairs(_PAIR, found["body"], start + found.start("body"))


def _blocks(lines: Sequence[str]) -> set[int]:
    """Returns the numbers of the lines that open the values of a Secret."""
    found, behind = {number for number, line in enumerate(lines) if "stringData" in line}, 0
    for number, line in enumerate(lines):
        if number >= behind and "Secret" in line and _KIND.match(line):
            first, behind = _document(lines, number)
            found |= {place for place in range(first, behind) if "ata" in lines[place]}
    return found


def _pairs(pattern: re.Pattern[str], body: str, start: int) -> Iterator[Span]:
    for pair in pattern.finditer(body):
        if not is_placeholder(pair["secret"]):
            yield Span(start + pair.start("secret"), start + pair.end("secret"), _WORDS)


def _document(lines: Sequence[str], number: int) -> tuple[int, int]:
    """Returns the first line and the line behind the document that holds a line."""
    first, behind = number, number + 1
    while first > 0 and number - first < FARTHEST and not _EDGE.match(lines[first - 1]):
        first -= 1
    while behind < len(lines) and behind - number < FARTHEST and not _EDGE.match(lines[behind]):
        behind += 1
    return first, behind


def _values(lines: Sequence[str], starts: Sequence[int], number: int, indent: int) -> Iterator[Span]:
    """Yields the values below `data:`, whose indent is given."""
    deep = 0
    for place in range(number + 1, min(len(lines), number + FARTHEST)):
        line = lines[place]
        width = len(line) - len(line.lstrip(" \t>#"))
        is_comment = line.lstrip(" \t>").startswith("#") and "#" not in lines[number]
        if is_comment or width == len(line):
            continue
        if width <= indent or _EDGE.match(line):
            return
        entry = _ENTRY.match(line)
        if entry and (not deep or width <= deep):
            deep = width
            yield from _value(entry["value"], starts[place] + entry.start("value"))
        else:
            yield from _value(line[width:], starts[place] + width)


def _value(text: str, start: int) -> Iterator[Span]:
    bare = text.strip(" \t,\"'")
    if bare and not _NO_VALUE.fullmatch(bare) and not is_placeholder(bare):
        start += text.index(bare)
        yield Span(start, start + len(bare), _WORDS)

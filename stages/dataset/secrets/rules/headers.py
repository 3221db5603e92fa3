"""Secrets in the headers and the addresses of HTTP requests."""

import re
from collections.abc import Iterator

from stages.dataset.secrets.placeholders import is_placeholder
from stages.dataset.secrets.plain import is_plain, is_word
from stages.dataset.secrets.span import Span

_SCHEME = re.compile(
    r"(?P<header>authorization[\"']?\s{0,3}[:=,]\s{0,3}[\"']?(?:f|b)?[\"']?)?(?<![A-Za-z])"
    r"(?:bearer|basic|token|digest|apikey|api-key|geniekey|negotiate|splunk|bot|key)"
    r"(?:\s|\+){1,3}(?P<secret>[\w.~+/=:@!$%^&*#-]{4,4000})",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"authorization[\"']?\s{0,3}:\s{0,3}[\"']?(?P<secret>[\w.~+/=:-]{8,4000})(?=[\"'`]|\s*$)",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER = re.compile(
    r"(?<![\w-])(?:X-[\w-]{0,40}(?:token|key|secret|auth|password|signature)|PRIVATE-TOKEN|JOB-TOKEN"
    r"|DEPLOY-TOKEN|api-?key|DD-API-KEY|DD-APPLICATION-KEY|Ocp-Apim-Subscription-Key|circle-token|apikey)"
    r"[\"']?\s{0,3}:\s{0,3}[\"']?(?P<secret>[^\s\"'`]{4,4000})",
    re.IGNORECASE,
)
_COOKIE = re.compile(
    r"(?<![\w-])(?:set-)?cookie[\"']?\s{0,3}:\s{0,3}[\"']?(?P<secret>[\w.-]{1,80}=[^\"'`\n|]{3,4000})", re.IGNORECASE
)
_QUERY = re.compile(
    r"[?&](?:[\w-]{0,30}(?:token|secret|password|passwd|pwd|signature)|api[_-]?key|apikey|access[_-]?key|auth|key|code|sig)"
    r"=(?P<secret>[^\s&\"'`<>#)\]|]{4,4000})",
    re.IGNORECASE,
)
_RULES = (
    (_BARE, "a login in a header"),
    (_HEADER, "a login in a header"),
    (_QUERY, "a token in a URL"),
)


def in_requests(line: str) -> Iterator[Span]:
    """Yields the secrets in headers, cookies and queries of a line."""
    for found in _SCHEME.finditer(line):
        secret = found["secret"].rstrip(".,;:!?'\"`*")
        is_shaped = len(secret) >= 12 and re.match(r"(?i)bearer|basic", found[0]) and not is_plain(secret)
        if (found["header"] or is_shaped) and not is_placeholder(secret):
            yield Span(found.start("secret"), found.start("secret") + len(secret), "a login in a header")
    for found in _COOKIE.finditer(line):
        if not is_placeholder(found["secret"].partition("=")[2]):
            yield Span(found.start("secret"), found.start("secret") + len(found["secret"].rstrip()), "a cookie")
    for pattern, kind in _RULES:
        for found in pattern.finditer(line):
            secret = found["secret"].rstrip(".,;:!?*\\")
            if not is_placeholder(secret) and not (is_word(secret) if pattern is _HEADER else is_plain(secret)):
                yield Span(found.start("secret"), found.start("secret") + len(secret), kind)

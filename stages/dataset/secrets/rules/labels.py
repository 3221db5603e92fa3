"""Secrets that are told by what they are called: `password: …`, `API_KEY=…`, `the token is …`."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stages.dataset.secrets.placeholders import is_placeholder
from stages.dataset.secrets.plain import is_plain, is_seed, is_word
from stages.dataset.secrets.span import Span

_LABELS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_BEFORE = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
_SUFFIX = r"(?:[ _-]?(?:\d{1,3}|value|data|base64|b64|old|new|prod|dev)(?![A-Za-z0-9]))?"
_CLOSES = r"[\\\"'`*\])]{0,5}"
_FOR = r"(?: \([^()\n]{1,60}\)| (?:for|of|to|on|in) [^:=\n.]{1,60}?)?"
_SIGN = (
    r"(?P<sign>\s{0,8}(?::=|=>|->|→|={1,2}|：|:(?!//)(?!:))"
    r"|\s(?:is|was|will be|set|ist|est|es)(?: (?:set|now|currently|still))?(?: to)?(?:\s?:|\b(?=\s))"
    r"|\s[–—-]{1,2}(?=\s))"
)
_BARE = r"(?:(?![\"'`](?!\w)|</|[;&,][\w. -]{0,30}=|[;&|)]{1,2}(?:\s|$))\S)+"
_QUOTED = re.compile(r"(?P<mark>\\?[\"'`]|\*{1,3})(?P<value>[^\n]*?)(?P=mark)(?!\w)")
_VALUE = re.compile(r"[(\[]?" + _BARE)
_TRAILING = ".,;:!?)]}\"'`*|\\"
_FILE = re.compile(r"(?:\.{0,2}|~)/[\w.-]")
_TAKEN = re.compile(r"(?:https?|wss?)://|\d{1,3}%$")
_LOGIN = re.compile(
    r"(?:(?P<pair>\b(?:cred(?:ential)?s|log[ -]?ins?|user(?:name)?s?\s?[/&+:]\s?pass\w{0,8})[\"'`*]{0,3}\s?[:=]"
    r"|\bcredentials are)"
    r"|\blog(?:ged|s)?[ -]?(?:in|on) (?:with|as|using)|\bcredentials)"
    r"\s{0,3}[\"'`*]{0,3}(?P<user>[\w.@-]{2,60})[\"'`*]{0,3}\s?[/:]\s?[\"'`*]{0,3}"
    r"(?P<value>[^\s\"'`/:*]{3,200})",
    re.IGNORECASE,
)
_QUOTED_NAME = re.compile(
    r"(?<![A-Za-z])(?:token|secret|(?:api|access|secret|auth)[ _-]?key|(?:recovery|backup) code)s?"
    r" ?:?[\"'`*]{1,3}(?P<value>[^\s\"'`*]{8,300})",
    re.IGNORECASE,
)
MOST = 2000  # characters of one value
LONG = 200  # in one that is longer no other label is looked for


@dataclass(frozen=True)
class Label:
    """What a secret is called. is_password: a plain word may be the secret. is_variable: it is named in capitals."""

    kind: str
    is_password: bool
    is_variable: bool


def labelled(line: str) -> Iterator[Span]:
    """Yields the secrets in a line that stand behind what they are called."""
    yield from _said(line)
    behind = 0
    for found in _label().finditer(line):
        if found.start() < behind:
            continue
        is_command = line.startswith("`", found.end()) and found[0].endswith("=") and not found[0].endswith("`=")
        value = None if is_command else _value_at(line, found.end())
        if value is None:
            continue
        start, end, is_quoted = value
        behind = end if end - start > LONG else behind
        sign = found["sign"].strip()
        tight = "=" in sign and found["sign"] == sign
        label = label_of(found["name"], line[: found.start()])
        alone = not line[end:].strip(_TRAILING + " \t->") and not is_in_prose(line[: found.start()])
        if is_secret(line[start:end], label, is_set=tight, is_quoted=is_quoted, is_alone=alone and not sign.isalpha()):
            yield Span(start, end, label.kind)


def _said(line: str) -> Iterator[Span]:
    """Yields the passwords that a sentence says without a sign between: `with password …`, `credentials: user / …`."""
    for found in _spoken().finditer(line):
        value = found["value"].rstrip(_TRAILING)
        if not is_placeholder(value) and not is_plain(value):
            yield Span(found.start("value"), found.start("value") + len(value), "a password")
    for found in _QUOTED_NAME.finditer(line):
        value = found["value"]
        if len(re.findall(r"\d", value)) > 1 and not is_placeholder(value) and not is_plain(value):
            yield Span(found.start("value"), found.start("value") + len(value), "a token")
    for found in _LOGIN.finditer(line):
        value = found["value"].rstrip(_TRAILING)
        is_alone = bool(found["pair"]) and not line[found.end() :].strip()
        if not is_placeholder(value) and (not is_plain(value) or (is_alone and is_word(value) and len(value) > 2)):
            yield Span(found.start("value"), found.start("value") + len(value), "a password")


def label_of(name: str, before: str = "") -> Label:
    """Returns what a name such as `DB_PASSWORD`, with what stands before it, tells of the value behind it."""
    is_password = bool(_password().search(name))
    whole = re.search(r"[\w.-]*$", before[-60:])
    variable = (whole[0] if whole else "") + name
    lower = name.lower()
    kind = "a password" if is_password else "a key" if "key" in lower else "a cookie" if "cookie" in lower else ""
    kind = kind or ("a token" if "token" in lower else "a secret")
    is_name = lower.endswith("secret") or "credential" in lower
    return Label(kind, is_password, bool(re.fullmatch(r"[A-Z][A-Z0-9_]*", variable)) and not is_name)


def named(text: str) -> Label | None:
    """Returns the label where a text as a whole, such as a cell of a table, is the name of a secret."""
    found = _name().fullmatch(text.strip(" \t*`\"':")[:100])
    return label_of(found["name"]) if found else None


def is_secret(value: str, label: Label, is_set: bool, is_quoted: bool, is_alone: bool) -> bool:
    """Returns whether the value behind a label is a secret.

    is_set: it is assigned by a `=` without blanks. is_alone: nothing else stands on the line.
    """
    if is_placeholder(value) or _TAKEN.match(value):
        return False
    if is_seed(value):
        return True
    if not label.is_password:
        return (is_set and label.is_variable and not _FILE.match(value) and not value.isdigit()) or (
            len(value) >= 6 and " " not in value and not is_plain(value)
        )
    if is_set:
        return not _FILE.match(value)
    if is_word(value):
        return " " not in value and (is_quoted or is_alone)
    is_number = bool(re.fullmatch(r"\d+\w?", value))
    return len(value) >= 4 and (is_alone or is_quoted) if is_number else len(value) >= 4


def is_in_prose(before: str) -> bool:
    """Returns whether what stands before a label is a sentence, and no mark of a list, name or heading."""
    return len(re.findall(r"[A-Za-z]+", before[-60:])) > 3 or bool(re.search(r"[A-Za-z],\s*$", before[-60:]))


def _value_at(line: str, start: int) -> tuple[int, int, bool] | None:
    """Returns from where to where the value goes that begins at start, and whether it is quoted."""
    while start < len(line) and line[start] in " \t":
        start += 1
    quoted = _QUOTED.match(line, start, start + MOST)
    if quoted and quoted["value"].strip():
        return *quoted.span("value"), True
    bare = _VALUE.match(line, start, start + MOST)
    if not bare:
        return None
    skipped = len(bare[0]) - len(bare[0].lstrip("\\\"'`*("))
    value = bare[0][skipped:].rstrip(_TRAILING)
    return (start + skipped, start + skipped + len(value), False) if value else None


def _alternatives(words: list[str], key: bool = False) -> str:
    joined = "|".join(word.replace(" ", "[ _-]?") for word in sorted(words, key=len, reverse=True))
    return f"(?:{joined})[ _-]?key" if key else f"(?:{joined})"


@cache
def _names() -> str:
    passwords, shorts = _alternatives(_LABELS["password"]), _alternatives(_LABELS["password_short"])
    secrets, others = _alternatives(_LABELS["secret"]), _alternatives(_LABELS["secret_short"])
    keys = _alternatives(_LABELS["keys"], key=True)
    return rf"(?i:{keys}|{passwords}|{secrets})|{_BEFORE}(?i:{shorts}|{others})"


@cache
def _label() -> re.Pattern[str]:
    return re.compile(rf"(?P<name>{_names()}){_SUFFIX}{_CLOSES}{_FOR}{_CLOSES}{_SIGN}")


@cache
def _spoken() -> re.Pattern[str]:
    passwords = _alternatives(_LABELS["password"])
    return re.compile(
        rf"(?<![\w-])(?i:{passwords}) [\"'`*]{{0,3}}(?P<value>"
        r"(?=[^\s\"'`]*\d)(?=[^\s\"'`]*[A-Za-z])[\w!#%^+@?&$~.*]{6,100})(?![\w=:(/-])"
    )


@cache
def _name() -> re.Pattern[str]:
    return re.compile(rf"(?:[\w. /-]{{0,40}}?[\W_])?(?P<name>{_names()})s?{_SUFFIX}")


@cache
def _password() -> re.Pattern[str]:
    words = [*_LABELS["password"], *_LABELS["password_short"]]
    return re.compile(_alternatives(words), re.IGNORECASE)

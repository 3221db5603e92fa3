"""Secrets that a command line gives to a program: `sshpass -p …`, `curl -u user:…`, `--token …`."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from stages.dataset.secrets.placeholders import is_placeholder
from stages.dataset.secrets.plain import is_plain
from stages.dataset.secrets.rules.labels import named
from stages.dataset.secrets.span import Span

_TOKEN = re.compile(
    r"(?P<end>[;&|`\n]+|\$\(|\))|(?P<word>(?:\$?\"(?:[^\"\\]|\\[\s\S])*\"|'[^']*'|\\[^\n]|[^\s;&|`\"'\\)]|[\"'])+)"
)
_SPACE, _QUOTE = re.compile(r"\s"), re.compile(r"[\"']")
_PIPED = re.compile(
    r"\b(?:echo|printf)\s+(?:-[neE]+\s+)?(?P<quote>[\"']?)(?P<secret>[^\s\"'|`]{1,300})(?P=quote)\s*\|\s*(?:sudo\s+)?"
    r"(?:[^|\n]{0,200}?(?:--password-stdin|--stdin\b|-S\b|chpasswd|login\b|cryptsetup|kinit|passwd\b|gpg\b|create\s+secret\b|vault\s))"
)
_HERE = re.compile(
    r"(?:\s-S\b|stdin\b|-fd[ =]0|chpasswd|login\b)[^|\n]{0,100}?<<<\s*"
    r"(?P<quote>[\"']?)(?P<secret>[^\s\"'`]{1,300})(?P=quote)"
)
_SQL = re.compile(
    r"(?:\bidentified\s+(?:with\s+\S{1,60}\s+)?(?:by|as)(?:\s+password)?"
    r"|\b(?:with|encrypted|set|login)\s+password(?:\s+for\s+\S{1,80})?(?:\s*=)?|\bauth)"
    r"(?:\s*\(|\s)\s*\\?(?P<quote>['\"])(?P<secret>[^'\"\n\\]{1,300})",
    re.IGNORECASE,
)
_DIRECTIVE = re.compile(
    r"(?:^|\s)(?:requirepass|masterauth|login\s+\S{1,100}\s+password|machine\s+\S{1,100}.{1,100}\spassword)"
    r"\s+(?P<secret>[^\s`]{1,300})"
)
_DSN = re.compile(r"(?:^|[\s\"'`=])[\w.-]{1,60}:(?P<secret>[^\s@/\"'`]{1,100})@(?:tcp|unix)\(")
_PGPASS = re.compile(r"^[\w.*-]{1,100}:(?:\d{2,5}|\*):[\w*-]{1,60}:[\w*-]{1,60}:(?P<secret>\S{1,300})$", re.MULTILINE)
_SETTING = re.compile(r"\b(?:set|setx|put|add)\s+(?P<name>[\w.:-]{1,80})\s+(?P<secret>[^\s`]{6,300})", re.IGNORECASE)
_SENT = re.compile(r"assword[^\n]{0,80}?\bsend\s+(?:--\s+)?\\?[\"'](?P<secret>[^\s\"'\\]{2,200})")
_JOINED_FLAGS = re.compile(r"-[a-zA-Z]{1,6}u")
_LOGIN = re.compile(r"[\"']?\w{1,60}/(?P<secret>[^\s@\"'/]{1,100})(?=@|[\"']?$)")
_SOURCE = re.compile(r"[\"']?(?P<how>pass|file|env|fd|stdin)\b:?")
_USER = re.compile(r"=?[\"']?(?!https?:|//)[^:%,\"'<${\s]{1,100}[:%,]|=?[\"']?:")
_MARKS = "\\\"'"
_KIND = "a password in a command"
DEPTH = 3  # of commands in the quotes of others
MOST_WORDS = 100  # of one command


class Word(NamedTuple):
    """A word of a command line with its quotes, and where it begins."""

    text: str
    start: int


class Program(NamedTuple):
    """Where a program takes a secret, as commands.toml says it."""

    flags: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    behind: tuple[dict[str, Any], ...] = ()
    values_behind: tuple[list[str], ...] = ()
    literals_behind: tuple[str, ...] = ()
    only_behind: str = ""
    logins: bool = False


def in_commands(line: str) -> Iterator[Span]:
    """Yields the secrets that the commands of a logical line give to programs."""
    for pattern in (_PIPED, _HERE, _SENT, _SQL, _DIRECTIVE, _DSN, _PGPASS):
        for found in pattern.finditer(line):
            secret, start = found["secret"], found.start("secret")
            if pattern is _PIPED and "chpasswd" in found[0]:
                start += secret.find(":") + 1
            yield from _span(line, start, found.end("secret"))
    for setting in _SETTING.finditer(line):
        if named(setting["name"]) and not is_plain(setting["secret"]):
            yield from _span(line, *setting.span("secret"))
    yield from _in_words(line, 0, len(line), DEPTH)


def _in_words(line: str, start: int, end: int, depth: int) -> Iterator[Span]:
    words: list[Word] = []
    for token in _TOKEN.finditer(line, start, end):
        if token["end"]:
            yield from _of_command(line, words)
            words = []
            continue
        words.append(Word(token["word"], token.start()))
        if depth and _SPACE.search(token["word"]):
            for opening in _QUOTE.finditer(token["word"]):
                yield from _in_words(line, token.start() + opening.end(), token.end(), depth - 1)
                break
    yield from _of_command(line, words)


def _of_command(line: str, words: Sequence[Word]) -> Iterator[Span]:
    names = [word.text.strip(_MARKS + "([{*").rpartition("/")[2] for word in words]
    found = _given_by(line, words, names)
    sentence = next(
        (word.start for word, name in zip(words, names, strict=True) if name.lower() in _words("sentence")), None
    )
    is_prose = bool(words) and bool(re.match(r"[A-Z][a-z]+\b", words[0].text))
    for span in found:
        in_sentence = is_prose or (sentence is not None and sentence < span.start)
        if not (in_sentence and is_plain(line[span.start : span.end])):
            yield span


def _given_by(line: str, words: Sequence[Word], names: Sequence[str]) -> Iterator[Span]:
    for place, name in enumerate(names):
        for program in _programs().get(name, ()):
            most = min(place + MOST_WORDS, len(names))
            again = next((other for other in range(place + 1, most) if names[other] == name), most)
            yield from _given(line, words[place + 1 : again], program)
    yield from _long_flags(line, words, not _words("next_is_other").isdisjoint(names))


def _given(line: str, words: Sequence[Word], program: Program) -> Iterator[Span]:
    texts = [word.text.strip(_MARKS) for word in words]
    if program.only_behind and program.only_behind not in texts:
        return
    for place, word in enumerate(words):
        yield from _next(line, words, place, program.flags)
        yield from _pair(line, words, place, program.pairs)
        yield from _attached(line, word, program.attached)
        if program.literals_behind and _stand_before(program.literals_behind, texts, place):
            yield from _literal(line, words, place)
        if program.logins and (login := _LOGIN.match(word.text)):
            yield from _span(line, word.start + login.start("secret"), word.start + login.end("secret"))
    for rule in program.behind:
        yield from _positional(line, words, texts, rule["words"], rule["place"])
    for wanted in program.values_behind:
        if _stand_before(wanted, texts, len(texts)):
            for word in words:
                yield from _value_of(line, word, word.text.find("="))


def _next(line: str, words: Sequence[Word], place: int, flags: Sequence[str]) -> Iterator[Span]:
    """Yields the value of a flag, which is the next word, or behind `=`."""
    flag, equals, rest = words[place].text.partition("=")
    if flag not in flags:
        return
    if not equals and (place + 1 == len(words) or words[place + 1].text.startswith("-")):
        return
    target, offset = (words[place], len(flag) + 1) if equals else (words[place + 1], 0)
    text = rest if equals else target.text
    how = _SOURCE.match(text) if flag.startswith("-pass") else None
    if (how and how["how"] != "pass") or (flag in ("-b", "--cookie") and "=" not in text):
        return  # a file or a variable
    yield from _span(line, target.start + offset + (how.end() if how else 0), target.start + len(target.text))


def _pair(line: str, words: Sequence[Word], place: int, flags: Sequence[str]) -> Iterator[Span]:
    """Yields the password of `user:password` behind a flag."""
    text = words[place].text
    flag = next(
        (
            flag
            for flag in flags
            if text == flag or text.startswith((f"{flag}=", flag if len(flag) == 2 else f"{flag}="))
        ),
        None,
    )
    if flag is None and "-u" in flags and _JOINED_FLAGS.fullmatch(text):
        flag = text
    if flag is None:
        return
    if text == flag:
        if place + 1 == len(words):
            return
        target, offset = words[place + 1], 0
    else:
        target, offset = words[place], len(flag)
    user = _USER.match(target.text, offset)
    if user and not target.text.startswith("-", offset):
        yield from _span(line, target.start + user.end(), target.start + len(target.text))


def _attached(line: str, word: Word, flags: Sequence[str]) -> Iterator[Span]:
    for flag in flags:
        if word.text.startswith(flag) and len(word.text) > len(flag):
            yield from _span(line, word.start + len(flag), word.start + len(word.text))
            return


def _literal(line: str, words: Sequence[Word], place: int) -> Iterator[Span]:
    word = words[place]
    if word.text.startswith("--from-literal"):
        is_next = word.text == "--from-literal" and place + 1 < len(words)
        target = words[place + 1] if is_next else word
        shift = 0 if is_next else len("--from-literal=")
        yield from _value_of(line, target, target.text.find("=", shift))


def _value_of(line: str, word: Word, equals: int) -> Iterator[Span]:
    if (equals > 0 and not word.text.startswith("-")) or (word.text.startswith("--from-literal") and equals > 0):
        yield from _span(line, word.start + equals + 1, word.start + len(word.text))


def _stand_before(wanted: Sequence[str], texts: Sequence[str], place: int) -> bool:
    positions = [text for text in texts[:place] if not text.startswith("-")]
    return any(positions[start : start + len(wanted)] == list(wanted) for start in range(min(len(positions), 8)))


def _positional(
    line: str, words: Sequence[Word], texts: Sequence[str], wanted: list[str], place: int
) -> Iterator[Span]:
    size = len(wanted)
    for start in range(min(len(texts), 12)):
        if [text.lower() for text in texts[start : start + size]] != [text.lower() for text in wanted]:
            continue
        rest = [word for word in words[start + size :] if not word.text.startswith("-")]
        if rest and -len(rest) <= place < len(rest) and not re.search(r"\w=", rest[place].text):
            yield from _span(line, rest[place].start, rest[place].start + len(rest[place].text))
        return


def _long_flags(line: str, words: Sequence[Word], next_is_other: bool) -> Iterator[Span]:
    for place, word in enumerate(words):
        flag = _long_flag().match(word.text)
        if not flag:
            continue
        if flag["value"] is not None:
            start, end = word.start + flag.start("value"), word.start + len(word.text)
        elif next_is_other or place + 1 >= len(words) or words[place + 1].text.startswith("-"):
            continue
        else:
            start, end = words[place + 1].start, words[place + 1].start + len(words[place + 1].text)
        if flag["any"] or not is_plain(line[start:end].strip(_MARKS)):
            yield from _span(line, start, end)


def _span(line: str, start: int, end: int) -> Iterator[Span]:
    """Yields a secret without the quotes around it, unless it stands for one."""
    text = line[start:end]
    start += len(text) - len(text.lstrip(_MARKS))
    value = text.strip(_MARKS).rstrip(",)]}>.:*" if not text.rstrip().endswith(("'", '"')) else "")
    if len(value) > 1 and not is_placeholder(value):
        yield Span(start, start + len(value), _KIND)


@cache
def _known() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


@cache
def _programs() -> dict[str, list[Program]]:
    found: dict[str, list[Program]] = {}
    for entry in _known()["program"]:
        settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in entry.items() if key != "names"
        }
        for name in entry["names"]:
            found.setdefault(name, []).append(Program(**settings))
    return found


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_known()["any"][name])


@cache
def _long_flag() -> re.Pattern[str]:
    known = _known()["any"]
    always, by_shape = ("|".join(known[key]) for key in ("flags", "names"))
    return re.compile(rf"--?(?:[\w.-]{{0,60}}?[-_.])?(?:(?P<any>{always})|(?:{by_shape}))(?:=(?P<value>[\s\S]+))?$")

"""A command as simple commands: their words, where their output goes, and what joins them.

It reads lists and pipelines alone; loops, conditions, functions, subshells and here-documents are no list.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_TEXT = 16_384  # characters; nobody pastes a longer list
_TOKEN = re.compile(
    r"""(?P<blank>[ \t]+|\\\n[ \t]*)
    |(?P<operator>&&|\|\||\|&|;;|&(?!>)|[;|\n])
    |(?P<placeholder><[A-Za-z][\w.\ -]*>|\{\{[^{}]*\}\})
    |(?P<redirect>(?:\d{0,2}|&)>{1,2}(?:&(?:\d+|-))?\|?|\d{0,2}<(?![<(]))
    |(?P<substitution>\$\((?:[^()'"]|'[^']*'|"(?:[^"\\]|\\.)*"|\((?:[^()'"]|'[^']*'|"(?:[^"\\]|\\.)*")*\))*\)|`[^`]*`)
    |(?P<chunk>'[^']*'|"(?:[^"\\]|\\.)*"|\\.|\$\{[^{}]*\}|[^\s;&|<>()'"\\`{$]+|[{$])
    """,
    re.VERBOSE | re.DOTALL,
)
_BINDING = {"&&", "||", "|", "|&"}  # operators that something must stand behind
_COMMENT = re.compile(r"#[^\n]*")
_SUBSTITUTION = re.compile(r"\$\((?P<round>(?:[^()]|\([^()]*\))*)\)|`(?P<back>[^`]*)`")
_SINGLE = re.compile(r"'[^']*'")
_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass
class Part:
    """A simple command. joined: the operator before it. redirects: operators with their targets."""

    joined: str = ""
    words: list[str] = field(default_factory=list)
    redirects: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its words, without its redirections."""
        return " ".join(self.words)


def parts_of(text: str) -> list[Part] | None:
    """Returns the simple commands of a list or pipeline; None for anything else, and for more than MAX_TEXT."""
    return None if len(text) > MAX_TEXT else _Splitter().split(text)


class _Splitter:
    """Walks a text once. word: the one that is being read; target: the redirection that waits for its word."""

    def __init__(self) -> None:
        self.parts = [Part()]
        self.word = self.target = ""

    def split(self, text: str) -> list[Part] | None:
        place = 0
        while place < len(text):
            if not self.word and (comment := _COMMENT.match(text, place)):
                place = comment.end()
                continue
            found = _TOKEN.match(text, place)
            if found is None or not self._take(found.lastgroup or "", found.group()):
                return None
            place = found.end()
        self._end_word()
        parts = [part for part in self.parts if part.words or part.redirects or part.joined in _BINDING]
        return parts if not self.target and all(part.words or part.redirects for part in parts) else None

    def _take(self, kind: str, token: str) -> bool:
        """Goes on by a token; returns whether the text may still be a list of simple commands."""
        if kind in ("chunk", "substitution", "placeholder"):
            self.word += token
            return True
        if kind == "redirect" and self.word:
            return False  # `a->b` and `<1-n>` are no redirections that anybody means
        self._end_word()
        if kind == "redirect":
            return self._redirect(token)
        return kind != "operator" or self._operator(token)

    def _redirect(self, token: str) -> bool:
        if token[-1].isdigit() or token.endswith("&-"):
            self.parts[-1].redirects.append((token, ""))
            return True
        is_first = not self.target
        self.target = self.target or token
        return is_first

    def _operator(self, token: str) -> bool:
        last = self.parts[-1]
        is_empty = not last.words and not last.redirects
        if self.target or (is_empty and token in _BINDING):
            return False
        if not (is_empty and last.joined in _BINDING):  # a new line behind `&&` ends nothing
            self.parts.append(Part(token))
        return True

    def _end_word(self) -> None:
        if self.target and self.word:
            self.parts[-1].redirects.append((self.target, self.word))
            self.target = ""
        elif self.word:
            self.parts[-1].words.append(self.word)
        self.word = ""


def substituted(text: str) -> Iterator[str]:
    """Yields the commands whose output a text puts in its place: `$(…)` and backquotes, not in single quotes."""
    for found in _SUBSTITUTION.finditer(_SINGLE.sub("''", text)):
        yield found["round"] if found["round"] is not None else found["back"]


def unquoted(word: str) -> str:
    """Returns a word without the quotes that stand around the whole of it."""
    is_quoted = _SINGLE.fullmatch(word) or _DOUBLE.fullmatch(word)
    return word[1:-1] if is_quoted else word

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
    parts, word, target, place = [Part()], "", "", 0
    if len(text) > MAX_TEXT:
        return None

    def end_word() -> None:
        nonlocal word, target
        if target and word:
            parts[-1].redirects.append((target, word))
            target = ""
        elif word:
            parts[-1].words.append(word)
        word = ""

    while place < len(text):
        if not word and (comment := _COMMENT.match(text, place)):
            place = comment.end()
            continue
        found = _TOKEN.match(text, place)
        if found is None:
            return None
        place = found.end()
        kind, token = found.lastgroup, found.group()
        if kind in ("chunk", "substitution", "placeholder"):
            word += token
            continue
        if kind == "redirect" and word:
            return None  # `a->b` and `<1-n>` are no redirections that anybody means
        end_word()
        if kind == "redirect":
            if token[-1].isdigit() or token.endswith("&-"):
                parts[-1].redirects.append((token, ""))
            elif target:
                return None
            else:
                target = token
        elif kind == "operator":
            is_empty = not parts[-1].words and not parts[-1].redirects
            if target or (is_empty and token in _BINDING):
                return None
            if not (is_empty and parts[-1].joined in _BINDING):  # a new line behind `&&` ends nothing
                parts.append(Part(token))
    end_word()
    parts = [part for part in parts if part.words or part.redirects or part.joined in _BINDING]
    return parts if not target and all(part.words or part.redirects for part in parts) else None


def substituted(text: str) -> Iterator[str]:
    """Yields the commands whose output a text puts in its place: `$(…)` and backquotes, not in single quotes."""
    for found in _SUBSTITUTION.finditer(_SINGLE.sub("''", text)):
        yield found["round"] if found["round"] is not None else found["back"]


def unquoted(word: str) -> str:
    """Returns a word without the quotes that stand around the whole of it."""
    is_quoted = _SINGLE.fullmatch(word) or _DOUBLE.fullmatch(word)
    return word[1:-1] if is_quoted else word

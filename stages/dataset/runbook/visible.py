"""What a reader sees of a paragraph."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import TypeVar

from markdown_it.token import Token

from stages.dataset.runbook.places.comments import is_for_editors
from stages.dataset.runbook.sections.kinds import plain_label
from stages.dataset.runbook.wording.lexicon import MARK

HTML_TAGS = {
    *("a", "abbr", "b", "br", "code", "del", "details", "div", "em", "font", "h1", "h2", "h3", "hr", "i", "img", "ins"),
    *("kbd", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "summary", "sup", "table", "td", "tr", "u"),
    "ul",
}
_PLACEHOLDER = re.compile(r"<([A-Za-z][\w. -]*)>")
_STRUCK = re.compile(r"<(?P<end>/?)(?:s|del|strike)>", re.IGNORECASE)
_LABEL = re.compile(r"[A-Z][\w' ]{0,24}:(?:\s|$)")
_MAX_LABEL = 80
_Told = TypeVar("_Told")
_SHOWN = {"text": None, "code_inline": None, "softbreak": " ", "hardbreak": " ", "html_inline": None}


def _kept(tell: Callable[[Token], _Told]) -> Callable[[Token], _Told]:
    """Returns what keeps with a token what is told of it, since each is asked for many times."""

    @wraps(tell)
    def kept(token: Token) -> _Told:
        if tell.__name__ not in token.meta:
            token.meta[tell.__name__] = tell(token)
        found: _Told = token.meta[tell.__name__]
        return found

    return kept


@_kept
def visible(token: Token) -> str:
    """Returns the text that a reader sees, code included, and `<pod>`, which Markdown takes for HTML; no images."""
    return "".join(shown(child) for child in token.children or []).strip()


def unstruck(token: Token) -> str:
    """Returns the text that a reader sees, code included, but for what is struck through."""
    children = token.children or []
    parts = zip(children, struck(children), strict=True)
    return "".join("" if is_struck else shown(child) for child, is_struck in parts).strip()


@_kept
def masked(token: Token) -> str:
    """Returns the text that a reader sees, with MARK for each inline code; comments, but nothing struck through."""
    return "".join(told(token.children or [])).strip()


def told(children: Sequence[Token]) -> Iterator[str]:
    """Yields for each part of a paragraph what it tells: MARK for code, the text of a comment, '' where struck."""
    for place, (child, is_struck) in enumerate(zip(children, struck(children), strict=True)):
        if child.type in ("softbreak", "hardbreak"):
            behind = "".join(part.content for part in children[place + 1 : place + 3])
            yield "\n" if _LABEL.match(behind) or _is_sign(behind.lstrip()[:1]) else " "
        elif child.type == "code_inline":
            yield MARK
        elif child.type == "html_inline" and child.content.startswith("<!--"):
            text = child.content[4:].removesuffix("-->").strip()
            yield "" if is_for_editors(text) else f"({text})"
        else:
            yield "" if is_struck else shown(child)


def _is_sign(text: str) -> bool:
    return bool(text) and unicodedata.category(text) == "So"


def struck(children: Sequence[Token]) -> Iterator[bool]:
    """Yields for each part of a paragraph whether it is struck through."""
    depth = 0
    for child in children:
        if child.type in ("s_open", "s_close"):
            depth += child.nesting
        elif child.type == "html_inline" and (tag := _STRUCK.fullmatch(child.content)):
            depth += -1 if tag["end"] else 1
        yield depth > 0


def shown(child: Token) -> str:
    """Returns the text of one part of a paragraph."""
    if child.type not in _SHOWN or _is_html(child):
        return ""
    return _SHOWN[child.type] or child.content


def _is_html(token: Token) -> bool:
    if token.type != "html_inline":
        return False
    name = _PLACEHOLDER.fullmatch(token.content)
    return name is None or name[1].split()[0].lower() in HTML_TAGS


@_kept
def bold_label(token: Token) -> tuple[str, str]:
    """Returns the bold or italic text with which a paragraph begins ('' if it begins otherwise) and what follows it.

    The label ends the paragraph, or a colon in or behind it sets it apart. A short line in plain text that ends
    with a colon is a label, too, and so is the name of a section that a colon sets apart.
    """
    children = [
        child for child in token.children or [] if child.content.strip() or child.type.endswith(("_open", "_close"))
    ]
    while children and children[0].type == "text" and not re.search(r"\w", children[0].content):
        children = children[1:]
    if not children or children[0].type not in ("strong_open", "em_open"):
        text = visible(token)
        if children and children[0].type == "text" and (label := plain_label(children[0].content)):
            return label + ":", text[text.index(label) + len(label) :].lstrip(" :：").strip()
        return (text, "") if text.endswith(":") and len(text.split()) <= 3 and "\n" not in text else ("", text)
    end = next((index for index, child in enumerate(children) if child.type == children[0].type[:-4] + "close"), 0)
    label = "".join(shown(child) for child in children[1:end]).strip()
    rest = "".join(shown(child) for child in children[end + 1 :]).strip()
    is_label = not rest or label.endswith(":") or rest.startswith((":", "-", "–", "—"))
    return (label, rest.lstrip(":-–— ").strip()) if is_label and len(label) <= _MAX_LABEL else ("", visible(token))

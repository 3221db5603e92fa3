"""A text as a reader sees it, with the way back to the places of the text itself.

A token cut by emphasis, by HTML, by characters that take no room, or by the end of a line is one token to
whoever copies it from the page.
"""

import html
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_ENTITY = r"&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
_FOREIGN = r"[^\x00-\x7f]"
_TAGS = "a|abbr|b|big|br|code|del|em|font|i|ins|kbd|mark|nobr|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|wbr"
_MARKUP = rf"\*+|(?<!=)`+|~~|\\(?=[!-/:-@\[-`{{-~])|</?(?:{_TAGS})\b[^<>\n]{{0,200}}>|(?:%[0-9A-Fa-f]{{2}})+"
_LINE_END = r"\\?[ \t]*\n[ \t>#|]*"
_DECODED = re.compile(f"{_ENTITY}|{_FOREIGN}")
_STRIPPED = re.compile(f"{_ENTITY}|{_FOREIGN}|{_MARKUP}", re.IGNORECASE)
_JOINED = re.compile(f"{_ENTITY}|{_FOREIGN}|{_MARKUP}|{_LINE_END}", re.IGNORECASE)
_QUOTES = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"}
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")


@dataclass(frozen=True)
class View:
    """A text made of another; starts: where its pieces begin; places: where they begin there, and how wide each is."""

    text: str
    starts: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Returns from where to where the characters from start to end stand in the text that this is a view of."""
        return self._of(start)[0], self._of(end - 1)[1]

    def _of(self, position: int) -> tuple[int, int]:
        piece = bisect_right(self.starts, position) - 1
        begins, width = self.places[piece]
        if width:
            return begins, begins + width
        begins += position - self.starts[piece]
        return begins, begins + 1


def decoded(text: str) -> View:
    """Returns the text with its entities and wide letters as plain characters, and without what is not seen."""
    is_plain = text.isascii() and "&" not in text
    return View(text, (0,), ((0, 0),)) if is_plain else _view(text, _DECODED)


def stripped(text: str) -> View:
    """Returns the text decoded, without emphasis, backticks, escapes and inline tags, and with `%41` as `A`."""
    return _view(text, _STRIPPED)


def joined(text: str) -> View:
    """Returns the text stripped, in one line."""
    return _view(text, _JOINED)


def _view(text: str, pattern: re.Pattern[str]) -> View:
    parts: list[str] = []
    starts, places = [0], [(0, 0)]
    end = length = 0
    for found in pattern.finditer(text):
        shown = _shown(found[0])
        if shown == found[0]:
            continue
        parts += [text[end : found.start()], shown]
        length += found.start() - end
        if shown:
            starts.append(length)
            places.append((found.start(), found.end() - found.start()))
        length += len(shown)
        end = found.end()
        starts.append(length)
        places.append((end, 0))
    return View("".join([*parts, text[end:]]), tuple(starts), tuple(places))


def _shown(found: str) -> str:
    """Returns what a reader sees of a piece of markup."""
    if found[0] == "&":
        return html.unescape(found).replace("\n", " ")
    if found[0] == "%":
        return unquote_to_bytes(found).decode("utf-8", "replace").replace("\n", " ")
    if found[0] > "\x7f":
        return _letter(found)
    return ""


def _letter(character: str) -> str:
    if unicodedata.category(character) == "Cf" or _UNSEEN.match(character):
        return ""
    plain = _QUOTES.get(character) or unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and plain.isascii() else character

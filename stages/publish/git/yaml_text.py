"""A text in a YAML file that is YAML itself, such as a patch in a kustomization: its characters, and where they stand.

Indentation, folding and line ends differ between the text and the file; the characters that are no white space are
the same, one by one, but for the escapes of quoted scalars. By them every place of the text is found in the file.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.tokens import ScalarToken

from stages.publish.git.yaml_search import YamlFile

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "v": "\v", "f": "\f"}
_HEXADECIMAL = {"x": 2, "u": 4, "U": 8}
_OF_DOUBLE_QUOTES = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)|.", re.DOTALL)
_OF_SINGLE_QUOTES = re.compile(r"''|.", re.DOTALL)


@dataclass(frozen=True)
class Edit:
    """Other characters for those of a text from `start` to before `end`."""

    start: int
    end: int
    characters: str

    def applied(self, text: str) -> str:
        """Returns the text with them."""
        return text[: self.start] + self.characters + text[self.end :]


@dataclass(frozen=True)
class TextInFile:
    """The text of a scalar of a file, and where each of its characters but white space begins and ends there."""

    file: YamlFile
    scalar: ScalarNode
    text: YamlFile
    places: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, file: YamlFile, scalar: ScalarNode, place: str) -> "TextInFile":
        """Returns the text of a scalar at the path `place`. Raises StageError where its characters are not found."""
        value = str(scalar.value)
        numbers = [number for number, character in enumerate(value) if not character.isspace()]
        found = list(_characters(file.text, scalar))[: len(numbers)]
        if [value[number] for number in numbers] != [character for character, _, _ in found]:
            raise file.problem(scalar, f"the text at {place} has odd characters; write it as a block of text (|)")
        places = dict(zip(numbers, [(start, end) for _, start, end in found], strict=True))
        return cls(file, scalar, YamlFile(value, file.name, tuple(_lines(file, scalar, places)), place), places)

    def in_file(self, edit: Edit) -> Edit:
        """Returns the edit of the file that edits the text. It begins and ends at no white space."""
        characters = edit.characters
        if self.scalar.style == "'":
            characters = characters.replace("'", "''")
        elif self.scalar.style == '"':
            characters = characters.replace("\\", "\\\\").replace('"', '\\"')
        return Edit(self.places[edit.start][0], self.places[edit.end - 1][1], characters)


def place_of(text: str, scalar: ScalarNode) -> tuple[int, int]:
    """Returns where the scalar's characters begin and end, without the anchor and the tag before them."""
    tokens = YAML(typ="base", pure=True).scan(text)
    token = next(t for t in tokens if isinstance(t, ScalarToken) and t.end_mark.index == scalar.end_mark.index)
    return token.start_mark.index, token.end_mark.index


def _characters(text: str, scalar: ScalarNode) -> Iterator[tuple[str, int, int]]:
    """Yields each character of a scalar that is no white space, with its place in the file's text."""
    if scalar.start_mark.index == scalar.end_mark.index:
        return
    start, end = place_of(text, scalar)
    pattern = {'"': _OF_DOUBLE_QUOTES, "'": _OF_SINGLE_QUOTES}.get(scalar.style or "", re.compile("."))
    if scalar.style in ("|", ">"):
        header = _LINE_BREAK.search(text, start, end)
        start = header.end() if header else end
    elif scalar.style:
        start, end = start + 1, end - 1
    for found in pattern.finditer(text, start, end):
        character = _read(found[0], scalar.style)
        if not character.isspace():
            yield character, found.start(), found.end()


def _read(written: str, style: str | None) -> str:
    if style == "'":
        return written[0]
    if style != '"' or not written.startswith("\\"):
        return written
    kind = written[1]
    if kind in _HEXADECIMAL:
        return chr(int(written[2:], 16))
    return _ESCAPED.get(kind, " ")  # what is left stands for white space, or for the end of a line


def _lines(file: YamlFile, scalar: ScalarNode, places: dict[int, tuple[int, int]]) -> Iterator[int]:
    """Yields the line in the file of each line of the text; of an empty one, that of the line before."""
    value, number, line = str(scalar.value), 0, scalar.start_mark.line
    breaks = [found.end() for found in _LINE_BREAK.finditer(file.text)]
    for end in [*(found.end() for found in _LINE_BREAK.finditer(value)), len(value)]:
        first = next((n for n in range(number, end) if n in places), None)
        if first is not None:
            line = bisect_right(breaks, places[first][0])
        yield file.line(line)
        number = end

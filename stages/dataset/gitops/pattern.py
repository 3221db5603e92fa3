"""A pattern of paths: `*`, `?` and `[…]` stay within a name, `**` spans folders. As Git's `:(glob)` reads it.

https://git-scm.com/docs/gitglossary#Documentation/gitglossary.txt-glob
"""

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import cached_property

_WILD = re.compile(r"[*?\[]")


class Pattern:
    """A pattern, from the repository's root; fixed: the folder that all its paths are below, '' for the root."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = text.split("/")
        named = next(index for index, part in enumerate([*self.parts[:-1], "*"]) if _WILD.search(part))
        self.fixed = "/".join(self.parts[:named])

    @property
    def pathspec(self) -> str:
        """The pattern for git."""
        return f":(glob){self.text}"

    def matches(self, path: str) -> bool:
        """Returns whether a path is one of the pattern's."""
        ends = {0}
        for name in path.split("/"):
            ends = {end for start in self._at(ends) for end in self._after(start, name)}
        return len(self.parts) in self._at(ends)

    @cached_property
    def _names(self) -> Sequence[re.Pattern[str] | None]:
        return [None if part == "**" else re.compile(translate(part.replace("[^", "[!"))) for part in self.parts]

    def _at(self, ends: set[int]) -> set[int]:
        """Returns the parts that may come next: `**` may stand for no folder, but at the end for at least one name."""
        found: set[int] = set()
        for end in ends:
            found.add(end)
            while end < len(self.parts) - 1 and self._names[end] is None:
                end += 1
                found.add(end)
        return found

    def _after(self, start: int, name: str) -> set[int]:
        if start == len(self.parts):
            return set()
        part = self._names[start]
        if part is None:
            return {start, start + 1} if start == len(self.parts) - 1 else {start}
        return {start + 1} if part.match(name) else set()


def is_pattern(text: str) -> bool:
    """Returns whether a text has a character that stands for others."""
    return bool(_WILD.search(text))


def literal(path: str) -> str:
    """Returns git's pathspec of a path, whatever characters it has."""
    return f":(literal){path}"


def below(folder: str, name: str) -> str:
    """Returns git's pathspec of the files below a folder ('' for the root) whose names match."""
    plain = re.sub(r"([\\*?\[])", r"\\\1", folder)
    return f":(glob){plain + '/' if plain else ''}**/{name}"


def is_plain(path: str) -> bool:
    """Returns whether a path leads from the repository's root straight down."""
    return bool(path) and not {"", ".", ".."} & set(path.split("/"))

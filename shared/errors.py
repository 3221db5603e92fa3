"""The one exception for what a person can mend, and how its text is made."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

# Terminal controls, line breaks, marks that turn the direction of text, and halves of characters.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
# GitHub's runner takes `::command::` at the start of a line, and this older form anywhere in it
# (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs).
_WORKFLOW_COMMAND = "##["


class StageError(Exception):
    """Says what was found, where, and what to do. The text is shown to the user as one line.

    Bugs are not StageErrors: they raise as they are.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """Returns text without what `printable` replaces, and without white space around it."""
    return printable(text).strip()


def printable(text: str) -> str:
    """Returns text without line breaks, terminal controls, direction marks and workflow commands.

    What a repository contains reaches terminals and CI logs through error messages; it must
    not move the cursor there or start a workflow command. Who prints it puts something before it,
    as a command may also stand at the start of a line.
    """
    return _UNPRINTABLE.sub(" ", text).replace(_WORKFLOW_COMMAND, "## [")


def nearest(word: str, known: Iterable[str], most: int | None = None) -> str:
    """Returns the question whether the nearest known word was meant; what is known where none is near.

    most: how many of the known words are named at most.
    """
    words = list(known)
    close = get_close_matches(word, words, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(words[:most]) or 'nothing'}"

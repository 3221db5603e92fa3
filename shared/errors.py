"""The one exception for what a person can mend."""

import re

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


class StageError(Exception):
    """Says what was found, where, and what to do. The text is shown to the user as one line.

    Bugs are not StageErrors: they raise as they are.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """Returns text without line breaks, terminal controls or direction marks.

    What a repository contains reaches terminals and CI logs through error messages; it must
    not move the cursor there or start a workflow command.
    """
    return _UNPRINTABLE.sub(" ", text).strip()

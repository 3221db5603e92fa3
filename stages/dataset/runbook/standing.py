"""Whether a runbook means a command: what it forbids, or leaves in doubt, teaches nothing.

The words that decide stand around the command: in its sentence and in those beside it that speak of it, in the line
that leads to its block or list, in its heading, in its row of a table, in a comment of its block, or it is struck
through. places/ has a module for each of these; each clause is judged by itself (wording/).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["meant", "forbidden", "doubtful"]


@dataclass(frozen=True)
class Standing:
    """What is to be thought of a command. words: those that decided; line: where they stand. A meant one has none."""

    kind: Kind = "meant"
    words: str = ""
    line: int = 0

    def __bool__(self) -> bool:
        """Returns whether anything speaks against the command."""
        return self.kind != "meant"

    def at(self, line: int) -> "Standing":
        """Returns the same, decided at a line of the file."""
        return replace(self, line=line) if self.words else self


MEANT = Standing()


def first(found: Sequence[Standing]) -> Standing:
    """Returns the first that forbids, else the first in doubt, else MEANT."""
    return next((each for kind in ("forbidden", "doubtful") for each in found if each.kind == kind), MEANT)

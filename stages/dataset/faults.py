"""Several things that a person can mend, found in one go."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from shared.errors import StageError

Result = TypeVar("Result")


class Faults(StageError):
    """Says the first of several faults, and how many more there are; each: all of them."""

    def __init__(self, each: Sequence[str]) -> None:
        more = f"; and {len(each) - 1} more, which `make lint-runbook` tells" if len(each) > 1 else ""
        super().__init__(f"{each[0]}{more}")
        self.each = tuple(each)


def collect(faults: list[str], work: Callable[..., Result], *arguments: object) -> Result | None:
    """Returns what the work returns; None where it raises a StageError, whose faults it adds to the list."""
    try:
        return work(*arguments)
    except Faults as error:
        faults += error.each
    except StageError as error:
        faults.append(str(error))
    return None


def check(faults: Sequence[str]) -> None:
    """Raises Faults where there are any."""
    if faults:
        raise Faults(faults)

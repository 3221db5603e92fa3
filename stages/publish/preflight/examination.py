"""Examines several places at once, each for as long as all together may take."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from shared.errors import StageError
from stages.publish.git.probe import Finding

Examine = Callable[[], Iterator[Finding]]


@dataclass
class Place:
    """A place that is examined, what was found there up to now, and the bug that ended it, if one did."""

    name: str
    thread: threading.Thread
    found: list[Finding] = field(default_factory=list)
    bug: BaseException | None = None


class Examination:
    """Places that are examined side by side. One that does not answer costs the others nothing."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.ends = seconds, time.monotonic() + seconds
        self.places: list[Place] = []

    def start(self, name: str, examine: Examine) -> None:
        """Begins to examine a place; may be called while another is examined. A StageError is a fault there."""
        # Nobody waits for a daemon at the end of the program: what hangs ends with it.
        thread = threading.Thread(target=lambda: _examine(place, examine), daemon=True)
        place = Place(name, thread)
        self.places.append(place)
        thread.start()

    def findings(self) -> list[Finding]:
        """Returns what was found everywhere, place by place; waits for all, until the time is over."""
        found: list[Finding] = []
        for place in self.places:  # grows while it is gone through
            place.thread.join(max(0.0, self.ends - time.monotonic()))
            if place.bug:
                raise place.bug
            found += place.found
            if place.thread.is_alive():
                late = f"gave no answer within {self.seconds:g} s; check that it is well, and run again"
                found.append(Finding(place.name, False, late))
        return found


def _examine(place: Place, examine: Examine) -> None:
    try:
        for finding in examine():
            place.found.append(finding)
    except StageError as error:
        place.found.append(Finding(place.name, False, str(error)))
    except BaseException as bug:  # raised again by whoever waits
        place.bug = bug

"""How long a stage tries to reach its runner again, and what it says meanwhile."""

import errno
import http.client
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.errors import StageError, one_line

OWN = {errno.ENOSPC, errno.EDQUOT, errno.EIO}  # what no connection fails with
CUT = (OSError, http.client.HTTPException)  # what a connection that breaks raises
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 15.0  # seconds
QUIET = 5.0  # seconds of an outage of which nothing is said


class Busy(Exception):
    """The runner answered that it cannot just now."""


@dataclass
class Patience:
    """Waits with growing pauses after each trouble, for `limit` seconds since something was gained last."""

    limit: float
    ends: Callable[[Exception], StageError]
    since: float = field(default_factory=time.monotonic)
    pause: float = FIRST_PAUSE
    is_told: bool = False

    def gained(self) -> None:
        """Begins anew: the runner answered, or a part of something has arrived."""
        if self.is_told:
            say("the runner answers again")
        self.since, self.pause, self.is_told = time.monotonic(), FIRST_PAUSE, False

    def wait(self, trouble: Exception) -> None:
        """Waits a while before the next attempt. Raises the StageError of `ends` where the limit is reached."""
        if isinstance(trouble, OSError) and (trouble.errno in OWN or trouble.filename is not None):
            raise trouble  # of a file here
        passed = time.monotonic() - self.since
        if passed + self.pause > self.limit:
            raise self.ends(trouble) from None
        if passed > QUIET and not self.is_told:
            say(f"the runner cannot be asked: {reason(trouble)}; trying for {self.limit / 60:.0f} minutes")
            self.is_told = True
        time.sleep(self.pause)
        self.pause = min(2 * self.pause, LONGEST_PAUSE)


def reason(trouble: Exception) -> str:
    """Returns in a few words why a connection broke or could not be made."""
    if isinstance(trouble, TimeoutError):
        return "no answer in time"
    if isinstance(trouble, OSError) and trouble.strerror:
        return one_line(trouble.strerror)
    return one_line(str(trouble)) or type(trouble).__name__


def say(line: str) -> None:
    """Prints a line of the stage's log."""
    print(one_line(line), file=sys.stderr, flush=True)

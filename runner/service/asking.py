"""Programs of the system that are asked: their answer, and their failures in one line."""

import shlex
import subprocess
from collections.abc import Sequence

from shared.errors import StageError, one_line


def asked(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Returns how a program ended, and what it said. Raises StageError where there is no such program."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise StageError(f"{command[0]} does not start: {error.strerror}") from None


def told(command: Sequence[str], remedy: str = "") -> str:
    """Returns what a program said. Raises StageError where it failed: the command, its words, and the remedy."""
    done = asked(command)
    if done.returncode:
        said = one_line(done.stderr or done.stdout) or f"it ended with {done.returncode}"
        raise StageError(f"`{shlex.join(command)}` failed: {said}" + (f"; {remedy}" if remedy else ""))
    return done.stdout

"""What keeps the runner running: launchd, systemd, or nobody, where a person starts it."""

import shlex
import sys
from pathlib import Path
from typing import Protocol

from runner.service import launchd, systemd
from runner.service.places import Places


class Supervisor(Protocol):
    """Keeps a program running from one start of the machine, or of its user's session, to the next."""

    file: Path

    def start(self, places: Places, user: str) -> None:
        """Takes the runner up, or starts it anew with what has changed. Raises StageError where that fails."""

    def stop(self) -> None:
        """Ends the runner and forgets it; nothing happens where it is not known."""

    def state(self) -> str:
        """Returns one word or two: `running`, or what it is instead."""


def find(is_system: bool) -> Supervisor | None:
    """Returns this system's supervisor; None where it has neither launchd nor a running systemd."""
    if sys.platform == "darwin":
        return launchd.Launchd(is_system)
    return systemd.Systemd(is_system) if systemd.RUNNING.is_dir() else None


def by_hand(places: Places) -> str:
    """Returns the line that starts the runner where nobody does."""
    return f"cd {shlex.quote(str(places.program))} && {shlex.join(places.command())}"

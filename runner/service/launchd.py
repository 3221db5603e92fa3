"""The runner under macOS's launchd: as an agent of the user who is logged in, or as a daemon with a user of its own.

Not run on a Mac yet: the property list was read back, and the command lines were recorded.
"""

import os
import plistlib
import re
import time
from pathlib import Path
from typing import Any

from runner.service.asking import asked, told
from runner.service.certificate import write_secret
from runner.service.places import Places

LABEL = "agent-training.runner"
PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
THROTTLE_SECONDS = 10
# A job that is asked to end has ten seconds.
EXIT_SECONDS = 30
_NO_SESSION = "log in at the Mac's screen first (or let it log in by itself), or install with SYSTEM=1 as root"


class Launchd:
    """launchd, asked by `launchctl`."""

    def __init__(self, is_system: bool) -> None:
        library = Path("/Library/LaunchDaemons") if is_system else Path.home() / "Library" / "LaunchAgents"
        self.file = library / f"{LABEL}.plist"
        self._is_system = is_system
        self._domain = "system" if is_system else f"gui/{os.getuid()}"
        self._target = f"{self._domain}/{LABEL}"

    def start(self, places: Places, user: str) -> None:
        """Writes the property list and lets launchd start what it says. Raises StageError where it does not."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        text = plistlib.dumps(property_list(places, user if self._is_system else ""))
        self._forget()
        write_secret(self.file, text, mode=0o644)
        asked(["launchctl", "enable", self._target])
        told(["launchctl", "bootstrap", self._domain, str(self.file)], "" if self._is_system else _NO_SESSION)

    def stop(self) -> None:
        """Ends the runner, and removes the property list."""
        self._forget()
        self.file.unlink(missing_ok=True)

    def state(self) -> str:
        """Returns what launchd says of the runner: `running`, `waiting`, `not loaded`."""
        done = asked(["launchctl", "print", self._target])
        if done.returncode:
            return "not loaded"
        found = re.search(r"^\s*state = (.+)$", done.stdout, flags=re.M)
        return found[1].strip() if found else "loaded"

    def _forget(self) -> None:
        """Takes the runner out of launchd, which is done some moments after it is said."""
        asked(["launchctl", "bootout", self._target])
        until = time.monotonic() + EXIT_SECONDS + 5
        while self.state() != "not loaded" and time.monotonic() < until:
            time.sleep(0.2)


def property_list(places: Places, user: str) -> dict[str, Any]:
    """Returns the property list of launchd.plist(5). user: of a daemon; empty for an agent.

    ProcessType: without it, launchd would hold back the processors and disks of what no person looks at.
    """
    told = {
        "Label": LABEL,
        "ProgramArguments": places.command(),
        "WorkingDirectory": str(places.program),
        "EnvironmentVariables": {"PATH": PATH, "PYTHONUNBUFFERED": "1"},
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": THROTTLE_SECONDS,
        "ExitTimeOut": EXIT_SECONDS,
        "ProcessType": "Interactive",
        "SoftResourceLimits": {"NumberOfFiles": 4096},
        "Umask": 0o077,
        "StandardOutPath": str(places.output),
        "StandardErrorPath": str(places.output),
    }
    return told | ({"UserName": user} if user else {})

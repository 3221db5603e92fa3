"""The user of a service of the system: made where it is missing, owner of the runner's folder."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

from runner.service.asking import asked, told
from runner.service.places import Places
from shared.errors import StageError

NAME = "_agenttraining" if sys.platform == "darwin" else "agent-training"
_NUMBERS = range(300, 400)  # macOS: of services, below those of people
_GPU_GROUPS = ("video", "render")


def make(name: str, home: Path) -> None:
    """Makes a user who cannot log in, if there is none of that name. Raises StageError where that fails.

    Not run on a Mac yet.
    """
    known = pwd.getpwall()
    if name in {entry.pw_name for entry in known}:
        return
    used = {entry.pw_uid for entry in known}
    for command in _on_a_mac(name, home, used) if sys.platform == "darwin" else [_on_linux(name, home)]:
        told(command)


def _on_linux(name: str, home: Path) -> list[str]:
    groups = [group for group in _GPU_GROUPS if asked(["getent", "group", group]).returncode == 0]
    command = ["useradd", "--system", "--home-dir", str(home), "--shell", "/usr/sbin/nologin"]
    return [*command, *(("--groups", ",".join(groups)) if groups else ()), name]


def _on_a_mac(name: str, home: Path, used: set[int]) -> list[list[str]]:
    number = next(number for number in _NUMBERS if number not in used)
    record = f"/Users/{name}"
    values = {
        "UniqueID": str(number),
        "PrimaryGroupID": "-2",  # nobody
        "UserShell": "/usr/bin/false",
        "NFSHomeDirectory": str(home),
        "RealName": "Agent training",
        "IsHidden": "1",
    }
    return [["dscl", ".", "-create", record], *(["dscl", ".", "-create", record, *pair] for pair in values.items())]


def own(name: str, places: Places) -> None:
    """Gives the runner's folder to the user, and tries the runner's Python as this user.

    Raises StageError where the user cannot run it.
    """
    entry = pwd.getpwnam(name)
    for path in (places.home, *places.home.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    try:
        trial = [str(places.python), "-c", ""]
        subprocess.run(trial, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", check=True)
    except (OSError, subprocess.CalledProcessError):
        base = places.python.resolve()
        raise StageError(
            f"the user {name} cannot run {base}; take a Python that everybody can run (Homebrew's, the system's), "
            "`make distclean`, and install again with PYTHON=<its path>"
        ) from None

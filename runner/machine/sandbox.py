"""The sandbox of a job: no network, nothing written but its own folder; bubblewrap on Linux, Seatbelt on macOS."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runner.machine import bubblewrap, seatbelt
from shared.errors import StageError

# A sandbox stands within milliseconds; one that does not is broken.
SECONDS = 20


def sandboxed(
    command: Sequence[str], job: Path, readable: Sequence[Path], network: bool, limits: Path | None = None
) -> list[str]:
    """Returns the arguments that start a command in its sandbox.

    job: the one folder that the command can write to, and the whole of it; whoever runs the sandbox must not follow
    links in it. readable: what it can read beside the system's own programs and libraries: environment, code, inputs.
    What is readable in job is not writable there. network: may it reach the network? The interpreter that
    command[0] leads to is readable too. limits: what `memory.as_of_a_container` has written; Linux alone tells it on.

    Raises StageError where this system has no sandbox.
    """
    seen = [*readable, *interpreters(Path(command[0]), (job, *readable))]
    if sys.platform == "darwin":
        return seatbelt.arguments(command, job, seen, network)
    if sys.platform == "linux":
        return bubblewrap.arguments(command, job, seen, network, limits)
    raise StageError(f"there is no sandbox for jobs on {sys.platform}; run the runner on macOS or Linux")


def interpreters(program: Path, known: Sequence[Path]) -> list[Path]:
    """Returns the folders that a program's links lead through and that are not below a known one.

    A virtual environment's `python` is a link, perhaps by way of another one, to a Python with its own library.
    """
    folders: list[Path] = []
    while program.is_symlink():
        # A link may go up and down again, from where its folder really is.
        program = Path(os.path.normpath(program.parent.resolve() / program.readlink()))
        prefix = program.parent.parent if program.parent.name == "bin" else program.parent
        # What lies in somebody's ~/bin or in /bin must not open all of a home or the whole system.
        folder = program.parent if prefix in (Path.home(), Path("/")) else prefix
        if not any(folder.is_relative_to(path) for path in (*known, *folders)):
            folders.append(folder)
    return folders


def check() -> str:
    """Returns which sandbox works here, in one line, having run `true` in it.

    Raises StageError where it does not: what was seen, and what to do.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        arguments = sandboxed(["/usr/bin/true"], Path(folder).resolve(), [], network=False)
        try:
            tried = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StageError(f"the sandbox for jobs does not start: {error}") from None
    if tried.returncode:
        said = tried.stderr.strip() or f"it ended with {tried.returncode}"
        remedy = seatbelt.REMEDY if sys.platform == "darwin" else bubblewrap.remedy()
        raise StageError(f"the sandbox for jobs does not work: {said}; {remedy}")
    return f"{seatbelt.NAME if sys.platform == 'darwin' else bubblewrap.name()} works"

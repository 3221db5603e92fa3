"""Processes that outlive the program that starts them, and that are found again by number and birth.

A process number alone is given to another process sooner or later, at the latest after a reboot: so
the time when the process was born is kept with it.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tools.services.places import LEDGER

POLITE_SECONDS = 15
# As the system's clock is set, so is what it says of a birth.
BIRTH_SECONDS = 3
_FOREIGN = ("MLFLOW_", "MINIO_", "GIT_", "AWS_")  # a person's own settings, for another server


@dataclass(frozen=True)
class Running:
    """A process that was started here. birth: in seconds since 1970. port: where it answers."""

    name: str
    pid: int
    birth: float
    port: int

    def process(self) -> psutil.Process | None:
        """Returns the process, or None where it has ended, whoever has its number now."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            is_it = abs(process.create_time() - self.birth) < BIRTH_SECONDS
            if is_it and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def started(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, port: int
) -> Running:
    """Starts a program in a session of its own, so that neither Ctrl-C nor a closed terminal ends it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    with log.open("wb") as told:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**own, **environment},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            start_new_session=True,
        )
    return Running(name, process.pid, psutil.Process(process.pid).create_time(), port)


def stop(running: Running) -> None:
    """Ends a process and its children: politely, and by force where that does not help in time."""
    leader = running.process()
    if leader is None:
        return
    with suppress(psutil.NoSuchProcess):
        family = [leader, *leader.children(recursive=True)]
        for process in family:  # MLflow's children do not end with it
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(family, timeout=POLITE_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=POLITE_SECONDS)


def running() -> dict[str, Running]:
    """Returns what runs of what was started here, by name."""
    if not LEDGER.exists():
        return {}
    known = [Running(**entry) for entry in json.loads(LEDGER.read_text("utf-8"))]
    return {entry.name: entry for entry in known if entry.process()}


def remember(entries: Mapping[str, Running]) -> None:
    """Writes down what runs."""
    passing = LEDGER.with_suffix(".partial")
    passing.write_text(json.dumps([asdict(entry) for entry in entries.values()], indent=2) + "\n")
    passing.replace(LEDGER)

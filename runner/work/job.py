"""One job: what it is, how far it is, and its folder. What is written here is read back at the next start."""

import fcntl
import json
import logging
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

from runner.machine import processes
from runner.work.description import Description

Phase = Literal["waiting", "queued", "preparing", "running", "paused", "succeeded", "failed", "cancelled"]
ENDED: tuple[Phase, ...] = ("succeeded", "failed", "cancelled")
OPEN: tuple[Phase, ...] = ("waiting", "queued", "preparing", "running", "paused")
_ENDING_SECONDS = 10
_LOG = logging.getLogger("runner")


@dataclass(frozen=True)
class State:
    """How far a job is. Times are ISO 8601; outputs: sha256 and bytes by name; usage: what it took of the machine."""

    state: Phase
    created: str
    started: str = ""
    ended: str = ""
    attempts: int = 0
    exit_code: int | None = None
    reason: str = ""
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    usage: dict[str, float] = field(default_factory=dict)


class Job:
    """A job of the runner's; `change` writes its state to the disk before anybody can see it."""

    def __init__(self, folder: Path, description: Description, state: State) -> None:
        self.folder, self.description, self.state = folder, description, state
        self.is_cancelled = False
        self.renew()

    @classmethod
    def make(cls, folder: Path, description: Description) -> "Job":
        """Returns a new job, on the disk."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "description.json", description.model_dump(mode="json"))
        job = cls(folder, description, State("waiting", now()))
        job.change()
        return job

    @classmethod
    def read(cls, folder: Path) -> "Job | None":
        """Returns the job of a folder, None where a stop came before it was whole."""
        try:
            description = Description.model_validate_json((folder / "description.json").read_bytes())
            return cls(folder, description, State(**json.loads((folder / "state.json").read_bytes())))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def id(self) -> str:
        return self.description.id

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def work(self) -> Path:
        """The one folder that the job's process can write to: nothing of the runner's own lies in it."""
        return self.folder / "work"

    def change(self, **changes: Any) -> None:
        """Changes the state, on the disk first."""
        state = replace(self.state, **changes)
        _write(self.folder / "state.json", asdict(state))
        if state.state != self.state.state:
            _LOG.info("job %s, %s of %s: %s", self.id[:12], self.description.stage, self.description.agent, state.state)
        self.state = state

    def renew(self) -> None:
        """Lets the lease begin anew: somebody asked for the job. It counts by the clock that nobody sets."""
        self._asked = time.monotonic()

    @property
    def is_left(self) -> bool:
        """Whether nobody has asked for as long as the lease."""
        return time.monotonic() - self._asked > self.description.lease_seconds

    def say(self, line: str) -> None:
        """Adds a line of the runner's own to the log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"runner: {line}\n")

    def lock(self) -> IO[str] | None:
        """Returns the file whose lock the job's process inherits, None while a process still has it."""
        file = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def end_leftover(self) -> None:
        """Ends the process that an earlier runner started, where it lives: the lock tells, as numbers are reused."""
        until = time.monotonic() + _ENDING_SECONDS
        while (free := self.lock()) is None and time.monotonic() < until:
            with suppress(OSError, ValueError):
                processes.kill(int((self.folder / "pid").read_text()))
            time.sleep(0.05)
        if free:
            free.close()

    def remove(self) -> None:
        """Removes all that is kept of the job."""
        shutil.rmtree(self.folder, ignore_errors=True)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(file: Path, value: Any) -> None:
    passing = file.with_name(f".{file.name}")
    with passing.open("w", encoding="utf-8") as written:
        json.dump(value, written, indent=1)
        written.flush()
        os.fsync(written.fileno())
    passing.replace(file)

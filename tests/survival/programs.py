"""Runs of a stage: as a program of its own, or forked from one that has imported everything."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.survival.forking_stage import Request

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
PATIENCE_SECONDS = 240


@dataclass(frozen=True)
class Finished:
    """A run that has ended: exit code (negative for a signal), what it printed, how long it took, its outputs.

    outputs: a scalar's text, or the path of an artefact; empty where the run delivered nothing.
    """

    stage: str
    code: int
    errors: str
    seconds: float
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def last_line(self) -> str:
        """What a user sees last."""
        return (self.errors.strip().splitlines() or [""])[-1]


def start_program(stage: str, arguments: list[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Starts the stage as the process back end does."""
    command = [str(python(stage)), "-m", f"stages.{stage}.main", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, env=dict(environment), text=True, **pipes)


def run_program(stage: str, arguments: list[str], environment: Mapping[str, str]) -> Finished:
    """Runs the stage as a program of its own."""
    began = time.monotonic()
    process = start_program(stage, arguments, environment)
    try:
        errors, _ = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    return Finished(stage, process.returncode, errors, time.monotonic() - began)


def python(stage: str) -> Path:
    """Returns the Python of a stage's environment."""
    return ROOT / ".venvs" / stage / "bin" / "python"


class Fork:
    """A run that was forked and may be killed. `pid` is its process and the group of what it starts."""

    def __init__(self, stage: str, connection: socket.socket, log: Path) -> None:
        self.stage, self.log, self.began = stage, log, time.monotonic()
        self.stream = connection.makefile("r")
        self.pid = int(self.stream.readline())
        connection.close()

    def kill(self, with_children: bool) -> None:
        """Ends the process by SIGKILL; what it has started goes on, as after an OOM kill, unless with_children."""
        with suppress(ProcessLookupError):  # it was faster
            (os.killpg if with_children else os.kill)(self.pid, signal.SIGKILL)

    def wait(self) -> Finished:
        """Returns what became of it."""
        with self.stream:
            code = int(self.stream.readline())
        return Finished(self.stage, code, self.log.read_text("utf-8"), time.monotonic() - self.began)


@dataclass(frozen=True)
class ForkingStage:
    """A stage that waits for requests at a socket."""

    stage: str
    address: Path

    def start(self, request: Request) -> Fork:
        """Starts a run. Any number may run at once."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.address))
        connection.sendall(json.dumps(asdict(request)).encode() + b"\n")
        return Fork(self.stage, connection, Path(request.log))


@contextmanager
def forking(stage: str, folder: Path) -> Iterator[ForkingStage]:
    """Yields the stage, ready to fork; it keeps its socket and its log in folder."""
    address = folder / f"{stage}.socket"
    command = [str(python(stage)), "-m", "tests.survival.forking_stage", stage, str(address)]
    with (folder / f"{stage}.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        until = time.monotonic() + START_SECONDS
        while not address.exists():
            assert server.poll() is None and time.monotonic() < until, (folder / f"{stage}.log").read_text()
            time.sleep(0.05)
        yield ForkingStage(stage, address)
    finally:
        server.kill()
        server.communicate()

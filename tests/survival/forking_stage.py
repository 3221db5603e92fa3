"""A stage that has imported everything once, and runs its main in a fork of itself for each request.

    python -m tests.survival.forking_stage register SOCKET

The stage's own Python runs this. Importing MLflow takes seconds, and hundreds of runs are killed here.
A request is one line of JSON, the fields of `Request`; the answer is a line with the process id at
once, and a line with the exit code at the end, negative for a signal. It ends when its stdin does.
"""

import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from shared.access.mlflow import prepare
from tests.survival.steps import Watch

# What the stages import once they have read their environment.
LATE = ("mlflow.tracking", "mlflow.entities", "requests", "sqlalchemy.exc")


@dataclass(frozen=True)
class Request:
    """A run: arguments, environment, where its output goes, and what disturbs it.

    boundaries: the file that gets the boundaries that it passes; '' for nobody watching. die_at: as Watch
    has it. clock_ahead: how many seconds the clock that S3 requests are signed with is ahead.
    """

    arguments: list[str]
    environment: dict[str, str]
    log: str
    boundaries: str = ""
    die_at: int = 0
    clock_ahead: int = 0


def serve(stage: str, address: str) -> None:
    """Answers requests until stdin ends. There is one thread alone, so that forks are safe."""
    _import_everything(stage)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that nobody has to wait for those who answer
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{address}.new")
        listening.listen(64)
        Path(f"{address}.new").rename(address)  # whoever finds it may connect
        while sys.stdin not in (ready := select.select([listening, sys.stdin], [], [])[0]):
            assert ready
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _answer(stage, connection)
                os._exit(0)
            connection.close()


def _import_everything(stage: str) -> None:
    prepare("http://127.0.0.1", {})
    package = importlib.import_module(f"stages.{stage}")
    modules = [f"stages.{stage}.{found.name}" for found in pkgutil.iter_modules(package.__path__)]
    for name in (*modules, *LATE):
        if not name.endswith(".main"):  # it is run, as __main__
            importlib.import_module(name)


def _answer(stage: str, connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("rw") as stream:
        request = Request(**json.loads(stream.readline()))
        pid = os.fork()
        if pid == 0:
            _run(stage, request)
        stream.write(f"{pid}\n")
        stream.flush()
        _, status = os.waitpid(pid, 0)
        stream.write(f"{os.waitstatus_to_exitcode(status)}\n")


def _run(stage: str, request: Request) -> NoReturn:
    os.setsid()
    _become(request)
    if request.boundaries:
        Watch(Path(request.boundaries), request.die_at).install(stage)
    if request.clock_ahead:
        _set_clock(timedelta(seconds=request.clock_ahead))
    code = 1
    try:
        runpy.run_module(f"stages.{stage}.main", run_name="__main__")
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(code)


def _become(request: Request) -> None:
    """Makes this process what a new one would be."""
    log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.environ.clear()
    os.environ.update(request.environment)
    tempfile.tempdir = None
    sys.argv[1:] = request.arguments


def _set_clock(ahead: timedelta) -> None:
    signing_clock = importlib.import_module("minio.time")
    vars(signing_clock)["utcnow"] = lambda: datetime.now(UTC) + ahead


if __name__ == "__main__":
    serve(*sys.argv[1:])

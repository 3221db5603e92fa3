"""One real MLflow server for a test session. A stage's conftest.py imports the fixture `mlflow_server`."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = Path(".venvs/mlflow-server/bin/mlflow").absolute()
START_SECONDS = 240


@dataclass(frozen=True)
class MlflowServer:
    """A server that runs, and its process id, for tests that stop it for a while."""

    address: str
    pid: int


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server on SQLite that proxies artefacts; `localhost` is not among its allowed hosts."""
    with running_mlflow(tmp_path_factory.mktemp("mlflow-server")) as server:
        yield server.address


@contextmanager
def running_mlflow(folder: Path, *options: str, **environment: str) -> Iterator[MlflowServer]:
    """Yields a server whose data lie in folder, started with further options and variables."""
    if not PROGRAM.exists():
        reason = f"there is no {PROGRAM}; make it from tools/mlflow_server/requirements.lock"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    # Without its eight processes for background jobs it starts sooner.
    variables = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **environment}
    command = [*_command(folder, port), *options]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(address, server, folder / "log")
            yield MlflowServer(address, server.pid)
        finally:
            with suppress(ProcessLookupError):  # it may have failed to start
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def free_port() -> int:
    """Returns a port that nobody listens on, below those that systems give to outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _command(folder: Path, port: int) -> list[str]:
    options = {
        "backend-store-uri": f"sqlite:///{folder}/mlflow.db",
        "artifacts-destination": str(folder / "artifacts"),
        "host": "127.0.0.1",
        "port": str(port),
        "workers": "1",
        "allowed-hosts": f"127.0.0.1:{port}",
    }
    return [str(PROGRAM), "server", *(part for name, value in options.items() for part in (f"--{name}", value))]


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the MLflow server did not start:\n{log.read_text()[-2000:]}")

"""A real registry (https://distribution.github.io/distribution) for tests."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow_server import free_port

PROGRAM = shutil.which("docker-registry") or shutil.which("registry")
START_SECONDS = 20


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The `host:port` of a registry that lets everybody in."""
    with registry_server(tmp_path_factory.mktemp("registry")) as host:
        yield host


@contextmanager
def registry_server(folder: Path, auth: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yields the `localhost:port` of a registry that keeps its images in folder. auth: as in its configuration."""
    if not PROGRAM:
        reason = "there is no docker-registry on PATH; install it (Debian and Ubuntu: the package docker-registry)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    port = free_port()
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(json.dumps(config))
    command = [str(PROGRAM), "serve", str(folder / "config.yml")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/v2/", server, folder / "log")
        yield f"localhost:{port}"
    finally:
        server.kill()
        server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError:  # it asks for credentials
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"the registry did not start:\n{log.read_text()[-2000:]}")

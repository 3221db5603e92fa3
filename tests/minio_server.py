"""One real S3 server for a test session. A stage's conftest.py imports the fixture `minio_server`."""

import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mlflow_server import free_port

START_SECONDS = 60
ACCESS_KEY, SECRET_KEY = "tests", "not-a-secret-of-anybody"


@dataclass(frozen=True)
class MinioServer:
    """A server that runs, and its only account. `pid` is for tests that stop it for a while."""

    endpoint: str
    access_key: str
    secret_key: str
    pid: int

    def environment(self) -> dict[str, str]:
        """Returns what a stage needs to reach it."""
        keys = {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
        return {"S3_ENDPOINT": self.endpoint, **keys, "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A MinIO without any bucket."""
    with running_minio(tmp_path_factory.mktemp("minio-server")) as server:
        yield server


@contextmanager
def running_minio(folder: Path, **variables: str) -> Iterator[MinioServer]:
    """Yields a MinIO whose data lie in folder, by the program that $MINIO names or that is on the path.

    variables: more of its environment. It speaks TLS where folder holds `certificates/public.crt` and
    `certificates/private.key`.
    """
    program = os.environ.get("MINIO") or shutil.which("minio")
    if not program:
        reason = "there is no S3 server; install `minio`, or let MINIO name the program"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    certificates, port = folder / "certificates", free_port()
    account = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off"}
    options = ["--address", f"127.0.0.1:{port}", "--certs-dir", str(certificates)]
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, **account, **variables, "HOME": str(folder)}
        command = [program, "server", "--quiet", *options, str(folder / "data")]
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            scheme = "https" if (certificates / "public.crt").exists() else "http"
            address = f"{scheme}://127.0.0.1:{port}"
            _wait(address, server, folder / "log")
            yield MinioServer(address, ACCESS_KEY, SECRET_KEY, server.pid)
        finally:
            server.kill()
            server.wait()


def _wait(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Waits until the server can store: it answers earlier, and then lets a client wait for a minute."""
    until = time.monotonic() + START_SECONDS
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/minio/health/cluster", timeout=5, context=anyone):
                return
        except OSError:  # of the connection, or the answer that it is not ready
            time.sleep(0.05)
    pytest.fail(f"the S3 server did not start:\n{log.read_text()[-2000:]}")

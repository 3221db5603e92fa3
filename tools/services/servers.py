"""The servers: how each is started, on which ports of this machine, and how it is asked whether it is there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import StageError
from tools.services import places

PORTS = {"mlflow": 5001, "s3": 9000, "git": 3000}  # S3's console takes the one above
S3_USER, BUCKET, REGION = "agent-training", "models", "us-east-1"
IMAGE = "minio/minio"
DOCKER_SECONDS = 20


@dataclass(frozen=True)
class Server:
    """A program to start. alive: the path at its first port that answers, whatever it answers."""

    name: str
    command: list[str]
    ports: tuple[int, ...]
    folder: Path
    alive: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"


def mlflow(port: int) -> Server:
    """Returns MLflow on a SQLite file; it hands artefacts on itself, as on a cluster."""
    folder = places.data("mlflow")
    program = places.ROOT / ".venvs" / "mlflow-server" / "bin" / "mlflow"
    options = {
        "backend-store-uri": f"sqlite:///{folder}/mlflow.db",
        "artifacts-destination": str(folder / "artifacts"),
        "host": "127.0.0.1",
        "port": str(port),
        "workers": "1",
        "allowed-hosts": f"127.0.0.1:{port},localhost:{port}",
    }
    command = [str(program), "server", *(part for name, value in options.items() for part in (f"--{name}", value))]
    # Nothing here needs its eight processes for background jobs.
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Server("mlflow", command, (port,), folder, "/health", environment)


def git(port: int) -> Server:
    """Returns the Git server of this project."""
    places.password(places.GIT_TOKEN)
    options = ["--repositories", str(places.data("git")), "--port", str(port), "--token-file", str(places.GIT_TOKEN)]
    command = [sys.executable, "-m", "tools.services.git_server", *options]
    return Server("git", command, (port,), places.ROOT)


def s3(port: int) -> Server | None:
    """Returns MinIO by the program that $MINIO names or that is on the path, else by Docker; None where neither is.

    Raises StageError where $MINIO names no program.
    """
    folder, ports = places.data("s3"), (port, port + 1)
    account = {"MINIO_ROOT_USER": S3_USER, "MINIO_ROOT_PASSWORD": places.password(places.S3_PASSWORD)}
    program = _minio()
    if program:
        addresses = ["--address", f"127.0.0.1:{ports[0]}", "--console-address", f"127.0.0.1:{ports[1]}"]
        command = [program, "server", *addresses, str(folder)]
    elif _docker_has_minio():
        user = f"{os.getuid()}:{os.getgid()}"
        published = [f"--publish=127.0.0.1:{ports[0]}:9000", f"--publish=127.0.0.1:{ports[1]}:9001"]
        kept = ["--env=MINIO_ROOT_USER", "--env=MINIO_ROOT_PASSWORD", f"--volume={folder}:/data"]
        command = ["docker", "run", "--rm", "--init", f"--user={user}", *published, *kept, IMAGE]
        command += ["server", "--console-address", ":9001", "/data"]
    else:
        return None
    return Server("s3", command, ports, folder, "/minio/health/live", account)


def _minio() -> str | None:
    named = os.environ.get("MINIO")
    if named and not shutil.which(named):
        raise StageError(f"MINIO names {named}, which is no program; let it name MinIO's, or unset it")
    return shutil.which(named or "minio")


def _docker_has_minio() -> bool:
    """Returns whether Docker runs and has MinIO's image, which it may have to fetch first."""
    if not shutil.which("docker") or not _works(["docker", "info"], DOCKER_SECONDS):
        return False
    return _works(["docker", "image", "inspect", IMAGE], DOCKER_SECONDS) or not _fetch()


def _fetch() -> int:
    print(f"fetching the image {IMAGE}", flush=True)
    return subprocess.run(["docker", "pull", "--quiet", IMAGE], stdout=subprocess.DEVNULL).returncode


def _works(command: list[str], seconds: float) -> bool:
    try:
        return not subprocess.run(command, capture_output=True, timeout=seconds).returncode
    except subprocess.TimeoutExpired:
        return False

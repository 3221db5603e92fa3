"""The runner itself, as a process in its own environment, for the tests of the pod's side."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from shared.errors import StageError
from shared.runner.connection import Connection, greet
from shared.runner.settings import Settings
from shared.tests.runner_certificate import write_certificate
from tests.mlflow_server import free_port

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venvs" / "runner" / "bin" / "python"
TOKEN = "0123456789abcdef0123456789abcdef"


class RealRunner:
    """Listens at port until it is stopped; all that it keeps lies in folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True)
        certificate, key = write_certificate(folder)
        (folder / "token").write_text(TOKEN)
        (folder / "runner.toml").write_text(f"port = {self.port}\n")
        for file in (key, folder / "token", folder / "runner.toml"):
            file.chmod(0o600)
        url = f"https://127.0.0.1:{self.port}"
        self.settings = Settings(url, "127.0.0.1", self.port, TOKEN, certificate.read_text(), 900)
        command = [str(PYTHON), "-m", "runner", "serve", "--settings", str(folder / "runner.toml")]
        with (folder / "stderr").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=log)
        try:
            greet(self.settings)
        except StageError:
            raise AssertionError((folder / "stderr").read_text()) from None

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    @property
    def received(self) -> float:
        """The bytes of files that came so far."""
        told = Connection(self.settings).ask("GET", "/metrics").body.decode()
        (line,) = (line for line in told.splitlines() if line.startswith('runner_bytes_total{way="received"}'))
        return float(line.split()[-1])

    def jobs(self, **arguments: str) -> list[dict[str, Any]]:
        """Returns the states of the jobs that were handed over with these arguments."""
        found = []
        for file in (self.folder / "data" / "jobs").glob("*/description.json"):
            if arguments.items() <= json.loads(file.read_text())["arguments"].items():
                found.append(json.loads(file.with_name("state.json").read_text()))
        return found

    def job(self, **arguments: str) -> dict[str, Any]:
        """Returns the state of the one job that was handed over with these arguments."""
        (job,) = self.jobs(**arguments)
        return job

    def wait_for(self, state: str, **arguments: str) -> None:
        """Waits for a state of that job."""
        until = time.monotonic() + 20
        while self.job(**arguments)["state"] != state:
            assert time.monotonic() < until, self.job(**arguments)
            time.sleep(0.05)

"""`make services-up` and `make services-down`: what runs, what a person is told, and what is left alone."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow_server import PROGRAM, free_port

ROOT = Path(__file__).resolve().parents[2]
MINIO = os.environ.get("MINIO") or shutil.which("minio")


@dataclass(frozen=True)
class Place:
    """A folder for services of its own, and their ports."""

    folder: Path
    ports: dict[str, int]

    def run(self, program: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        variables = {**os.environ, "AGENT_TRAINING_SERVICES": str(self.folder), **environment}
        command = [sys.executable, "-m", f"tools.services.{program}", *arguments]
        return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)

    def up(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.run("up", *(f"--{name}-port={port}" for name, port in self.ports.items()), **environment)

    def down(self) -> "subprocess.CompletedProcess[str]":
        return self.run("down")

    def processes(self) -> list[dict[str, Any]]:
        return list(json.loads((self.folder / "processes.json").read_text()))

    def sourced(self) -> dict[str, str]:
        """Returns what a shell has after it was told what the person is told."""
        script = f"set -a; source {shlex.quote(str(self.folder))}/environment; set +a; env -0"
        shown = subprocess.run(["bash", "-c", script], env={"GIT_TOKEN": "own"}, capture_output=True, check=True)
        return dict(entry.split("=", 1) for entry in shown.stdout.decode().split("\0") if entry)


def place(folder: Path) -> Place:
    s3 = free_port()
    while not is_free(s3 + 1):
        s3 = free_port()
    return Place(folder, {"mlflow": free_port(), "s3": s3, "git": free_port()})


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def needed(found: object, reason: str) -> None:
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, str]]:
    """A place where all three run, and what was printed."""
    needed(PROGRAM.exists(), "the MLflow server's environment has not been made")
    needed(MINIO, "there is no S3 server; install `minio`, or let MINIO name the program")
    here = place(tmp_path_factory.mktemp("services") / "it's here")
    try:
        started = here.up()
        assert started.returncode == 0, started.stderr
        yield here, started.stdout
    finally:
        here.down()


def test_all_three_answer_with_what_is_printed(served: tuple[Place, str]) -> None:
    here, printed = served
    mlflow, s3, git = (f"http://127.0.0.1:{here.ports[name]}" for name in ("mlflow", "s3", "git"))
    assert status(f"{mlflow}/health") == 200
    assert status(f"{s3}/models") == 403
    assert status(f"{git}/homelab.git/info/refs?service=git-upload-pack") == 401
    for told in (f"MLflow  {mlflow}\n", f"S3      {s3}, bucket models\n", f"  make run GITOPS={git}/homelab.git\n"):
        assert told in printed


def test_the_environment_names_the_servers_and_hides_other_credentials(served: tuple[Place, str]) -> None:
    here, _ = served
    known = here.sourced()
    assert known["MLFLOW_TRACKING_URI"] == f"http://127.0.0.1:{here.ports['mlflow']}"
    assert (known["STORE_URI"], known["GIT_TOKEN"]) == ("s3://models", "")
    for name in ("GIT_TOKEN_FILE", "AWS_SECRET_ACCESS_KEY_FILE"):
        file = Path(known[name])
        assert len(file.read_text().strip()) == 32
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_example_is_cloned_with_the_token(served: tuple[Place, str], tmp_path: Path) -> None:
    here, _ = served
    token = Path(here.sourced()["GIT_TOKEN_FILE"]).read_text().strip()
    address = f"http://me:{token}@127.0.0.1:{here.ports['git']}/homelab.git"
    subprocess.run(["git", "clone", "-q", address, tmp_path / "clone"], check=True)
    assert (tmp_path / "clone/flux/ai/agent-sre/docs/RUNBOOK.md").exists()


def test_a_second_up_says_what_runs_and_starts_nothing(served: tuple[Place, str]) -> None:
    here, printed = served
    before = here.processes()
    again = here.up()
    assert again.returncode == 0, again.stderr
    lines = [f"{entry['name']} runs already, as process {entry['pid']}" for entry in before]
    assert again.stdout.splitlines()[:3] == lines
    assert again.stdout.splitlines()[3:] == [line for line in printed.splitlines() if not line.startswith("waiting")]
    assert here.processes() == before


def test_another_port_for_what_runs_is_refused(served: tuple[Place, str]) -> None:
    here, _ = served
    refused = here.run("up", "--git-port=1")
    told = f"services-up: git runs already, at port {here.ports['git']}; `make services-down` first\n"
    assert (refused.returncode, refused.stderr) == (1, told)


def test_what_has_died_is_started_again_and_the_data_stay(served: tuple[Place, str]) -> None:
    here, _ = served
    secret = Path(here.sourced()["GIT_TOKEN_FILE"])
    token, git = secret.read_text(), next(entry for entry in here.processes() if entry["name"] == "git")
    os.kill(git["pid"], signal.SIGKILL)
    again = here.up()
    assert again.returncode == 0, again.stderr
    assert f"waiting for git at http://127.0.0.1:{here.ports['git']}" in again.stdout
    assert "s3 runs already" in again.stdout
    assert secret.read_text() == token


def test_down_ends_all_of_them_and_twice_is_harmless(tmp_path: Path) -> None:
    needed(PROGRAM.exists(), "the MLflow server's environment has not been made")
    needed(MINIO, "there is no S3 server; install `minio`, or let MINIO name the program")
    here = place(tmp_path)
    assert here.up().returncode == 0
    stopped = here.down()
    assert stopped.returncode == 0, stopped.stderr
    assert [line.split(",")[0] for line in stopped.stdout.splitlines()] == [f"stopping {name}" for name in here.ports]
    assert [port for port in here.ports.values() if not is_free(port)] == []
    again = here.down()
    assert (again.returncode, again.stdout) == (0, "no service runs that was started here\n")
    assert (tmp_path / "git/homelab.git").exists() and (tmp_path / "mlflow/mlflow.db").exists()


def test_down_without_any_up_is_harmless(tmp_path: Path) -> None:
    here = place(tmp_path / "none")
    assert here.down().stdout == "no service runs that was started here\n"
    assert not here.folder.exists()


def test_a_process_that_got_an_old_number_is_left_alone(tmp_path: Path) -> None:
    here = place(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as other:
        entry = {"name": "git", "pid": other.pid, "birth": time.time() - 86400, "port": 1}
        (tmp_path / "processes.json").write_text(json.dumps([entry]))
        assert here.down().stdout == "no service runs that was started here\n"
        assert other.poll() is None
        other.kill()


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    here = place(tmp_path)
    with socket.create_server(("127.0.0.1", here.ports["git"])):
        refused = here.up(MINIO="true")
    reason = f"port {here.ports['git']} cannot be used for git: Address already in use"
    told = f"services-up: {reason}; choose another one: make services-up GIT_PORT=<port>\n"
    assert (refused.returncode, refused.stderr) == (1, told)
    assert not (tmp_path / "processes.json").exists()


def test_a_server_that_dies_at_once_shows_its_last_words_and_takes_the_others_with_it(tmp_path: Path) -> None:
    needed(PROGRAM.exists(), "the MLflow server's environment has not been made")
    program = tmp_path / "minio"
    program.write_text("#!/bin/sh\necho 'the disk is on fire'\n")
    program.chmod(0o755)
    here = place(tmp_path / "services")
    refused = here.up(MINIO=str(program))
    log = here.folder / "logs/s3.log"
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "s3 | the disk is on fire",
        f"services-up: s3 ended as soon as it was started; see above what it said last, and {log}",
    ]
    assert here.processes() == []
    assert is_free(here.ports["mlflow"]) and is_free(here.ports["git"])


def test_a_minio_that_is_no_program_is_named(tmp_path: Path) -> None:
    refused = place(tmp_path).up(MINIO="/no/minio")
    told = "services-up: MINIO names /no/minio, which is no program; let it name MinIO's, or unset it\n"
    assert (refused.returncode, refused.stderr) == (1, told)


@pytest.mark.parametrize("port", ["x", "0", "65535", "-1"])
def test_a_port_that_is_none_is_named(tmp_path: Path, port: str) -> None:
    refused = place(tmp_path).run("up", f"--s3-port={port}")
    told = f"services-up: S3_PORT is {port}; it must be a number from 1 to 65534\n"
    assert (refused.returncode, refused.stderr) == (1, told)


def test_without_an_s3_server_the_store_is_a_folder(tmp_path: Path) -> None:
    needed(PROGRAM.exists(), "the MLflow server's environment has not been made")
    here, programs = place(tmp_path / "services"), tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "bash", "sh", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    try:
        started = here.up(PATH=str(programs), MINIO="")
        assert started.returncode == 0, started.stderr
        assert "No S3 server: neither `minio` nor Docker with its image is here" in started.stdout
        known = here.sourced()
        assert known["STORE_URI"] == (here.folder / "store").as_uri()
        assert "S3_ENDPOINT" not in known
        assert (here.folder / "store").is_dir()
    finally:
        here.down()

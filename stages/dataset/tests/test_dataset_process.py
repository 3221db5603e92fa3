"""Run as a program: exit codes, what reaches the terminal, and where the token does not go."""

import base64
import http.server
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StageError
from stages.dataset.tests.repositories import ROOT, RUNBOOK, command, git, make, read

TOKEN = "glpat-hunter2hunter2"


def run_program(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(arguments, env=variables, capture_output=True, text=True, timeout=60)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def guarded(tmp_path: Path, tiny: Path) -> Iterator[str]:
    """The URL of a repository that asks for the token."""
    git(tmp_path, "clone", "--quiet", "--bare", str(tiny), "served/gitops.git")
    git(tmp_path / "served" / "gitops.git", "update-server-info")
    wanted = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()

    class Guard(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "served"))

        def do_GET(self) -> None:
            if self.headers.get("Authorization") == wanted:
                super().do_GET()
            else:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/gitops.git"
        server.shutdown()


def test_a_token_opens_the_repository_and_is_never_shown(guarded: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = run_program(command(guarded, tmp_path / "out"), GIT_TOKEN=TOKEN, HOME=str(home))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "rows").read_text() == "26"
    assert list(home.rglob("*")) == []
    assert TOKEN not in done.stdout + done.stderr
    assert TOKEN.encode() not in contents(tmp_path / "out")


def test_a_wrong_token_is_refused_and_never_shown(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TOKEN", "ghp_wrong")
    with pytest.raises(StageError) as raised:
        read(guarded.replace("http://", "http://user:ghp_url@"), tmp_path / "out")
    assert str(raised.value) == (
        f"the repository {guarded} cannot be cloned: it does not accept the token; check GIT_TOKEN or GIT_TOKEN_FILE"
    )


def test_a_mistake_ends_with_1_and_one_line(tiny: Path, tmp_path: Path) -> None:
    done = run_program(command(tiny, tmp_path / "out", "agent-x"))
    assert done.returncode == 1
    assert done.stderr == "dataset: there is no agent agent-x in flux/ai of the repository; it has: agent-test\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_stop_ends_the_work_with_143(homelab: Path, tmp_path: Path) -> None:
    arguments = command(homelab, tmp_path / "out", "agent-sre", "--examples-per-alert", "1000")
    variables = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(arguments, env=variables, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("reading flux/ai/agent-sre/docs/RUNBOOK.md as of commit ")
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read().splitlines()[-1] == "dataset: stopped by SIGTERM"
    assert process.returncode == 143
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert list((tmp_path / "out").iterdir()) == []


def test_the_log_names_what_is_skipped_without_its_controls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runbook = RUNBOOK + "\n## Alert: Bad\x1b]0;\u202eName\n\n`ls -l \x1b[2J##[error]`\n"
    outputs = read(make(tmp_path / "gitops", runbook=runbook), tmp_path / "out")
    assert capsys.readouterr().err.splitlines() == [
        f"reading flux/ai/agent-test/docs/RUNBOOK.md as of commit {outputs.source_commit[:8]}",
        "no call: Bad]0;Name, line 18: "
        "no command stands for a function of tools.yaml, such as line 20: ls -l  [2J## [error]",
        "1 alerts, 26 rows, 1 alerts teach no call",
    ]

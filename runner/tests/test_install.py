"""From a machine without a runner to one that answers, and back: with a small server in the runner's place.

Its service is started by a program in systemctl's place, which does what the unit says.
"""

import json
import logging
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runner.machine import sandbox
from runner.service import install, logs, status, systemd, uninstall
from runner.service.places import Places
from runner.service.settings import Settings
from runner.tests.programs import Programs
from runner.tests.programs import programs as programs
from shared.errors import StageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a program stands for systemctl")

# What is asked of a runner here, without its libraries.
SERVER = """\
import http.server, json, pathlib, ssl, sys, tomllib
file = pathlib.Path(sys.argv[sys.argv.index("--settings") + 1])
told = tomllib.loads(file.read_text())
token = (file.parent / told["token_file"]).read_text()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Authorization"] == f"Bearer {token}"
        found = {"/healthz": {"status": "ok"}, "/v1/jobs": {"jobs": [{"state": "running"}, {"state": "queued"}]}}
        body = json.dumps(found[self.path]).encode()
        self.send_response(200 if known or self.path == "/healthz" else 401)
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer((told["host"], told["port"]), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(file.parent / told["certificate"], file.parent / told["key"])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening", flush=True)
server.serve_forever()
"""
SYSTEMCTL = """\
unit={unit}
case "$*" in
*restart*|*disable*)
  test -f {pid} && kill $(cat {pid}); rm -f {pid} ;;
esac
case "$*" in
*restart*)
  cd "$(sed -n 's/^WorkingDirectory=//p' $unit)"
  log=$(sed -n 's/^StandardOutput=append://p' $unit)
  eval "exec $(sed -n 's/^ExecStart=//p' $unit)" >>"$log" 2>&1 </dev/null &
  echo $! > {pid} ;;
*show*)
  test -f {pid} && printf 'LoadState=loaded\\nSubState=running\\n' || printf 'LoadState=not-found\\n' ;;
esac
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a runner that needs no library."""
    folder = tmp_path / "checkout"
    for part in ("runner/tests", "shared/__pycache__"):
        (folder / part).mkdir(parents=True)
    (folder / "runner/__main__.py").write_text(SERVER)
    (folder / "runner/requirements.lock").write_text("")
    for file in ("runner/tests/test_x.py", "tools/link_openblas.py", "tools/other.py"):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    monkeypatch.setattr(install, "ROOT", folder)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runner is installed; its path has a space in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sandbox, "check", lambda: "bubblewrap works")
    return tmp_path / "the runner"


@pytest.fixture
def service(home: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    """A systemd that starts what its unit says."""
    monkeypatch.setattr(systemd, "RUNNING", home.parent)
    pid = home.parent / "pid"
    unit = home.parent / "user/.config/systemd/user/agent-training-runner.service"
    programs.add("systemctl", SYSTEMCTL.format(unit=unit, pid=pid))
    programs.add("loginctl")
    yield programs
    if pid.exists() and psutil.pid_exists(int(pid.read_text())):
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def installed(home: Path, port: int, *more: str) -> int:
    return install.main([f"--folder={home}", f"--port={port}", "--host=127.0.0.1", *more])


def test_an_installed_runner_answers_and_says_what_the_cluster_needs(
    root: Path, home: Path, service: Programs, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert installed(home, port, "--names=mac.example.org", "--namespace=agents") == 0
    said = capsys.readouterr().out
    assert f"address      https://host.docker.internal:{port}\n" in said
    line = said.strip().splitlines()[-1]
    assert shlex.split(line) == [
        *("kubectl", "create", "secret", "generic", "agent-training-runner"),
        *(f"--from-file=MLX_RUNNER_TOKEN={home}/token", f"--from-file=MLX_RUNNER_CERTIFICATE={home}/certificate.pem"),
        *("-n", "agents"),
    ]
    token = (home / "token").read_text()
    assert token not in said and token not in (home / "runner.toml").read_text()
    modes = {name: stat.S_IMODE((home / name).stat().st_mode) for name in (".", "runner.toml", "token", "key.pem")}
    assert modes == {".": 0o700, "runner.toml": 0o600, "token": 0o600, "key.pem": 0o600}
    assert (home / "data/logs/output.log").read_text().startswith("listening\n")
    assert sorted(path.name for path in (home / "program").iterdir()) == ["environment", "runner", "shared", "tools"]
    assert [path.name for path in (home / "program/tools").iterdir()] == ["link_openblas.py"]
    assert not (home / "program/runner/tests").exists()

    assert status.main([f"--folder={home}"]) == 0
    answers = capsys.readouterr().out.splitlines()
    assert [answer.split()[:2] for answer in answers] == [
        ["ok", name] for name in ("service", "answers", "jobs", "sandbox", "certificate")
    ]
    assert answers[2].endswith("1 queued, 1 running") and "mac.example.org" in answers[4]


def test_a_second_installation_keeps_secrets_and_settings_and_brings_the_program_up_to_date(
    root: Path, home: Path, service: Programs, port: int
) -> None:
    installed(home, port)
    names = ("token", "key.pem", "certificate.pem", "runner.toml")
    kept = {name: (home / name).read_bytes() for name in names}
    first = (home.parent / "pid").read_text()
    (root / "shared/new.py").touch()
    assert install.main([f"--folder={home}"]) == 0
    assert {name: (home / name).read_bytes() for name in names} == kept
    assert (home / "program/shared/new.py").exists()
    assert (home.parent / "pid").read_text() != first
    assert [path.name for path in home.iterdir() if path.name.startswith("program")] == ["program"]


def test_renewal_makes_both_anew_and_says_how_the_cluster_gets_them(
    root: Path, home: Path, service: Programs, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(home, port, "--names=mac.example.org")
    old = [(home / name).read_bytes() for name in ("token", "certificate.pem", "key.pem")]
    capsys.readouterr()
    assert install.main([f"--folder={home}", "--renew"]) == 0
    new = [(home / name).read_bytes() for name in ("token", "certificate.pem", "key.pem")]
    assert [before == after for before, after in zip(old, new, strict=True)] == [False, False, False]
    said = capsys.readouterr().out.strip().splitlines()
    assert said[-2] == "The cluster's pods need the token and the certificate, which are new:"
    end = "-n agent-training-production --dry-run=client -o yaml | kubectl apply -n agent-training-production -f -"
    assert said[-1].endswith(end)
    assert status.main([f"--folder={home}"]) == 0
    assert "mac.example.org" in capsys.readouterr().out


def test_a_certificate_without_its_key_is_made_anew(root: Path, home: Path, service: Programs, port: int) -> None:
    installed(home, port)
    (home / "key.pem").unlink()
    assert install.main([f"--folder={home}"]) == 0
    assert status.healthy(Settings.read(home / "runner.toml"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--port=1", "runner.toml is there already, and stays as it is; change host and port in it"),
        ("--names=new.example.org", "the certificate does not name new.example.org; add RENEW=1 for a new one"),
    ],
)
def test_what_an_installation_would_silently_leave_is_said(
    root: Path, home: Path, service: Programs, port: int, more: str, said: str
) -> None:
    installed(home, port)
    with pytest.raises(StageError, match=re.escape(said)):
        install.main([f"--folder={home}", more])


def test_a_runner_that_does_not_start_is_told_by_its_last_words(
    root: Path, home: Path, service: Programs, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "SECONDS", 0.5)
    (root / "runner/__main__.py").write_text("raise SystemExit('the port is taken')")
    with pytest.raises(StageError) as error:
        installed(home, port)
    assert str(error.value) == (
        f"the runner does not answer after 0.5 s; {home}/data/logs/output.log ends with: the port is taken"
    )


def test_libraries_that_cannot_be_installed_leave_the_old_program(
    root: Path, home: Path, service: Programs, port: int
) -> None:
    installed(home, port)
    (root / "runner/requirements.lock").write_text("no-hash==1\n")
    with pytest.raises(StageError, match="uv pip failed for the runner's environment: "):
        install.main([f"--folder={home}"])
    assert (home / "program/environment/bin/python").exists()
    assert status.healthy(Settings.read(home / "runner.toml"))


def test_without_a_supervisor_it_says_how_it_is_started(
    root: Path, home: Path, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "RUNNING", Path("/nowhere"))
    assert installed(home, port) == 0
    lines = capsys.readouterr().out.splitlines()
    line = lines[lines.index("service      none: neither launchd nor systemd runs here; start it by hand:") + 1]
    process = subprocess.Popen(["/bin/sh", "-c", f"{line.replace(' && ', ' && exec ')}"], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while not status.healthy(Settings.read(home / "runner.toml")):
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait()


def test_status_tells_what_is_wrong(
    root: Path, home: Path, service: Programs, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(home, port)
    systemd.Systemd(is_system=False).stop()
    capsys.readouterr()
    assert status.main([f"--folder={home}"]) == 1
    answers = capsys.readouterr().out.splitlines()
    assert answers[0].startswith("NOT  service      not loaded, ")
    assert answers[1] == f"NOT  answers      nobody at https://127.0.0.1:{port}; `make runner-logs` may tell why"


def test_status_tells_of_a_wrong_token(
    root: Path, home: Path, service: Programs, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(home, port)
    settings = Settings.read(home / "runner.toml")
    time.sleep(0.1)
    (home / "token").write_text("another-token-than-it-has")
    assert json.loads(status.ask(settings, "/healthz")) == {"status": "ok"}
    capsys.readouterr()
    assert status.main([f"--folder={home}"]) == 1
    assert "NOT  jobs         its jobs cannot be asked for: /v1/jobs is answered with 401" in capsys.readouterr().out


def test_uninstalling_keeps_data_and_secrets(root: Path, home: Path, service: Programs, port: int) -> None:
    installed(home, port)
    (home / "data/blobs").mkdir()
    assert uninstall.main([f"--folder={home}"]) == 0
    assert sorted(path.name for path in home.iterdir()) == [
        "certificate.pem",
        "data",
        "key.pem",
        "runner.toml",
        "token",
    ]
    assert not (home.parent / "pid").exists()
    assert install.main([f"--folder={home}"]) == 0


def test_a_purge_removes_it_all(root: Path, home: Path, service: Programs, port: int) -> None:
    installed(home, port)
    assert uninstall.main([f"--folder={home}", "--purge"]) == 0
    assert not home.exists()


def test_a_purge_removes_no_folder_that_is_no_runner_s(home: Path, service: Programs) -> None:
    home.mkdir()
    (home / "precious").touch()
    with pytest.raises(StageError, match=r"holds no runner\.toml, and is not removed"):
        uninstall.main([f"--folder={home}", "--purge"])
    assert (home / "precious").exists()
    with pytest.raises(StageError, match="no runner is installed in /nowhere"):
        uninstall.main(["--folder=/nowhere"])


def test_the_log_turns_its_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BYTES", 1000)
    output = Places(tmp_path).output
    output.parent.mkdir(parents=True)
    output.write_text("x" * 2000)
    handler = logs.handler(tmp_path / "data")
    for number in range(200):
        handler.emit(logging.LogRecord("runner", logging.INFO, "", 0, "line %d", (number,), None))
    handler.close()
    found = sorted(path.name for path in output.parent.iterdir())
    assert found == ["output.log.1", "runner.log", *(f"runner.log.{page}" for page in range(1, 6))]
    assert all(path.stat().st_size <= 1000 for path in output.parent.iterdir() if path.name.startswith("runner"))


def test_logs_without_a_log_say_so(root: Path, home: Path, service: Programs, port: int) -> None:
    installed(home, port)
    (home / "data/logs/output.log").unlink()
    with pytest.raises(StageError, match=r"there is no log in .* yet; `make runner-status` says"):
        logs.main([f"--folder={home}"])


def test_the_system_s_service_needs_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 501)
    with pytest.raises(StageError, match="installed by root: sudo make runner-install SYSTEM=1"):
        install.main([f"--folder={home}", "--system"])
    assert not home.exists()

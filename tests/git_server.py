"""Real Git servers for tests: over HTTP with a token, and over ssh with a key."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

import pytest

from tests.mlflow_server import free_port

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "not-a-token-of-anybody"
START_SECONDS = 30


@dataclass(frozen=True)
class SshServer:
    """An sshd that runs: its address, the keys, and its line in a known_hosts file."""

    address: str
    key: Path
    other_key: Path
    known_hosts: Path
    pid: int

    def url(self, repository: Path) -> str:
        """Returns the repository's URL."""
        return f"{self.address}{repository}"


@contextmanager
def git_over_http(repositories: Path) -> Iterator[tuple[str, int]]:
    """Yields the address and the process id of a server of every repository below a folder, for who has TOKEN."""
    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.write_text(f"{TOKEN}\n")
        options = ["--repositories", str(repositories), "--port", "0", "--token-file", str(token)]
        command = [sys.executable, "-m", "tools.services.git_server", *options]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                assert server.stdout
                yield server.stdout.readline().split()[-1], server.pid
            finally:
                server.kill()
                server.communicate()


@contextmanager
def git_over_ssh() -> Iterator[SshServer]:
    """Yields an sshd that lets the user who runs the tests in, with a key of its own."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program or not shutil.which("ssh-keygen"):
        reason = "there is no sshd; install openssh-server"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it does not start as root without
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        for key in ("host", "user", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
        with (folder / "log").open("wb") as log:
            command = [program, "-D", "-e", "-f", str(_configuration(folder, port))]
            server = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                _wait(folder / "log", server)
                address = f"ssh://{getuser()}@127.0.0.1:{port}"
                yield SshServer(address, folder / "user", folder / "other", folder / "known_hosts", server.pid)
            finally:
                server.kill()
                server.wait()


def _configuration(folder: Path, port: int) -> Path:
    settings = {
        "Port": str(port),
        "ListenAddress": "127.0.0.1",
        "HostKey": str(folder / "host"),
        "AuthorizedKeysFile": str(folder / "user.pub"),
        "PidFile": "none",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",  # a folder of tests lies below /tmp, which everybody may write
        "UsePAM": "no",
    }
    file = folder / "sshd_config"
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return file


def _wait(log: Path, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        if "Server listening" in log.read_text():
            return
        time.sleep(0.02)
    pytest.fail(f"sshd did not start:\n{log.read_text()[-2000:]}")

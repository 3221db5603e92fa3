"""The Git server of `make services-up`: what git sends to it in every form arrives, for who has the token."""

import base64
import gzip
import http.client
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.git_server import TOKEN, git_over_http

ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}


def git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    identity = ["-c", "user.name=Anna", "-c", "user.email=anna@localhost"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with one commit, and an empty bare one to push it to."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "served/team/homelab.git")
    git(tmp_path, "init", "-q", "-b", "main", "work")
    return change(tmp_path / "work", b"first")


def change(work: Path, content: bytes) -> Path:
    (work / "file").write_bytes(content)
    git(work, "add", ".")
    git(work, "commit", "-qm", "Change")
    return work


@pytest.fixture
def address(tmp_path: Path, work: Path) -> Iterator[str]:
    with git_over_http(tmp_path / "served") as (address, _):
        yield f"{address}/team/homelab.git"


def with_token(address: str, token: str = TOKEN) -> str:
    return address.replace("://", f"://anybody:{token}@")


@pytest.mark.parametrize("size", [10, 8 << 20])  # git sends more than a megabyte in chunks
def test_what_is_pushed_is_cloned(address: str, work: Path, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    pushed = git(change(work, content), "push", "-q", with_token(address), "main")
    assert pushed.returncode == 0, pushed.stderr
    cloned = git(tmp_path, "clone", "-q", with_token(address), "clone")
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "clone/file").read_bytes() == content


def test_a_long_negotiation_which_git_compresses_is_understood(address: str, work: Path, tmp_path: Path) -> None:
    git(work, "push", "-q", with_token(address), "main")
    git(tmp_path, "clone", "-q", with_token(address), "clone")
    for number in range(60):
        git(tmp_path / "clone", "commit", "--allow-empty", "-qm", f"Only here {number}")
    git(change(work, b"second"), "push", "-q", with_token(address), "main")
    fetched = git(tmp_path / "clone", "fetch", "-q", with_token(address), "main")
    assert fetched.returncode == 0, fetched.stderr
    assert git(tmp_path / "clone", "show", "FETCH_HEAD:file").stdout == "second"


def request(address: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    parts = urlsplit(address)
    assert parts.hostname
    known = {"Authorization": "Basic " + base64.b64encode(f"git:{TOKEN}".encode()).decode()}
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 0, timeout=20)
    kind = {"Content-Type": "application/x-git-upload-pack-request", "Git-Protocol": "version=2"}
    connection.request("POST", f"{parts.path}/git-upload-pack", body, known | kind | headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_compressed_request_gets_the_same_answer(address: str, work: Path) -> None:
    git(work, "push", "-q", with_token(address), "main")
    body = b"0014command=ls-refs\n0000"
    plain = request(address, body)
    assert plain[0] == 200 and b"refs/heads/main" in plain[1]
    assert request(address, gzip.compress(body), **{"Content-Encoding": "gzip"}) == plain


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "ü"])
def test_without_the_token_nothing_is_given_and_nothing_taken(address: str, work: Path, token: str) -> None:
    refused = git(work, "push", with_token(address, token), "main")
    assert "Authentication failed" in refused.stderr
    assert "Authentication failed" in git(work, "ls-remote", with_token(address, token)).stderr


@pytest.mark.parametrize("header", ["Bearer x", "Basic", "Basic ***", "Basic " + "A" * 1000])
def test_a_header_that_is_none_is_refused(address: str, header: str) -> None:
    assert request(address, b"0000", Authorization=header) == (401, b"")


def test_nothing_beside_the_folder_is_served(address: str, work: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "beside.git")
    for path in ("/team/other.git", "/../beside.git", "/%2e%2e/beside.git", "//beside.git"):
        outside = with_token(address).replace("/team/homelab.git", path)
        assert git(work, "ls-remote", outside).returncode == 128, path


def test_many_at_once_are_served(address: str, work: Path, tmp_path: Path) -> None:
    git(work, "push", "-q", with_token(address), "main")
    command = ["git", "clone", "-q", with_token(address)]
    clones = [subprocess.Popen([*command, str(tmp_path / f"clone-{n}")], env=ENVIRONMENT) for n in range(8)]
    assert [clone.wait(60) for clone in clones] == [0] * 8


def test_a_client_that_goes_away_does_not_end_the_server(tmp_path: Path, work: Path) -> None:
    with git_over_http(tmp_path / "served") as (server, pid):
        address = with_token(f"{server}/team/homelab.git")
        push = subprocess.Popen(["git", "push", "-q", address, "main"], cwd=change(work, os.urandom(8 << 20)))
        push.send_signal(signal.SIGKILL)
        push.wait()
        os.kill(pid, 0)
        assert git(work, "push", "-q", address, "main").returncode == 0

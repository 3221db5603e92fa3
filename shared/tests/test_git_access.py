"""Git reaches what it was given, with the secret it was given, and nothing of the machine's own."""

import base64
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from shared.access.git import check_repository, check_revision, git_environment, without_secret
from shared.errors import StageError

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
PLAIN = {"PATH": os.environ["PATH"]}


def git(arguments: list[str], environment: dict[str, str]) -> str:
    """Runs git and returns what it says on stderr."""
    ended = subprocess.run(["git", *arguments], env=PLAIN | environment, capture_output=True, text=True, timeout=20)
    return ended.stderr


class _Server(BaseHTTPRequestHandler):
    """Asks for a password, and remembers what it was told."""

    told: list[str]

    def do_GET(self) -> None:
        answer = self.headers.get("Authorization", "")
        self.told.append(answer)
        self.send_response(404 if answer else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    _Server.told = []
    with HTTPServer(("127.0.0.1", 0), _Server) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/homelab.git"
        running.shutdown()


def test_a_token_is_handed_over_and_shown_nowhere(server: str, tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    token = "s3cret'$(touch /tmp/x)\"\\ %40"
    environment = git_environment(folder, token)
    said = git(["ls-remote", server], environment)
    assert base64.b64decode(_Server.told[1].removeprefix("Basic ")).decode() == f"x-access-token:{token}"
    assert "s3cret" not in said + repr(environment)
    assert stat.S_IMODE((folder / "credentials").stat().st_mode) == 0o600


def test_without_a_token_git_asks_nobody(server: str, tmp_path: Path) -> None:
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    ask.chmod(0o700)
    said = git(["ls-remote", server], {"SSH_ASKPASS": str(ask), "DISPLAY": ":0"} | git_environment(tmp_path))
    assert f"could not read Username for '{server.removesuffix('/homelab.git')}'" in said
    assert _Server.told == [""]
    assert not (tmp_path / "asked").exists()


def test_the_machine_s_configuration_and_hooks_are_not_used(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = machine\n[alias]\n\tst = status\n")
    shown = subprocess.run(
        ["git", "config", "--list", "--show-scope"],
        env=PLAIN | {"HOME": str(tmp_path)} | git_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line for line in shown.splitlines() if not line.startswith("command\t")] == ["global\tsafe.directory=*"]
    assert "core.hookspath=/dev/null" in shown.lower()


def test_a_transport_that_runs_programs_is_closed(tmp_path: Path) -> None:
    said = git(["ls-remote", f"ext::sh -c touch% {tmp_path}/ran"], git_environment(tmp_path))
    assert "transport 'ext' not allowed" in said
    assert not (tmp_path / "ran").exists()


def test_git_s_variables_of_another_process_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**PLAIN, "GIT_TOKEN_FILE": "t", "GIT_PYTHON_REFRESH": "quiet"})
    os.environ |= {
        "GIT_DIR": "/elsewhere",
        "GIT_INDEX_FILE": "/x",
        "GIT_SSL_NO_VERIFY": "1",
        "GIT_ALLOW_PROTOCOL": "ext",
    }
    git_environment(tmp_path)
    assert dict(os.environ) == {**PLAIN, "GIT_TOKEN_FILE": "t", "GIT_PYTHON_REFRESH": "quiet"}


def test_an_authority_of_one_s_own_is_handed_to_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/authority.pem")
    assert "/etc/authority.pem" in git_environment(tmp_path).values()


ADDRESSES = [
    "https://git.example/homelab.git",
    "http://127.0.0.1:3000/a/b",
    "ssh://git@git.example:2222/homelab.git",
    "file:///srv/homelab.git",
    "git@git.example:team/homelab.git",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_taken_as_it_is(address: str) -> None:
    assert check_repository(address) == address


def test_a_folder_is_taken_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "homelab").mkdir()
    monkeypatch.chdir(tmp_path)
    assert check_repository("homelab") == str((tmp_path / "homelab").resolve())


NO_ADDRESSES = [
    "",
    "missing",
    "-u@git.example:x",
    "--upload-pack=touch x",
    "user@-oProxyCommand=x:y",
    "ext::sh -c x",
    "fd::7",
    "git://git.example/x",
    "https://git.example/x y",
    "https://git.example/x\n--upload-pack=y",
]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_anything_else_is_no_repository(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x").mkdir()
    with pytest.raises(StageError, match="is neither a folder that exists nor an http, https, ssh or file URL"):
        check_repository(address)


def test_a_folder_that_looks_like_an_option_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-x").mkdir()
    with pytest.raises(StageError, match=r"^the repository -x is neither"):
        check_repository("-x")


@pytest.mark.parametrize("revision", ["main", "v1.2.3", "feature/a-b", "0123abcd", "release+1", "_x"])
def test_a_revision_is_a_name(revision: str) -> None:
    assert check_revision(revision) == revision


@pytest.mark.parametrize("revision", ["", "-x", "--upload-pack=x", "a..b", "main~1", "a b", "@{-1}", ":/x", "main\n"])
def test_a_revision_is_nothing_else(revision: str) -> None:
    with pytest.raises(StageError) as raised:
        check_revision(revision)
    assert str(raised.value) == f"the revision {revision!r} is no name of a branch, tag or commit"


SECRETS = [
    ("https://user:token@git.example/x", "https://git.example/x"),
    ("https://token@git.example/x@v1", "https://git.example/x@v1"),
    ("https://user:p@ss@git.example/x", "https://git.example/x"),
    ("fatal: 'https://a:b@c/d' and 'http://e:f@g'", "fatal: 'https://c/d' and 'http://g'"),
    ("https://git.example/x, not git@git.example:x", "https://git.example/x, not git@git.example:x"),
]


@pytest.mark.parametrize(("text", "shown"), SECRETS)
def test_a_message_repeats_no_secret_of_an_address(text: str, shown: str) -> None:
    assert without_secret(text) == shown

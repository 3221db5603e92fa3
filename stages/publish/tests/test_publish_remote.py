"""The GitOps repository on real servers: over HTTP with a token, and over ssh with a key."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.access import git as git_access
from shared.access.git import without_secret
from shared.errors import StageError
from stages.publish.git.gitops import cloned
from stages.publish.git.rollout import Rollout
from stages.publish.tests.conftest import AGENT, OLD, PATH, VERSION, git, install_hook, nothing_changes
from tests.git_server import TOKEN, SshServer, git_over_http, git_over_ssh
from tests.mlflow_server import free_port

MESSAGE = f"Bump {AGENT} to {VERSION}\n"
RULE = "that is a rule of the server's own: ask whoever keeps it"
HOSTS = "let GIT_SSH_KNOWN_HOSTS_FILE name a file with its line, as ssh-keyscan prints it"


@pytest.fixture(scope="session")
def ssh() -> Iterator[SshServer]:
    with git_over_ssh() as server:
        yield server


@pytest.fixture
def over_http(repository: Path) -> Iterator[str]:
    with git_over_http(repository.parent) as (address, _):
        yield f"{address}/{repository.name}"


@pytest.fixture
def over_ssh(repository: Path, ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The repository's URL; the environment has what it takes, and a folder for temporary files with an odd name."""
    monkeypatch.setenv("GIT_SSH_KEY_FILE", str(ssh.key))
    monkeypatch.setenv("GIT_SSH_KNOWN_HOSTS_FILE", str(ssh.known_hosts))
    odd = tmp_path / "50% of it's here"
    odd.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    return ssh.url(repository)


def bump(address: str) -> str:
    with cloned(address) as clone:
        rollout = Rollout(AGENT, VERSION, (), clone.shown)
        return clone.bump(rollout, clone.branches.chosen(""), MESSAGE).commit


def refusal_of(address: str) -> str:
    with pytest.raises(StageError) as refused:
        bump(address)
    return str(refused.value)


def test_a_token_opens_the_way_over_http(over_http: str, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    assert bump(over_http) == git(repository, "rev-parse", "main")
    assert git(repository, "show", f"main:{PATH}") == VERSION


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("", "it wants a token, and there is none; set GIT_TOKEN or GIT_TOKEN_FILE"),
        ("wrong-geheim", "it does not accept the token; check GIT_TOKEN or GIT_TOKEN_FILE"),
    ],
)
def test_without_the_right_token_nothing_is_pushed(
    over_http: str, repository: Path, monkeypatch: pytest.MonkeyPatch, token: str, told: str
) -> None:
    monkeypatch.setenv("GIT_TOKEN", token)
    with nothing_changes(repository):
        assert refusal_of(over_http) == f"the repository {over_http} cannot be cloned: {told}"


def test_a_repository_that_the_server_does_not_have_is_told(over_http: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    address = over_http.replace("homelab", "other")
    told = "there is none, or it is not shown; check the address, and GIT_TOKEN or GIT_TOKEN_FILE"
    assert refusal_of(address) == f"the repository {address} cannot be cloned: {told}"


def test_a_hook_s_refusal_comes_over_http_too(
    over_http: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    install_hook(repository, "pre-receive", "echo 'main is frozen until Monday' >&2; exit 1")
    with nothing_changes(repository):
        reason = refusal_of(over_http)
    told = "pre-receive hook declined; main is frozen until Monday"
    assert reason == f"the repository {over_http}, branch main, does not accept the push: {told}; {RULE}"


@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_a_server_that_is_down_is_told(scheme: str) -> None:
    address = f"{scheme}://127.0.0.1:{free_port()}/homelab.git"
    told = "its server does not answer; check the address and that the server runs"
    assert refusal_of(address) == f"the repository {address} cannot be cloned: {told}"


def test_a_server_that_is_frozen_is_given_up(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_access, "SLOW_SECONDS", 1)
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    with git_over_http(repository.parent) as (server, pid):
        address = f"{server}/{repository.name}"
        os.kill(pid, signal.SIGSTOP)
        told = "the server is too slow, or stopped answering; check that it is well, and run again"
        assert refusal_of(address) == f"the repository {address} cannot be cloned: {told}"


def test_a_key_opens_the_way_over_ssh(over_ssh: str, repository: Path) -> None:
    assert bump(over_ssh) == git(repository, "rev-parse", "main")
    assert git(repository, "show", f"main:{PATH}") == VERSION


def test_a_key_that_everybody_may_read_and_lost_its_last_line_end_will_do(
    over_ssh: str, repository: Path, ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "mounted key"
    mounted.write_text(ssh.key.read_text().rstrip("\n"))
    mounted.chmod(0o444)
    monkeypatch.setenv("GIT_SSH_KEY_FILE", str(mounted))
    assert bump(over_ssh) == git(repository, "rev-parse", "main")


def test_another_key_is_refused(
    over_ssh: str, repository: Path, ssh: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_KEY_FILE", str(ssh.other_key))
    told = "it does not accept the ssh key; check GIT_SSH_KEY_FILE, and that its public half is known there"
    with nothing_changes(repository):
        assert refusal_of(over_ssh) == f"the repository {without_secret(over_ssh)} cannot be cloned: {told}"


def test_an_unknown_host_is_refused(over_ssh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hosts").touch()
    monkeypatch.setenv("GIT_SSH_KNOWN_HOSTS_FILE", str(tmp_path / "hosts"))
    told = f"the host key of its server is not known; {HOSTS}"
    assert refusal_of(over_ssh) == f"the repository {without_secret(over_ssh)} cannot be cloned: {told}"


def test_without_a_file_of_known_hosts_nobody_is_trusted_blindly(
    over_ssh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_SSH_KNOWN_HOSTS_FILE")
    told = f"the host key of its server is not known; {HOSTS}"
    assert refusal_of(over_ssh) == f"the repository {without_secret(over_ssh)} cannot be cloned: {told}"


def test_a_host_with_another_key_is_refused(
    over_ssh: str, ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = ssh.known_hosts.read_text().split()[0]
    (tmp_path / "hosts").write_text(f"{host} {ssh.other_key.with_suffix('.pub').read_text()}")
    monkeypatch.setenv("GIT_SSH_KNOWN_HOSTS_FILE", str(tmp_path / "hosts"))
    told = f"its server shows another host key than the known one; if that is right, {HOSTS}"
    assert refusal_of(over_ssh) == f"the repository {without_secret(over_ssh)} cannot be cloned: {told}"


def test_a_repository_that_ssh_does_not_find_is_told(over_ssh: str) -> None:
    address = over_ssh.replace("homelab", "other")
    reason = refusal_of(address)
    assert reason.startswith(f"the repository {without_secret(address)} cannot be cloned: ")
    assert "does not appear to be a git repository" in reason


def test_what_was_there_before_stays_where_git_is_pointed_elsewhere(
    over_http: str, repository: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    for name, value in {"GIT_DIR": work / ".git", "GIT_WORK_TREE": work, "GIT_INDEX_FILE": work / "index"}.items():
        monkeypatch.setenv(name, str(value))
    assert bump(over_http) == git(repository, "rev-parse", "main")
    assert not (work / "index").exists()
    assert git(work, "show", f"HEAD:{PATH}") == OLD

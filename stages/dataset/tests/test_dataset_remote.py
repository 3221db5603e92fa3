"""The agent's files from real servers: over HTTP with a token, and over ssh with a key."""

from pathlib import Path

import pytest

from shared.access.git import without_secret
from shared.errors import StageError
from stages.dataset.source import Source, opened, read_source
from stages.dataset.tests.repositories import AGENT
from tests.git_server import TOKEN, git_over_http, git_over_ssh


def source_of(address: str) -> Source:
    with opened(address) as repo:
        return read_source(repo, address, "", AGENT)


def refusal_of(address: str) -> str:
    with pytest.raises(StageError) as refused:
        source_of(address)
    return str(refused.value)


def test_a_token_opens_the_way_over_http(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = source_of(str(tiny))
    with git_over_http(tiny.parent) as (server, _):
        address = f"{server}/{tiny.name}/.git"
        told = "it wants a token, and there is none; set GIT_TOKEN or GIT_TOKEN_FILE"
        assert refusal_of(address) == f"the repository {address} cannot be cloned: {told}"
        monkeypatch.setenv("GIT_TOKEN", "wrong-geheim")
        told = "it does not accept the token; check GIT_TOKEN or GIT_TOKEN_FILE"
        assert refusal_of(address) == f"the repository {address} cannot be cloned: {told}"
        monkeypatch.setenv("GIT_TOKEN", TOKEN)
        source = source_of(address)
    assert (source.repository, source.commit, source.runbook) == (address, local.commit, local.runbook)


def test_a_key_opens_the_way_over_ssh(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hosts").touch()
    with git_over_ssh() as server:
        address = server.url(tiny)
        monkeypatch.setenv("GIT_SSH_KEY_FILE", str(server.key))
        monkeypatch.setenv("GIT_SSH_KNOWN_HOSTS_FILE", str(tmp_path / "hosts"))
        remedy = "let GIT_SSH_KNOWN_HOSTS_FILE name a file with its line, as ssh-keyscan prints it"
        told = f"the host key of its server is not known; {remedy}"
        assert refusal_of(address) == f"the repository {without_secret(address)} cannot be cloned: {told}"
        monkeypatch.setenv("GIT_SSH_KNOWN_HOSTS_FILE", str(server.known_hosts))
        assert source_of(address).commit == source_of(str(tiny)).commit
        monkeypatch.setenv("GIT_SSH_KEY_FILE", str(server.other_key))
        told = "it does not accept the ssh key; check GIT_SSH_KEY_FILE, and that its public half is known there"
        assert refusal_of(address) == f"the repository {without_secret(address)} cannot be cloned: {told}"

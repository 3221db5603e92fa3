"""Repositories and servers that are odd, damaged, slow, locked or loud: one clear line, within bounds."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from mlflow.tracking import MlflowClient

from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.git import gitops
from stages.publish.git.gitops import cloned
from stages.publish.operate.__main__ import main
from stages.publish.tests.conftest import (
    AGENT,
    PATH,
    VERSION,
    git,
    install_hook,
    nothing_changes,
    publish,
    push,
    refusal_of,
)

COMMANDS = ("verify", "history", "reconcile", "rollback")


def told(capsys: pytest.CaptureFixture[str], command: str, repository: Path) -> str:
    """Returns the last line that a command of `operate` prints on stderr; it must have failed with one line."""
    capsys.readouterr()
    assert main([command, "--agent", AGENT, "--repository", str(repository)]) == 1
    return capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the seconds that a push may take a few."""
    monkeypatch.setattr(gitops, "PUSH_SECONDS", 6)
    monkeypatch.setattr(gitops, "REST_SECONDS", 3)


# What may stand in a tree


@pytest.mark.parametrize("place", ["vendor", "flux/vendor", "flux/ai/vendor", f"flux/ai/{AGENT}/vendor"])
def test_a_submodule_anywhere_stays_as_it_is(
    registered: Inputs, repository: Path, work: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    head = git(work, "rev-parse", "HEAD")
    push(work, "Describe it", **{".gitmodules": f'[submodule "x"]\n\tpath = {place}\n\turl = ../x.git\n'})
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{head},{place}")
    git(work, "commit", "-qm", "Add a submodule")
    git(work, "push", "-q", "origin", "main")
    commit = publish(registered).bump_commit
    assert git(repository, "diff", "--name-only", f"{commit}^", commit) == PATH
    assert git(repository, "ls-tree", commit, place).split()[:3] == ["160000", "commit", head]
    assert main(["verify", "--agent", AGENT, "--repository", str(repository)]) == 0
    assert f"MODEL_VERSION on main names {VERSION}" in capsys.readouterr().out
    assert main(["history", "--agent", AGENT, "--repository", str(repository)]) == 0


@pytest.mark.parametrize("place", ["flux", "flux/ai", f"flux/ai/{AGENT}"])
def test_a_submodule_in_the_place_of_the_agent_s_folder_is_told(
    registered: Inputs, repository: Path, work: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    head = git(work, "rev-parse", "HEAD")
    git(work, "rm", "-rq", place)
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{head},{place}")
    git(work, "commit", "-qm", "Replace it")
    git(work, "push", "-q", "origin", "main")
    where = f"publish writes {PATH} only where the agent's folder is"
    assert refusal_of(registered) == f"{place} is no folder in {repository}; {where}"
    for command in COMMANDS:
        assert told(capsys, command, repository).startswith(f"{command}: there is no agent {AGENT} in {repository}")


def test_a_submodule_in_the_place_of_model_version_is_told(registered: Inputs, repository: Path, work: Path) -> None:
    head = git(work, "rev-parse", "HEAD")
    (work / f"flux/ai/{AGENT}/README.md").write_text("# agent\n")
    git(work, "rm", "-q", "--cached", PATH)
    git(work, "add", f"flux/ai/{AGENT}/README.md")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{head},{PATH}")
    git(work, "commit", "-qm", "Replace it")
    git(work, "push", "-q", "origin", "main")
    assert refusal_of(registered) == f"{PATH} in {repository} is no regular file; replace it by one"


def test_a_linked_gitmodules_stays_as_it_is(registered: Inputs, repository: Path, work: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("elsewhere")
    blob = git(work, "hash-object", "-w", str(tmp_path / "target"))
    tree = git(work, "rev-parse", "HEAD^{tree}")
    (tmp_path / "entries").write_text(f"{git(work, 'ls-tree', tree)}\n120000 blob {blob}\t.gitmodules\n")
    with (tmp_path / "entries").open() as entries:
        command = ["git", "-C", work, "mktree"]
        linked = subprocess.run(command, stdin=entries, check=True, capture_output=True, text=True).stdout.strip()
    commit = git(work, "commit-tree", linked, "-p", "HEAD", "-m", "Link it")
    git(work, "push", "-q", "origin", f"{commit}:refs/heads/main")
    made = publish(registered).bump_commit
    assert git(repository, "diff", "--name-only", f"{made}^", made) == PATH
    assert git(repository, "ls-tree", made, ".gitmodules").startswith(f"120000 blob {blob}")


def test_a_model_version_of_megabytes_is_told(
    registered: Inputs, repository: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push(work, "Grow", **{PATH: "x" * (1 << 21)})
    expected = f"{PATH} in {repository} has {1 << 21} bytes; it may have at most {1 << 20}"
    assert refusal_of(registered) == expected
    assert told(capsys, "reconcile", repository) == f"reconcile: {expected}"


def test_a_commit_of_a_time_that_no_calendar_has_is_listed(
    registered: Inputs, repository: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = "commit refs/heads/main\ncommitter A <a@b> 99999999999999 +0000\ndata 1\nx\nfrom refs/heads/main^0\n"
    feed = f"{commit}M 100644 inline {PATH}\ndata {len(VERSION)}\n{VERSION}\n"
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=feed.encode(), check=True)
    assert main(["history", "--agent", AGENT, "--repository", str(repository)]) == 0
    assert "9999-12-31" in capsys.readouterr().out


# What may be damaged


def objects_of(repository: Path) -> dict[str, Path]:
    """Returns the files of the loose objects that the tip is made of, by what they are."""
    named = {"commit": "main", "tree": "main^{tree}", "folder": "main:flux", "blob": "main:README.md"}
    named["version"] = f"main:{PATH}"
    ids = {name: git(repository, "rev-parse", revision) for name, revision in named.items()}
    return {name: repository / "objects" / oid[:2] / oid[2:] for name, oid in ids.items()}


@pytest.mark.parametrize("damage", ["removed", "overwritten"])
@pytest.mark.parametrize("what", ["commit", "tree", "folder", "blob", "version"])
def test_a_damaged_object_is_told_in_one_line(
    registered: Inputs,
    repository: Path,
    store: Path,
    capsys: pytest.CaptureFixture[str],
    what: str,
    damage: str,
) -> None:
    file = objects_of(repository)[what]
    file.chmod(0o644)
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(b"not an object")
    refused = refusal_of(registered)
    assert refused.startswith(f"the repository {repository}")
    assert "look there with `git fsck`" in refused, refused
    assert list(store.iterdir()) == []
    for command in COMMANDS:
        assert "look there with `git fsck`" in told(capsys, command, repository)


def test_a_pack_with_a_flipped_byte_is_told_in_one_line(
    registered: Inputs, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repository, "repack", "-qad")
    (pack,) = repository.glob("objects/pack/*.pack")
    pack.chmod(0o644)
    content = bytearray(pack.read_bytes())
    content[40:60] = bytes(20)
    pack.write_bytes(content)
    assert "look there with `git fsck`" in refusal_of(registered)
    for command in COMMANDS:
        assert "look there with `git fsck`" in told(capsys, command, repository)


# What servers do


def has_ended(process: int) -> bool:
    """Returns whether a process runs no more, even where nobody has asked how it ended."""
    found = Path(f"/proc/{process}/stat")
    return not found.exists() or " Z " in found.read_text()


@pytest.mark.parametrize("name", ["refs/heads/main.lock", "HEAD.lock"])
def test_a_lock_that_was_left_behind_is_told_with_its_file(
    registered: Inputs, repository: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(gitops, "ATTEMPTS", 3)
    lock = repository / name
    lock.touch()
    refused = refusal_of(registered)
    assert refused.endswith(f"it is locked on the server: if no git works on it there, remove {lock}"), refused
    assert len(refused) < 800
    lock.unlink()
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


def test_another_push_s_lock_is_waited_for(registered: Inputs, repository: Path) -> None:
    lock = repository / "refs" / "heads" / "main.lock"
    lock.touch()

    def release() -> None:
        time.sleep(1.5)
        lock.unlink()

    thread = Thread(target=release)
    thread.start()
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")
    thread.join()


@pytest.mark.parametrize("name", ["packed-refs.lock", "shallow.lock", "index.lock", "config.lock"])
def test_other_locks_are_no_hindrance(registered: Inputs, repository: Path, name: str) -> None:
    (repository / name).touch()
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


def test_a_hook_that_floods_is_told_in_part(registered: Inputs, repository: Path) -> None:
    flood = "yes 'a very long story' | head -c 30000000 >&2; echo 'the end' >&2; exit 1"
    install_hook(repository, "pre-receive", flood)
    refused = refusal_of(registered)
    assert "does not accept the push: pre-receive hook declined; a very long story; " in refused
    assert len(refused) < 1000


def test_a_hook_that_floods_and_accepts_is_no_hindrance(registered: Inputs, repository: Path) -> None:
    install_hook(repository, "pre-receive", "yes 'a very long story' | head -c 30000000 >&2")
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


def test_a_hook_that_never_ends_is_given_up(registered: Inputs, repository: Path, tmp_path: Path, short: None) -> None:
    install_hook(repository, "pre-receive", f"echo 'scanning' >&2; echo $$ > {tmp_path}/hook; exec sleep 600")
    began = time.monotonic()
    with nothing_changes(repository):
        refused = refusal_of(registered)
    assert time.monotonic() - began < 30
    rest = "it was given up: look there at its load, at its disk, and at its hooks, and run again"
    assert "does not accept the push: its server did not answer, saying 'scanning', within 3 seconds" in refused
    assert refused.endswith(rest)
    assert has_ended(int((tmp_path / "hook").read_text()))
    install_hook(repository, "pre-receive", "true")
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


def test_a_hook_that_sleeps_after_the_push_is_not_waited_for(registered: Inputs, repository: Path, short: None) -> None:
    install_hook(repository, "post-receive", "exec sleep 600")
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_a_server_that_says_nothing_is_given_up(silent: int, scheme: str) -> None:
    address = f"{scheme}://127.0.0.1:{silent}/homelab.git"
    began = time.monotonic()
    with pytest.raises(StageError) as refused, cloned(address, seconds=2):
        pytest.fail("it was opened")
    assert time.monotonic() - began < 12
    assert str(refused.value).startswith(
        f"the repository {address} cannot be cloned: its server did not answer within 2 seconds"
    )


def test_a_server_that_echoes_the_token_does_not_make_us_print_it(
    registered: Inputs, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TOKEN", "ghp-geheim")
    install_hook(repository, "pre-receive", "echo 'the token ghp-geheim is of nobody' >&2; exit 1")
    refused = refusal_of(registered)
    assert "the token *** is of nobody" in refused and "geheim" not in refused


def test_a_checkout_is_refused_before_anything_is_stored(
    registered: Inputs, work: Path, repository: Path, store: Path
) -> None:
    with nothing_changes(store):
        refused = refusal_of(replace(registered, repository=str(work)))
    remedy = "give a bare repository (`git clone --bare`), or check out another branch there"
    assert refused == f"the branch main is checked out in {work}, where git takes no push to it; {remedy}"
    assert "main is checked out in" in refusal_of(replace(registered, repository=work.as_uri()))
    git(work, "checkout", "-q", "-b", "elsewhere")
    beside = replace(registered, repository=str(work), branch="main")
    assert publish(beside).bump_commit == git(work, "rev-parse", "main")


def test_a_worktree_of_a_bare_repository_counts_too(registered: Inputs, repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"), "main")
    assert f"main is checked out in {tmp_path / 'tree'}" in refusal_of(registered)
    git(repository, "config", "receive.denyCurrentBranch", "updateInstead")
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")

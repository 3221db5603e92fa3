"""publish before a GitOps repository that refuses, is moved by others, or is huge."""

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.survival.afterwards import NOTHING, gave_up, is_published, recovers
from tests.survival.matrix import Teller, fault
from tests.survival.proxy import Request, proxy
from tests.survival.reader import NOBODY
from tests.survival.world import Servers, World, commit_of, fast_import, succeeded, write_repository

PUBLISHERS = 16
HUGE_COMMITS, HUGE_FILE = 3000, 66_000  # 200 MB


def install_hook(repository: Path, name: str, script: str) -> None:
    """Makes a hook of the bare repository."""
    hook = repository / "hooks" / name
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


@pytest.mark.representative
@fault("Git", "A pre-receive hook of the server rejects the push.", 15)
def test_a_hook_that_rejects_is_quoted(world: World, tell: Teller) -> None:
    install_hook(world.repository, "pre-receive", "echo 'main is frozen until Monday' >&2; exit 1")
    registered = world.register()
    run = world.run("publish", registered)
    gave_up(run, world)
    assert "main is frozen until Monday" in run.last_line
    assert world.reader().deployed() == NOBODY
    (world.repository / "hooks" / "pre-receive").unlink()
    tell(run, recovers(world, registered))


@fault("Git", "The branch is protected: the server takes no push to it.", 15)
def test_a_protected_branch_is_named(world: World, tell: Teller) -> None:
    words = "You are not allowed to push code to protected branches on this project."
    install_hook(world.repository, "update", f'[ "$1" != refs/heads/main ] || {{ echo "{words}" >&2; exit 1; }}')
    registered = world.register()
    run = world.run("publish", registered)
    gave_up(run, world)
    assert words in run.last_line
    (world.repository / "hooks" / "update").unlink()
    tell(run, recovers(world, registered))


@fault("Git", "The server takes signed commits alone, and there is no key.", 15)
def test_a_signature_that_is_demanded_is_named(world: World, tell: Teller) -> None:
    words = "- Commits must have verified signatures."
    unsigned = "git cat-file commit $new | grep -q ^gpgsig ||"
    hook = f'while read old new ref; do {unsigned} {{ echo "{words}" >&2; exit 1; }}; done'
    install_hook(world.repository, "pre-receive", hook)
    registered = world.register()
    run = world.run("publish", registered)
    gave_up(run, world)
    assert "let GIT_SIGNING_KEY_FILE name a private SSH key" in run.last_line
    key = world.folder / "signing-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    tell(run, recovers(world.with_environment(GIT_SIGNING_KEY_FILE=str(key)), registered))


@fault("Git", "A hook of the server prints 30 MB, and rejects the push.", 30)
def test_a_flood_is_told_in_part(world: World, tell: Teller) -> None:
    install_hook(world.repository, "pre-receive", "yes 'a long story' | head -c 30000000 >&2; exit 1")
    registered = world.register()
    run = world.run("publish", registered)
    gave_up(run, world)
    assert len(run.last_line) < 1000
    (world.repository / "hooks" / "pre-receive").unlink()
    tell(run, recovers(world, registered))


@fault("Git", "A push that died left a lock of the branch on the server.", 120)
def test_a_lock_that_was_left_behind_is_named(world: World, tell: Teller) -> None:
    lock = world.repository / "refs" / "heads" / "main.lock"
    lock.touch()
    registered = world.register()
    run = world.run("publish", registered)
    gave_up(run, world)
    assert run.last_line.endswith(f"it is locked on the server: if no git works on it there, remove {lock}")
    lock.unlink()
    tell(run, recovers(world, registered))


@fault("Git", "A blob of the tip is missing on the server.", 15)
def test_a_damaged_repository_is_named(world: World, tell: Teller) -> None:
    git = ["git", "-C", str(world.repository)]
    registered = world.register()
    file = f"main:flux/ai/{world.agent}/MODEL_VERSION"
    found = subprocess.run([*git, "rev-parse", file], check=True, capture_output=True, text=True).stdout.strip()
    kept = world.repository / "kept"
    loose = world.repository / "objects" / found[:2] / found[2:]
    moved_packs(world.repository)
    loose.rename(kept)
    run = world.run("publish", registered)
    gave_up(run, world)
    assert "look there with `git fsck`" in run.last_line
    kept.rename(loose)
    tell(run, recovers(world, registered))


def moved_packs(repository: Path) -> None:
    """Makes loose objects of a repository's packs."""
    for pack in list(repository.glob("objects/pack/*.pack")):
        aside = repository / pack.name
        pack.rename(aside)
        with aside.open("rb") as content:
            subprocess.run(["git", "-C", repository, "unpack-objects", "-q"], stdin=content, check=True)
    for file in repository.glob("objects/pack/*"):
        file.unlink()


@fault("Git", "Somebody commits another MODEL_VERSION by hand while the model is registered.", 15)
def test_a_version_that_a_person_put_there_stays(world: World, tell: Teller) -> None:
    registered = world.register()
    files = f"M 100644 inline flux/ai/{world.agent}/MODEL_VERSION\ndata 19\nv99991231-0123abcd\n\n"
    fast_import(world.repository, commit_of("Change it by hand", files).encode())
    run = world.run("publish", registered)
    gave_up(run, world)
    assert "names 'v99991231-0123abcd', committed by Anna at " in run.last_line
    assert world.reader().deployed() == "v99991231-0123abcd"
    files = f"M 100644 inline flux/ai/{world.agent}/MODEL_VERSION\ndata 5\n{NOBODY}\n"
    fast_import(world.repository, commit_of("Put it back", files).encode())
    tell(run, recovers(world, registered))


@fault("Git", "The token is no longer valid.", 15)
def test_a_token_that_has_expired_is_named(world: World, tell: Teller) -> None:
    registered = world.register()
    run = world.with_environment(GIT_TOKEN="expired-yesterday").run("publish", registered)
    gave_up(run, world)
    assert "does not accept the token; check GIT_TOKEN" in run.last_line
    assert "expired-yesterday" not in run.errors
    tell(run, recovers(world, registered))


@fault("Git", "Between publish's clone and its push, main is force-pushed to a history without a common commit.", 20)
def test_a_history_that_is_replaced_in_between_is_built_upon(world: World, tell: Teller) -> None:
    replaced: list[Request] = []

    def replace_once(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("/git-receive-pack") and not replaced:
            replaced.append(request)
            files = f"M 100644 inline flux/ai/{world.agent}/MODEL_VERSION\ndata 5\n{NOBODY}\n"
            fast_import(world.repository, commit_of("Start again", files).encode())

    registered = world.register()
    with proxy(world.servers.git, replace_once) as between:
        repository = world.url.replace(world.servers.git, between.address)
        run = succeeded(world.with_settings(repository=repository).run("publish", registered))
    assert replaced
    bump = f"Bump {world.agent} to {registered['model_version']}"
    assert world.reader().git_state()["subjects"] == [bump, "Start again"]
    tell(run, recovers(world, registered))


@pytest.mark.representative
@fault("Git", f"{PUBLISHERS} publishers of as many agents push to one repository at once.", 120)
def test_publishers_of_many_agents_all_get_through(servers: Servers, tmp_path: Path, tell: Teller) -> None:
    made = [World.make(servers, tmp_path / str(number)) for number in range(PUBLISHERS)]
    shared = servers.repositories / f"shared-{made[0].agent}.git"
    write_repository(shared, [world.agent for world in made])
    address = f"{servers.git}/{shared.name}"
    worlds = [replace(world, repository=shared).with_settings(repository=address) for world in made]
    registering = [world.start("register") for world in worlds]
    registered = [succeeded(run.wait()).outputs for run in registering]
    began = time.monotonic()
    publishing = [world.start("publish", given) for world, given in zip(worlds, registered, strict=True)]
    runs = [succeeded(run.wait()) for run in publishing]
    took = time.monotonic() - began
    for world, given in zip(worlds, registered, strict=True):
        is_published(world, given["model_version"])
    tell(runs[0], NOTHING, took)


@fault("Git", f"{PUBLISHERS} publishers of one version of one agent push at once.", 120)
def test_publishers_of_one_version_make_one_commit(world: World, tell: Teller) -> None:
    registered = world.register()
    began = time.monotonic()
    publishing = [world.start("publish", registered) for _ in range(PUBLISHERS)]
    runs = [succeeded(run.wait()) for run in publishing]
    took = time.monotonic() - began
    is_published(world, registered["model_version"])
    assert len({run.outputs["bump_commit"] for run in runs}) == 1
    tell(runs[0], NOTHING, took)


@fault("Git", f"The repository has {HUGE_COMMITS:,} commits and 200 MB.", 60)
def test_a_huge_repository_is_no_hindrance(world: World, tell: Teller) -> None:
    fast_import(world.repository, huge_history())
    registered = world.register()
    run = succeeded(world.run("publish", registered))
    is_published(world, registered["model_version"])
    tell(run, NOTHING)


def huge_history() -> bytes:
    """Returns the stream of many commits on main, each with a new large file that cannot be compressed."""
    commits = []
    for number in range(HUGE_COMMITS):
        person = f"Anna <anna@localhost> {1700000001 + number} +0000"
        parent = "from refs/heads/main^0\n" if number == 0 else ""
        head = f"commit refs/heads/main\ncommitter {person}\ndata 4\nGrow\n{parent}"
        file = f"M 100644 inline data/{number % 50}\ndata {HUGE_FILE}\n"
        commits.append(head.encode() + file.encode() + os.urandom(HUGE_FILE) + b"\n")
    return b"".join(commits)

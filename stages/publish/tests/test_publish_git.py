"""MODEL_VERSION in real repositories: races, refusals, links."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shared.agent_config.deployment import FieldBump
from shared.errors import StageError
from stages.publish.git import gitops
from stages.publish.git.gitops import Bump, cloned
from stages.publish.git.rollout import Rollout
from stages.publish.tests.conftest import AGENT, OLD, PATH, VERSION, git, install_hook, nothing_changes, push

RULE = "that is a rule of the server's own: ask whoever keeps it"
MESSAGE = f"Bump {AGENT} to {VERSION}\n"


def bump(
    repository: Path | str,
    branch: str = "",
    version: str = VERSION,
    agent: str = AGENT,
    fields: tuple[FieldBump, ...] = (),
) -> Bump:
    with cloned(str(repository)) as clone:
        rollout = Rollout(agent, version, fields, clone.shown)
        return clone.bump(rollout, clone.branches.chosen(branch), MESSAGE)


def refusal_of(repository: Path | str, branch: str = "") -> str:
    with pytest.raises(StageError) as refusal:
        bump(repository, branch)
    return str(refusal.value)


def test_the_bump_is_one_commit_on_the_tip(repository: Path) -> None:
    tip = git(repository, "rev-parse", "main")
    made = bump(repository)
    assert made == Bump(git(repository, "rev-parse", "main"), "main", True)
    assert git(repository, "rev-parse", f"{made.commit}^") == tip
    assert git(repository, "show", f"main:{PATH}") == VERSION
    assert git(repository, "show", "main:README.md") == "# homelab"


def test_a_version_that_is_there_already_needs_no_commit(repository: Path, work: Path) -> None:
    made = bump(repository)
    git(work, "pull", "-q", "origin", "main")
    push(work, "Write about it", **{"README.md": "# home\n"})
    with nothing_changes(repository):
        assert bump(repository) == Bump(made.commit, "main", False)


def test_the_tip_alone_is_fetched_and_the_commit_of_an_old_version_is_found(repository: Path, work: Path) -> None:
    made = bump(repository)
    lines = [f"commit refs/heads/main\ncommitter A <a@b> {number} +0000\ndata 1\nx\n" for number in range(150)]
    lines[0] += f"from {made.commit}\n"
    feed = "".join(f"{line}M 100644 inline README.md\ndata 3\n{number:03}\n" for number, line in enumerate(lines))
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=feed.encode(), check=True)
    with cloned(str(repository)) as clone:
        assert not clone.is_rolled_out(Rollout(AGENT, OLD, (), clone.shown), "main")
        assert clone.repo.git.rev_list("--count", "--all") == "1"
    assert bump(repository) == Bump(made.commit, "main", False)


def test_a_missing_file_is_created_in_the_agents_folder(repository: Path, work: Path) -> None:
    git(work, "mv", PATH, f"flux/ai/{AGENT}/OTHER")
    push(work, "Take the file away")
    bump(repository)
    assert git(repository, "ls-tree", "main", PATH).split()[0] == "100644"


def test_another_branch_is_pushed_to_by_name(repository: Path) -> None:
    git(repository, "branch", "staging", "main")
    git(repository, "tag", "staging", "main")
    bump(repository, "staging")
    assert git(repository, "show", f"refs/heads/staging:{PATH}") == VERSION
    assert git(repository, "show", f"refs/heads/main:{PATH}") == OLD


def overtaken(monkeypatch: pytest.MonkeyPatch, first: Callable[[], object]) -> None:
    """Lets somebody else do something between the first fetch and the first push."""
    others = [first]
    really_push = gitops.GitopsRepository._push

    def push_late(self: gitops.GitopsRepository, commit: str, branch: str, expected: str) -> None:
        for other in others[:1]:
            others.clear()
            other()
        really_push(self, commit, branch, expected)

    monkeypatch.setattr(gitops.GitopsRepository, "_push", push_late)


def test_a_push_by_somebody_else_in_between_is_built_upon(
    repository: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaken(monkeypatch, lambda: push(work, "Overtake", **{"README.md": "# overtaken\n"}))
    bump(repository)
    assert git(repository, "log", "--format=%s", "main").splitlines() == [MESSAGE.strip(), "Overtake", "Add the agent"]
    assert git(repository, "show", "main:README.md") == "# overtaken"


def test_a_history_that_is_written_anew_in_between_is_built_upon(
    repository: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rewrite() -> None:
        git(work, "commit", "-q", "--amend", "-m", "Begin anew")
        git(work, "push", "-q", "--force", "origin", "main")

    overtaken(monkeypatch, rewrite)
    bump(repository)
    assert git(repository, "log", "--format=%s", "main").splitlines() == [MESSAGE.strip(), "Begin anew"]


def test_a_commit_that_is_taken_away_in_between_does_not_come_back(
    repository: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(work, "A mistake", **{"README.md": "# oops\n"})
    overtaken(monkeypatch, lambda: git(work, "push", "-q", "--force", "origin", "HEAD^:main"))
    bump(repository)
    assert git(repository, "log", "--format=%s", "main").splitlines() == [MESSAGE.strip(), "Add the agent"]


def at_once(*publishers: Callable[[], object]) -> list[Any]:
    """Returns what each of the publishers returned, all started at the same time."""
    with ThreadPoolExecutor(len(publishers)) as pool:
        return [started.result() for started in [pool.submit(publisher) for publisher in publishers]]


def test_sixteen_agents_at_once_all_get_through(repository: Path, work: Path) -> None:
    agents = [f"agent-{number}" for number in range(16)]
    for agent in agents:
        (work / "flux/ai" / agent).mkdir()
        (work / "flux/ai" / agent / "VERSION").write_text("1\n")
    push(work, "Add agents")
    at_once(*(partial(bump, repository, agent=agent) for agent in agents))
    assert {git(repository, "show", f"main:flux/ai/{agent}/MODEL_VERSION") for agent in agents} == {VERSION}
    assert git(repository, "rev-list", "--count", "main") == "18"


def test_sixteen_runs_of_one_version_make_one_commit(repository: Path) -> None:
    made = at_once(*[partial(bump, repository)] * 16)
    assert {each.commit for each in made} == {git(repository, "rev-parse", "main")}
    assert git(repository, "rev-list", "--count", "main") == "2"


def test_a_push_that_a_hook_rejects_is_told_with_its_reason(repository: Path) -> None:
    install_hook(repository, "pre-receive", "echo 'main is frozen until Monday' >&2; exit 1")
    with nothing_changes(repository):
        reason = refusal_of(repository)
    told = "pre-receive hook declined; main is frozen until Monday"
    assert reason == f"the repository {repository}, branch main, does not accept the push: {told}; {RULE}"


def test_a_push_that_the_server_takes_back_is_noticed(repository: Path) -> None:
    install_hook(repository, "post-receive", "read old new ref; git update-ref $ref $old")
    reason = refusal_of(repository)
    assert reason.startswith(f"the push was accepted, but branch main of {repository} does not hold commit ")


def test_a_checked_out_branch_is_not_pushed_to(work: Path) -> None:
    expected = (
        f"the repository {work}, branch main, does not accept the push: branch is currently checked out; refusing"
    )
    assert refusal_of(work).startswith(expected)


@pytest.mark.parametrize("linked", ["flux", "flux/ai", f"flux/ai/{AGENT}"])
def test_a_link_in_the_place_of_a_folder_is_refused(repository: Path, work: Path, linked: str) -> None:
    git(work, "mv", linked, "elsewhere")
    (work / linked).parent.mkdir(parents=True, exist_ok=True)
    (work / linked).symlink_to(os.path.relpath(work / "elsewhere", (work / linked).parent))
    push(work, "Link")
    with nothing_changes(repository):
        reason = refusal_of(repository)
    told = f"publish writes {PATH} only where the agent's folder is"
    assert reason == f"{linked} is no folder in {repository}; {told}"


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_model_version_that_is_no_regular_file_is_refused(
    repository: Path, work: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "outside").write_text("untouched")
    (work / PATH).unlink()
    if kind == "link":
        (work / PATH).symlink_to(tmp_path / "outside")
    else:
        (work / PATH).mkdir()
        (work / PATH / "file").write_text("x")
    push(work, "Change its kind")
    with nothing_changes(repository):
        reason = refusal_of(repository)
    assert reason == f"{PATH} in {repository} is no regular file; replace it by one"
    assert (tmp_path / "outside").read_text() == "untouched"


def test_an_agent_without_a_folder_is_named(repository: Path) -> None:
    with pytest.raises(StageError) as refusal:
        bump(repository, agent="agent-other")
    told = "publish writes flux/ai/agent-other/MODEL_VERSION only where the agent's folder is"
    assert str(refusal.value) == f"flux/ai/agent-other is missing in {repository}; {told}"


def test_a_branch_that_does_not_exist_is_named(repository: Path) -> None:
    expected = f"the repository {repository} has no branch production; its branches: main"
    assert refusal_of(repository, "production") == expected


@pytest.mark.parametrize("name", ["-f", "refs/heads/main", "HEAD", "a..b", "a b", "main.lock", "@{-1}", "a//b", "x:y"])
def test_what_cannot_be_the_name_of_a_branch_is_refused(repository: Path, name: str) -> None:
    expected = f"{name!r} cannot be the name of a branch; give one as `git branch` lists it"
    assert refusal_of(repository, name) == expected


def test_a_default_branch_that_does_not_exist_is_told(repository: Path) -> None:
    git(repository, "symbolic-ref", "HEAD", "refs/heads/gone")
    expected = f"the repository {repository} has no default branch; give one by its name; its branches: main"
    assert refusal_of(repository) == expected


def test_an_empty_repository_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    expected = f"the repository {tmp_path / 'empty.git'} is empty; push the agents' folders first"
    assert refusal_of(tmp_path / "empty.git") == expected


def test_a_repository_that_does_not_answer_is_named_without_the_secret(tmp_path: Path) -> None:
    reason = refusal_of(f"file://anna:geheim@localhost{tmp_path}/missing.git")
    assert reason.startswith(f"the repository file://localhost{tmp_path}/missing.git cannot be cloned: ")
    assert "geheim" not in reason


def test_filters_and_hooks_of_the_repository_do_not_run(repository: Path, work: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    push(work, "Ask for a filter", **{".gitattributes": "MODEL_VERSION filter=evil text eol=crlf\n"})
    install_hook(repository, "post-checkout", f"touch {marker}")
    bump(repository)
    assert not marker.exists()
    assert git(repository, "cat-file", "blob", f"main:{PATH}") == VERSION


def test_the_identity_and_signing_of_the_machine_are_not_used(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text("[user]\nname = Anna\n[commit]\ngpgsign = true\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    commit = bump(repository).commit
    assert git(repository, "log", "-1", "--format=%an %G?", commit) == "agent-training N"

"""Which version in Git a new one replaces: the one that it was compared with, and none that a person put there."""

import dataclasses
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared import names
from stages.publish.contract import Inputs
from stages.publish.git import gitops
from stages.publish.operate.__main__ import main
from stages.publish.registered_version import Registry
from stages.publish.succession import estranged
from stages.publish.tests.conftest import (
    AGENT,
    MODEL,
    OLD,
    PATH,
    VERSION,
    aliases,
    deploying,
    git,
    nothing_changes,
    publish,
    push,
    refusal_of,
    register,
)

OTHER, NEWER = "v20251210-bbbbbbbb", "v20260101-cccccccc"
MODES = ["push", "branch"]


def put(work: Path, version: str) -> str:
    """Commits another version by hand, as Anna; returns the commit."""
    git(work, "pull", "-q", "origin", "main")
    return push(work, "Change it by hand", **{PATH: f"{version}\n"})


def know(client: MlflowClient, version: str, status: str = names.PUBLISHED) -> None:
    """Lets MLflow have a version."""
    tags = {names.VERSION_TAG: version, names.CONTENT_TAG: "11" * 32, names.STATUS_TAG: status}
    client.create_model_version(MODEL, "file:///model", client.create_run("0").info.run_id, tags=tags)


@pytest.mark.parametrize("mode", MODES)
def test_a_version_that_a_person_put_there_stays(
    registered: Inputs, repository: Path, work: Path, store: Path, database: Path, mode: str
) -> None:
    commit = put(work, OTHER)
    when = git(work, "log", "-1", "--format=%cI")
    with nothing_changes(repository, store, database):
        refused = refusal_of(deploying(registered, mode=mode))
    standing = f"{PATH} on main of {repository} names '{OTHER}', committed by Anna at {when} ({commit[:12]})"
    reason = f"{VERSION} was compared with {OLD}; MLflow does not know it: commit {OLD} there, and run again"
    assert refused == f"{standing}: {reason}"
    put(work, OLD)
    assert publish(registered).outcome.startswith("published " if mode == "push" else "proposed ")


def test_one_that_mlflow_knows_can_be_made_the_champion_first(
    registered: Inputs, repository: Path, work: Path, client: MlflowClient
) -> None:
    know(client, OTHER)
    put(work, OTHER)
    assert refusal_of(registered).endswith(
        f"{VERSION} was compared with {OLD}; to keep it, `make reconcile AGENT={AGENT}` and run the workflow anew; "
        f"to replace it, commit {OLD} there, and run again"
    )


def test_one_that_was_rejected_is_told_as_that(registered: Inputs, work: Path, client: MlflowClient) -> None:
    know(client, OTHER, names.REJECTED)
    put(work, OTHER)
    assert f"MLflow has it as rejected: commit {OLD} there" in refusal_of(registered)


def test_a_newer_one_is_told_as_newer(registered: Inputs, work: Path) -> None:
    put(work, NEWER)
    assert f"{VERSION} was compared with {OLD}, and that one is newer; " in refusal_of(registered)


def test_an_agent_whose_model_was_taken_away_gets_none_by_itself(registered: Inputs, work: Path) -> None:
    put(work, "none")
    assert refusal_of(registered).endswith(
        f"{VERSION} was compared with {OLD}; if the agent is to have a model again, commit {OLD} there, and run again"
    )


@pytest.mark.parametrize("content", ["", "\n"])
def test_a_file_that_names_nothing_is_filled(registered: Inputs, repository: Path, work: Path, content: str) -> None:
    push(work, "Empty it", **{PATH: content})
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


def test_what_the_file_says_besides_a_version_is_told_in_one_short_line(registered: Inputs, work: Path) -> None:
    push(work, "Explain", **{PATH: "\x1b[31m# the model\n" + "x" * 1000})
    refused = refusal_of(registered)
    assert "\x1b" not in refused and len(refused) < 700


def first(inputs: Inputs, client: MlflowClient) -> Inputs:
    """Returns the inputs of the first version of an agent: compared with nothing."""
    register(client, inputs)
    client.delete_registered_model_alias(MODEL, names.CHAMPION)
    return dataclasses.replace(inputs, champion="")


@pytest.mark.parametrize("version", ["none", "v20251101-dddddddd", "latest"])
def test_the_first_version_replaces_what_mlflow_never_knew(
    inputs: Inputs, repository: Path, work: Path, client: MlflowClient, version: str
) -> None:
    put(work, version)
    assert publish(first(inputs, client)).bump_commit == git(repository, "rev-parse", "main")


@pytest.mark.parametrize("version", [OLD, NEWER])
def test_the_first_version_replaces_none_that_another_run_published_and_none_that_is_newer(
    inputs: Inputs, work: Path, client: MlflowClient, version: str
) -> None:
    if version != OLD:  # that is there
        put(work, version)
    assert f"{VERSION} was compared with no version" in refusal_of(first(inputs, client))


def test_a_second_run_finds_what_the_first_one_did(registered: Inputs, repository: Path) -> None:
    publish(registered)
    with nothing_changes(repository):
        assert publish(registered).outcome == f"already published: {VERSION}"


def test_a_second_run_undoes_nothing_that_a_person_did_meanwhile(
    registered: Inputs, repository: Path, work: Path
) -> None:
    publish(registered)
    put(work, OLD)
    with nothing_changes(repository):
        refused = refusal_of(registered)
    assert f"names '{OLD}', committed by Anna at " in refused
    assert f"{VERSION} was published before, and something else was put in its place; " in refused


def test_a_rolled_back_version_is_published_again_by_a_new_run(
    registered: Inputs, repository: Path, client: MlflowClient, store: Path
) -> None:
    publish(registered)
    client.set_registered_model_alias(MODEL, names.CHAMPION, "1")
    before = git(repository, "rev-parse", "main^")
    git(repository, "update-ref", "refs/heads/main", before)
    publish(registered)
    assert git(repository, "show", f"main:{PATH}") == VERSION
    assert aliases(client)["champion"] == "2"


def test_a_version_that_is_put_there_while_this_one_is_stored_stays(
    registered: Inputs, repository: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_push = gitops.GitopsRepository._push
    others = [OTHER]

    def push_late(self: gitops.GitopsRepository, commit: str, branch: str, expected: str) -> None:
        if others:
            put(work, others.pop())
        really_push(self, commit, branch, expected)

    monkeypatch.setattr(gitops.GitopsRepository, "_push", push_late)
    assert f"names '{OTHER}', committed by Anna" in refusal_of(registered)
    assert git(repository, "show", f"main:{PATH}") == OTHER


def test_a_proposal_that_a_person_changed_stays(registered: Inputs, repository: Path, work: Path) -> None:
    publish(deploying(registered, mode="branch"))
    proposal = f"agent-training/{AGENT}/{VERSION}"
    git(work, "fetch", "-q", "origin", proposal)
    git(work, "checkout", "-q", "-b", "proposed", "FETCH_HEAD")
    (work / PATH).write_text(f"{OTHER}\n")
    git(work, "commit", "-qam", "Propose another")
    git(work, "push", "-q", "origin", f"HEAD:refs/heads/{proposal}")
    with nothing_changes(repository):
        assert f"on {proposal} of {repository} names '{OTHER}', committed by Anna" in refusal_of(registered)


def test_a_rollback_names_what_it_replaces_and_replaces_nothing_else(
    registered: Inputs,
    repository: Path,
    work: Path,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(registered)
    put(work, OTHER)
    rollback = ["rollback", "--agent", AGENT, "--repository", str(repository), "--version", VERSION]
    really_push = gitops.GitopsRepository._push
    others = [NEWER]

    def push_late(self: gitops.GitopsRepository, commit: str, branch: str, expected: str) -> None:
        if others:
            put(work, others.pop())
        really_push(self, commit, branch, expected)

    monkeypatch.setattr(gitops.GitopsRepository, "_push", push_late)
    assert main(rollback) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert f"names '{NEWER}', committed by Anna" in told and told.endswith("look at it, and run again")
    assert main(rollback) == 0
    assert git(repository, "show", f"main:{PATH}") == VERSION
    assert f"It replaces {NEWER}." in git(repository, "log", "-1", "--format=%B", "main")


@pytest.mark.parametrize(
    ("deployed", "told"),
    [
        (OLD, ""),
        ("", ""),
        ("none", f"MODEL_VERSION names 'none', but the champion of {AGENT} is {OLD}; commit {OLD} there"),
        (OTHER, f"MODEL_VERSION names '{OTHER}', but the champion of {AGENT} is {OLD}; commit {OLD} there"),
        (
            VERSION,
            f"MODEL_VERSION names '{VERSION}', but the champion of {AGENT} is {OLD}; "
            f"`make reconcile AGENT={AGENT}` makes it that, or commit {OLD} there",
        ),
    ],
)
def test_before_training_it_is_told_what_nothing_could_replace(
    registered: Inputs, client: MlflowClient, deployed: str, told: str
) -> None:
    assert estranged(Registry.of(client, AGENT), deployed) == told


@pytest.mark.parametrize("deployed", ["", "none", OTHER])
def test_before_the_first_model_there_is_nothing_to_tell(client: MlflowClient, deployed: str) -> None:
    assert estranged(Registry.of(client, AGENT), deployed) == ""

"""What is done with published versions: verify, roll back and forward, reconcile, and their history."""

import dataclasses
import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared import model_stages, names
from stages.publish.contract import Inputs
from stages.publish.main import run
from stages.publish.operate.__main__ import main
from stages.publish.tests.conftest import MODEL, OLD, PATH, VERSION, aliases, git, nothing_changes, push
from tests import samples

NEXT = "v20251231-89abcdef"
AGENT = str(samples.AGENT["agent"])


@pytest.fixture
def published(registered: Inputs, client: MlflowClient) -> Inputs:
    """The first version, published and followed by NEXT: both are in the store, NEXT is the champion."""
    run(registered, registered.dataset.path.parent)
    run(challenger(registered, client), registered.dataset.path.parent)
    return registered


def challenger(inputs: Inputs, client: MlflowClient, mode: str = "push") -> Inputs:
    """Returns the inputs of NEXT, which is registered."""
    folder = inputs.dataset.path.parent
    model = samples.write_model(folder / "next-model", b"\1\2\3\4")
    (folder / "dataset" / "agent.json").write_text(json.dumps(samples.AGENT | {"config": {"deploy": {"mode": mode}}}))
    tags = {names.VERSION_TAG: NEXT, names.CONTENT_TAG: model.content_digest(), names.STATUS_TAG: names.REGISTERED}
    trained = client.create_run("0").info
    client.create_model_version(MODEL, f"{trained.artifact_uri}/model", trained.run_id, tags=tags)
    return dataclasses.replace(inputs, model=model, model_version=NEXT, champion=VERSION)


def told(capsys: pytest.CaptureFixture[str], command: str, repository: Path, *options: str) -> tuple[int, str, str]:
    """Returns the exit code of a command, what it printed, and the last line on stderr."""
    capsys.readouterr()
    code = main([command, "--agent", AGENT, "--repository", str(repository), *options])
    printed = capsys.readouterr()
    return code, printed.out, (printed.err.splitlines() or [""])[-1]


def test_a_published_version_is_verified_line_by_line(
    published: Inputs, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, _ = told(capsys, "verify", repository)
    assert code == 0
    assert [line.split()[:2] for line in lines.splitlines()] == [
        ["ok", "git"],
        ["ok", "registry"],
        ["ok", "store"],
        ["ok", "content"],
        ["--", "signature"],
    ]
    assert f"MODEL_VERSION on main names {NEXT}" in lines
    assert f"version 3 of {MODEL} is the champion, and published" in lines


@pytest.mark.parametrize("damage", ["blob", "manifest", "alias", "unknown"])
def test_what_does_not_fit_together_fails_its_own_check(
    published: Inputs,
    repository: Path,
    work: Path,
    store: Path,
    client: MlflowClient,
    capsys: pytest.CaptureFixture[str],
    damage: str,
) -> None:
    manifest = store / AGENT / NEXT / "manifest.json"
    if damage == "blob":
        weights = json.loads(manifest.read_text())["files"]["model.safetensors"]["sha256"]
        (store / "blobs" / "sha256" / weights).write_bytes(b"bits")
    elif damage == "manifest":
        manifest.unlink()
    elif damage == "alias":
        client.set_registered_model_alias(MODEL, names.CHAMPION, "2")
    else:
        git(work, "pull", "-q", "origin", "main")
        push(work, "Go to a version that nobody knows", **{PATH: "v20260101-ffffffff\n"})
    code, lines, last = told(capsys, "verify", repository)
    failed = [line.split()[1] for line in lines.splitlines() if line.startswith("FAILED")]
    expected = {"blob": ["store"], "manifest": ["store"], "alias": ["registry"], "unknown": ["registry", "store"]}
    assert (code, failed) == (1, expected[damage])
    assert last == f"verify: {len(failed)} of {len(lines.splitlines())} checks of {AGENT} failed"
    says = {
        "blob": "(model.safetensors) is damaged",
        "manifest": "holds no manifest.json",
        "alias": f"is not the champion, which is {VERSION}; `make reconcile AGENT={AGENT}` moves the alias",
        "unknown": f"MLflow has no version v20260101-ffffffff of {MODEL}",
    }
    assert says[damage] in lines


def test_a_key_makes_the_signature_a_check(
    registered: Inputs,
    repository: Path,
    keys: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SIGNING_KEY", keys["private"])
    run(registered, registered.dataset.path.parent)
    monkeypatch.delenv("SIGNING_KEY")
    for key, mark in (("public", "ok"), ("other public", "FAILED")):
        monkeypatch.setenv("VERIFY_KEY", keys[key])
        _, lines, _ = told(capsys, "verify", repository)
        assert lines.splitlines()[-1].split()[:2] == [mark, "signature"], lines


def test_rolling_back_and_forward_are_commits_that_say_why(
    published: Inputs, repository: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    before = git(repository, "rev-parse", "main")
    code, lines, _ = told(capsys, "rollback", repository, "--reason", "It restarts healthy pods.")
    assert code == 0
    assert f"{VERSION} is the champion of {AGENT} now; before it was {NEXT}" in lines
    assert git(repository, "show", f"main:{PATH}") == VERSION
    assert git(repository, "diff", "--name-only", before, "main") == PATH
    subject, _, rest = git(repository, "log", "-1", "--format=%B", "main").partition("\n\n")
    assert subject == f"Roll {AGENT} back to {VERSION}"
    assert rest.startswith(f"It restarts healthy pods. It replaces {NEXT}.\n\nModel-Version: {VERSION}\n")
    assert aliases(client) == {"champion": "2", "previous": "3"}

    assert told(capsys, "rollback", repository)[0] == 0  # the champion before is NEXT now
    assert git(repository, "show", f"main:{PATH}") == NEXT
    assert git(repository, "log", "-1", "--format=%s", "main") == f"Roll {AGENT} forward to {NEXT}"
    assert aliases(client) == {"champion": "3", "previous": "2"}
    assert told(capsys, "verify", repository)[0] == 0


def test_rolling_back_to_where_one_is_changes_nothing(
    published: Inputs, repository: Path, database: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with nothing_changes(repository, database, store):
        code, lines, _ = told(capsys, "rollback", repository, "--version", NEXT)
    assert (code, lines.splitlines()[-1]) == (0, f"{NEXT} is the champion of {AGENT} already")


def test_only_a_whole_and_approved_version_is_gone_back_to(
    published: Inputs,
    repository: Path,
    database: Path,
    store: Path,
    client: MlflowClient,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = json.loads((store / AGENT / VERSION / "manifest.json").read_text())["files"]["model.safetensors"]
    blob = store / "blobs" / "sha256" / weights["sha256"]
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + b"x")
    with nothing_changes(repository, database, store):
        code, _, last = told(capsys, "rollback", repository)
        assert code == 1 and "(model.safetensors) is damaged" in last
        _, _, last = told(capsys, "rollback", repository, "--version", "v20260101-ffffffff")
        assert last.startswith(f"rollback: MLflow has no version v20260101-ffffffff of {MODEL}; it has {NEXT}")
    client.set_model_version_tag(MODEL, "2", names.STATUS_TAG, names.REJECTED)
    client.set_model_version_tag(MODEL, "2", names.DECISION_TAG, "accuracy 0.70 is below 0.80")
    _, _, last = told(capsys, "rollback", repository)
    assert last == f"rollback: {VERSION} was rejected (accuracy 0.70 is below 0.80); it cannot be rolled out"


def test_a_merged_proposal_becomes_the_champion_by_reconciling(
    registered: Inputs, repository: Path, work: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run(registered, registered.dataset.path.parent)
    run(challenger(registered, client, mode="branch"), registered.dataset.path.parent)
    code, lines, _ = told(capsys, "verify", repository)
    assert code == 0
    assert lines.splitlines()[-1].endswith(f"{NEXT} is published, not deployed: nobody has merged its branch yet")
    code, lines, _ = told(capsys, "reconcile", repository)
    assert (code, lines) == (0, f"{VERSION} is the champion of {AGENT} already\n")

    git(work, "pull", "-q", "origin", "main")
    git(work, "fetch", "-q", "origin")
    git(work, "merge", "-q", "--no-edit", f"origin/agent-training/{AGENT}/{NEXT}")
    git(work, "push", "-q", "origin", "main")
    assert told(capsys, "verify", repository)[0] == 1  # the alias lags behind
    code, lines, _ = told(capsys, "reconcile", repository)
    assert (code, lines) == (0, f"{NEXT} is the champion of {AGENT} now; before it was {VERSION}\n")
    assert aliases(client) == {"champion": "3", "previous": "2"}
    assert told(capsys, "verify", repository)[0] == 0


def test_a_proposal_that_was_merged_before_is_made_anew(
    published: Inputs, repository: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(work, "pull", "-q", "origin", "main")
    config = f"flux/ai/{AGENT}/training/config.yaml"
    (work / config).parent.mkdir()
    push(work, "Propose from now on", **{config: "deploy: {mode: branch}\n"})
    proposal = f"agent-training/{AGENT}/{VERSION}-for-{NEXT}"
    for _ in range(2):
        assert told(capsys, "rollback", repository, "--version", VERSION)[0] == 0
        git(work, "fetch", "-q", "origin")
        git(work, "merge", "-q", "--no-edit", f"origin/{proposal}")
        assert (work / PATH).read_text() == f"{VERSION}\n"
        push(work, "Go forward by hand", **{PATH: f"{NEXT}\n"})


def test_what_git_names_and_the_store_does_not_have_is_not_made_the_champion(
    published: Inputs, repository: Path, work: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(work, "pull", "-q", "origin", "main")
    push(work, "Go back by hand, too far", **{PATH: f"{OLD}\n"})
    with nothing_changes(database):
        code, _, last = told(capsys, "reconcile", repository)
    assert code == 1
    assert last.startswith(f"reconcile: Git names {OLD}, but ") and last.endswith(
        "holds no manifest.json; publish it again, or roll back"
    )


def test_an_agent_without_a_model_is_told_so(
    inputs: Inputs, repository: Path, work: Path, capsys: pytest.CaptureFixture[str], client: MlflowClient
) -> None:
    push(work, "Take the model away", **{PATH: "none\n"})
    code, lines, _ = told(capsys, "verify", repository)
    assert (code, lines) == (0, f"--      git        MODEL_VERSION of {AGENT} on main names no model yet\n")
    assert told(capsys, "history", repository)[1] == f"MLflow has no version of {AGENT} yet\n"
    assert told(capsys, "reconcile", repository)[1] == f"MODEL_VERSION of {AGENT} names no model yet; nothing to do\n"
    assert "has no champion before this" in told(capsys, "rollback", repository)[2]


def test_an_agent_that_the_repository_does_not_have_is_named(
    published: Inputs, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("verify", "rollback", "reconcile", "history"):
        assert main([command, "--agent", "agent-x", "--repository", str(repository)]) == 1
        assert f"{command}: there is no agent agent-x in {repository} on main" in capsys.readouterr().err


def test_a_deploy_block_that_cannot_be_used_fails_one_check(
    published: Inputs, repository: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(work, "pull", "-q", "origin", "main")
    config = f"flux/ai/{AGENT}/training/config.yaml"
    (work / config).parent.mkdir()
    push(work, "Mistype the mode", **{config: "deploy: {mode: pr}\n"})
    code, lines, _ = told(capsys, "verify", repository)
    assert code == 1
    assert [line.split()[0] for line in lines.splitlines()] == ["FAILED", "ok", "ok", "ok", "--", "--"]
    assert f"deploy in {config} cannot be used: 'pr' is no mode" in lines


def test_the_history_tells_each_version_and_what_it_is_now(
    published: Inputs, repository: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.set_model_version_tag(MODEL, "3", "accuracy", "0.9592")
    told(capsys, "rollback", repository)
    _, lines, _ = told(capsys, "history", repository)
    head, *rows = [line.split() for line in lines.splitlines()]
    assert head == ["version", "registered", "accuracy", "status", "rolled", "out", "now"]
    today = rows[0][1]
    assert rows[0] == [NEXT, today, "0.9592", "published", today, "previous"]
    assert rows[1] == [VERSION, today, "published", today, "champion,", "deployed"]
    assert rows[2][0] == OLD


def test_mlflow_s_stages_follow_the_champion_where_they_are_asked_for(
    published: Inputs,
    repository: Path,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_STAGES", "true")
    told(capsys, "rollback", repository)
    assert client.get_model_version(MODEL, "2").current_stage == model_stages.PRODUCTION
    told(capsys, "rollback", repository)
    stages = {number: client.get_model_version(MODEL, number).current_stage for number in ("2", "3")}
    assert stages == {"2": model_stages.ARCHIVED, "3": model_stages.PRODUCTION}

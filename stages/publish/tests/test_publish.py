"""Publishing: what is where afterwards, that it happens once, and what is refused."""

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared import archive, names
from shared.errors import StageError
from stages.publish.contract import Inputs, Outputs
from stages.publish.store.bundle import files_of
from stages.publish.tests.conftest import (
    DECISION,
    MODEL,
    OLD,
    PATH,
    VERSION,
    aliases,
    git,
    nothing_changes,
    publish,
    push,
    refusal_of,
    register,
)
from tests import samples


def test_an_approved_model_is_stored_bumped_and_made_champion(
    registered: Inputs, store: Path, repository: Path, client: MlflowClient
) -> None:
    outputs = publish(registered)
    uri = f"{store.as_uri()}/agent-test/{VERSION}"
    assert outputs == Outputs(
        f"published {VERSION}: accuracy 0.90, stored at {uri}, MODEL_VERSION bumped in {repository} on main",
        uri,
        uri,
        git(repository, "rev-parse", "main"),
    )
    assert git(repository, "show", f"main:{PATH}") == VERSION
    assert aliases(client) == {"champion": "2", "previous": "1"}
    assert client.get_model_version(MODEL, "2").tags[names.STATUS_TAG] == "published"


def test_publishing_twice_changes_nothing(registered: Inputs, store: Path, repository: Path, database: Path) -> None:
    first = publish(registered)
    with nothing_changes(store, repository, database):
        again = publish(registered)
    assert again == Outputs(f"already published: {VERSION}", first.model_uri, first.model_page, first.bump_commit)


def test_the_rerun_of_the_whole_workflow_changes_nothing(
    registered: Inputs, store: Path, repository: Path, database: Path
) -> None:
    publish(registered)
    report = {"base": {"accuracy": 0.4}, "tuned": {"accuracy": 0.9, "latency_ms": {"p50": 99.0}}}
    (registered.evaluation.path / "report.json").write_text(json.dumps(report))
    with nothing_changes(store, repository, database):
        again = publish(dataclasses.replace(registered, champion=VERSION))
    assert again.outcome == f"already published: {VERSION}"


def test_a_rejected_model_changes_nothing(registered: Inputs, store: Path, repository: Path, database: Path) -> None:
    rejected = dataclasses.replace(registered, approved=False, decision="accuracy 0.71 on 4 rows is below 0.80")
    with nothing_changes(store, repository, database):
        outputs = publish(rejected)
    assert outputs == Outputs("rejected: accuracy 0.71 on 4 rows is below 0.80", "", "", "")


def test_an_outcome_fits_an_output(registered: Inputs) -> None:
    outputs = publish(dataclasses.replace(registered, approved=False, decision="ä" * 512))
    assert outputs.outcome == "rejected: " + "ä" * 507


def test_the_first_model_of_an_agent_has_no_predecessor(inputs: Inputs, client: MlflowClient, work: Path) -> None:
    register(client, inputs)
    push(work, "There is no model yet", **{PATH: "none\n"})
    client.delete_registered_model_alias(MODEL, "champion")
    publish(dataclasses.replace(inputs, champion=""))
    assert aliases(client) == {"champion": "2"}


def test_the_manifest_names_every_file_and_where_it_came_from(registered: Inputs, store: Path) -> None:
    (registered.dataset.path / "README.md").write_text("# card")
    publish(registered)
    manifest = json.loads((store / "agent-test" / VERSION / "manifest.json").read_text())
    files = manifest.pop("files")
    assert manifest == {
        "format": "agent-training-manifest/2",
        "agent": "agent-test",
        "version": VERSION,
        "name": "agent-test-functiongemma-20251224-01234567",
        "content_sha256": registered.model.content_digest(),
        "dataset_sha256": archive.digest(registered.dataset.path),
        "source_commit": samples.COMMIT,
    }
    assert list(files) == [
        "README.md",
        "adapters/adapter_config.json",
        "adapters/adapters.safetensors",
        "base.json",
        "calls.json",
        "config.json",
        "dataset/README.md",
        "dataset/agent.json",
        "evaluation/predictions.jsonl",
        "evaluation/probe.json",
        "evaluation/report.html",
        "evaluation/report.json",
        "model.safetensors",
        "prompt.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    blobs = {path.name: path.stat().st_size for path in (store / "blobs" / "sha256").iterdir()}
    assert {entry["sha256"]: entry["size"] for entry in files.values()} == blobs
    assert files["model.safetensors"]["sha256"] == archive.digest(registered.model.path / "model.safetensors")


def test_a_file_of_the_model_cannot_hide_what_else_is_stored(registered: Inputs) -> None:
    (registered.model.path / "evaluation").mkdir()
    (registered.model.path / "evaluation" / "report.json").write_text("{}")
    with pytest.raises(StageError) as refusal:
        files_of(registered)
    told = "the model holds a file evaluation/report.json, whose name is needed in the store; rename it"
    assert str(refusal.value) == told


def test_the_commit_tells_why_and_leads_back(
    registered: Inputs, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "a1b2c3")
    commit = publish(registered).bump_commit
    message = git(repository, "log", "-1", "--format=%B", commit)
    subject, reason, _ = message.split("\n\n")
    assert (subject, reason.replace("\n", " ")) == (f"Bump agent-test to {VERSION}", f"A{DECISION[1:]}.")
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message, capture_output=True, text=True, check=True
    )
    assert parsed.stdout.splitlines() == [
        f"Model-Version: {VERSION}",
        f"Model-Sha256: {registered.model.content_digest()}",
        "Mlflow-Run: 0123abcd",
        f"Dataset-Sha256: {archive.digest(registered.dataset.path)}",
        f"Runbook-Commit: {samples.COMMIT}",
        "Flyte-Execution: a1b2c3",
    ]
    authors = git(repository, "log", "-1", "--format=%an <%ae> %cn <%ce>", commit)
    assert authors == " ".join(["agent-training <agent-training@localhost>"] * 2)
    assert git(repository, "diff-tree", "-r", "--no-commit-id", "--name-only", commit) == PATH


def test_an_approval_that_the_evaluation_does_not_bear_out_is_refused(
    registered: Inputs, store: Path, repository: Path, database: Path, tmp_path: Path
) -> None:
    evaluation = samples.write_evaluation(tmp_path / "bad", accuracy=0.5)
    with nothing_changes(store, repository, database):
        reason = refusal_of(dataclasses.replace(registered, evaluation=evaluation))
    found = "its evaluation says accuracy 0.5, below 0.8"
    assert reason == f"{VERSION} came as approved, but {found}; check how the stages are wired"


def test_an_evaluation_of_another_model_is_refused(registered: Inputs) -> None:
    lineage = {"inputs": {"model": {"sha256": "00" * 32}}}
    (registered.evaluation.path / "artifact.json").write_text(json.dumps(lineage))
    expected = "the Evaluation was not made from this FineTunedModel; pass the artefacts of one and the same run"
    assert refusal_of(registered) == expected


def test_a_version_that_mlflow_has_as_rejected_is_refused(
    registered: Inputs, client: MlflowClient, store: Path, repository: Path, database: Path
) -> None:
    client.set_model_version_tag(MODEL, "2", names.STATUS_TAG, names.REJECTED)
    client.set_model_version_tag(MODEL, "2", names.DECISION_TAG, "accuracy 0.71 is below 0.80")
    with nothing_changes(store, repository, database):
        reason = refusal_of(registered)
    told = "MLflow has it as rejected (accuracy 0.71 is below 0.80)"
    assert reason == f"{VERSION} came as approved, but {told}; run register again"


def test_another_model_under_the_name_of_the_version_is_refused(registered: Inputs, tmp_path: Path) -> None:
    other = samples.write_model(tmp_path / "other", b"other")
    expected = f"{VERSION} in MLflow is of another content than the model; pass the model that register got"
    assert refusal_of(dataclasses.replace(registered, model=other)) == expected


def test_a_version_that_was_never_registered_is_refused(registered: Inputs) -> None:
    reason = refusal_of(dataclasses.replace(registered, model_version=f"{VERSION}.2"))
    assert reason == f"MLflow has no version {VERSION}.2 of {MODEL}; run register first"


def test_a_version_name_that_leads_elsewhere_is_refused(registered: Inputs) -> None:
    reason = refusal_of(dataclasses.replace(registered, model_version="../../etc"))
    expected = "a name such as v20251224-abc12345, as register returns it"
    assert reason == f"model_version is '../../etc'; it must be {expected}"


def test_a_champion_that_moved_meanwhile_is_named(
    registered: Inputs, client: MlflowClient, store: Path, repository: Path, database: Path
) -> None:
    tags = {names.VERSION_TAG: "v20251225-bbbbbbbb"}
    newer = client.create_model_version(MODEL, "file:///model", tags=tags)
    client.set_registered_model_alias(MODEL, names.CHAMPION, newer.version)
    with nothing_changes(store, repository, database):
        reason = refusal_of(registered)
    now = f"the champion is v20251225-bbbbbbbb now, but {VERSION} was compared with {OLD}"
    assert reason == f"{now}; run the workflow again to compare with it"


def test_a_run_that_was_cut_off_before_the_aliases_is_completed(registered: Inputs, client: MlflowClient) -> None:
    first = publish(registered)
    client.set_registered_model_alias(MODEL, names.CHAMPION, "1")
    again = publish(registered)
    assert (again.outcome, again.bump_commit) == (first.outcome, first.bump_commit)
    assert aliases(client) == {"champion": "2", "previous": "1"}

"""What a run shows at its end, on a run folder that is made by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from git import Repo

from shared import archive
from shared.contract import PIPELINE
from tests.samples import row, write_dataset, write_evaluation
from workflows.agent_training import Result
from workflows.local.execution import ROOT
from workflows.local.summary import write_summary

VERSION = "v20251224-01234567"
SCALARS = {
    "dataset": {"rows": "16", "source_commit": "0123456789abcdef"},
    "convert": {"base_revision": "sha256:" + "ab" * 32},
    "train": {"validation_loss": "0.123456"},
    "evaluate": {"accuracy": "0.9", "accuracy_before": "0.4"},
    "register": {"model_version": VERSION},
    "publish": {"model_uri": f"file:///store/agent-test/{VERSION}"},
}
PUBLISHED = Result(
    outcome=f"published {VERSION}",
    accuracy=0.9,
    accuracy_before=0.4,
    decision="approved: accuracy 0.90 is not below 0.80",
    model_version=VERSION,
    model_uri=f"file:///store/agent-test/{VERSION}",
    model_page=f"file:///store/agent-test/{VERSION}",
    bump_commit="",
    run_id="0123456789abcdef0123456789abcdef",
    run_page="",
    evaluation="",
)
REJECTED = PUBLISHED._replace(outcome="rejected: accuracy 0.40 is below 0.80", model_uri="", bump_commit="")
ALERT = {"labels": {"alertname": "Down", "deployment": "shop-12"}, "annotations": {"summary": "[red]☃"}}
RENAMED = {"labels": {"alertname": "custom_down"}, "annotations": {}}
LOCAL = f"sqlite:///{ROOT}/.runs/mlflow/mlflow.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder as the stages leave it."""
    folder = tmp_path / "20251224-120000-agent-test"
    for number, stage in enumerate(PIPELINE):
        outputs = folder / stage / "outputs"
        outputs.mkdir(parents=True)
        record = {"stage": stage, "version": f"0.1.{number}", "seconds": 1.25 + number, "exit_code": 0, "reason": ""}
        (folder / stage / "stage.json").write_text(json.dumps(record))
        for name, text in SCALARS.get(stage, {}).items():
            (outputs / name).write_text(text)
    dataset = write_dataset(tmp_path / "dataset")
    shown = [("renamed", RENAMED), ("stated", ALERT), ("stated", RENAMED), ("missing", RENAMED)]
    test = [
        {**row(number), "alertname": kind, "notification": json.dumps(alert)}
        for number, (kind, alert) in enumerate(shown, 12)
    ]
    (dataset.path / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in test))
    archive.pack(dataset.path, folder / "dataset" / "outputs" / "dataset")
    archive.pack(write_evaluation(tmp_path / "evaluation").path, folder / "evaluate" / "outputs" / "evaluation")
    return folder


@pytest.fixture
def gitops(tmp_path: Path) -> Repo:
    """A repository whose last commit bumps MODEL_VERSION."""
    with Repo.init(tmp_path / "gitops", initial_branch="main") as repo:
        for version in ("none", VERSION):
            (tmp_path / "gitops" / "MODEL_VERSION").write_text(version + "\n")
            repo.git.add("--all")
            name = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
            repo.git.execute(["git", *name, "commit", "-qm", f"Bump to [bold]{version}"])
        return repo


def shown(
    capsys: pytest.CaptureFixture[str], folder: Path, result: Result, repository: object = "/nowhere", uri: str = LOCAL
) -> list[str]:
    """Writes the summary and returns the lines that were printed."""
    write_summary(folder, {"agent_name": "agent-test", "repository": repository}, result, uri)
    return capsys.readouterr().out.splitlines()


def test_a_published_model_is_summed_up(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert [line.rstrip() for line in shown(capsys, folder, PUBLISHED)] == [
        "",
        "stage     version  seconds  what came out",
        "dataset   0.1.0    1.2      16 rows from commit 01234567",
        "convert   0.1.1    2.2      base model sha256:ababababababa",
        "train     0.1.2    3.2      validation loss 0.1235",
        "evaluate  0.1.3    4.2      accuracy 40.0% → 90.0%",
        "register  0.1.4    5.2      agent-test-functiongemma-20251224-01234567",
        "publish   0.1.5    6.2      published",
        f"Outcome   published {VERSION}",
        "Accuracy  40.0% before, 90.0% after, on rows that training never saw",
        "Calls     false calls not measured, as no alert wants no call; 0 missed (0.0%) on 4 alerts that want one",
        f"Report    {folder}/evaluation/report.html",
        "MLflow    run 0123456789abcdef0123456789abcdef in agent-test-training; `make ui` opens its page",
        f"Model     file:///store/agent-test/{VERSION}",
        f"Try it    make ask ALERT={folder.parent}/latest/alert.json",
        "",
    ]


def test_false_and_missed_calls_stand_beside_accuracy(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    evaluation = write_evaluation(folder / "made")
    report = evaluation.report()
    report["tuned"]["false_calls"] |= {"rows": 1, "count": 1, "share": 1.0}
    report["tuned"]["missed_calls"] |= {"rows": 40, "count": 2, "share": 0.05}
    (evaluation.path / "report.json").write_text(json.dumps(report))
    archive.pack(evaluation.path, folder / "evaluate" / "outputs" / "evaluation")
    lines = shown(capsys, folder, PUBLISHED)
    told = "Calls     1 false (100.0%) on 1 alert that wants no call; 2 missed (5.0%) on 40 alerts that want one"
    assert lines[lines.index(told) - 1].startswith("Accuracy  ")


def test_an_older_evaluation_tells_no_calls(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    evaluation = write_evaluation(folder / "made")
    report = evaluation.report()
    del report["tuned"]["false_calls"]
    (evaluation.path / "report.json").write_text(json.dumps(report))
    archive.pack(evaluation.path, folder / "evaluate" / "outputs" / "evaluation")
    assert not [line for line in shown(capsys, folder, PUBLISHED) if line.startswith("Calls")]


def test_a_proposed_model_is_not_called_published(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    lines = shown(capsys, folder, PUBLISHED._replace(outcome=f"proposed {VERSION}: accuracy 0.90"))
    assert lines[7].rstrip().endswith(" proposed, waiting for the merge")


def test_programs_get_the_same_as_json(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    shown(capsys, folder, PUBLISHED)
    assert json.loads((folder / "summary.json").read_text()) == {
        "agent": "agent-test",
        "outcome": f"published {VERSION}",
        "accuracy_before": 0.4,
        "accuracy_after": 0.9,
        "false_calls": {"rows": 0, "count": 0, "share": None},
        "missed_calls": {"rows": 4, "count": 0, "share": 0.0},
        "decision": "approved: accuracy 0.90 is not below 0.80",
        "model_version": VERSION,
        "model_uri": f"file:///store/agent-test/{VERSION}",
        "bump_commit": "",
        "mlflow_run": "0123456789abcdef0123456789abcdef",
        "seconds": {stage: 1.25 + number for number, stage in enumerate(PIPELINE)},
    }


def test_a_rejected_model_is_stored_nowhere(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "publish" / "outputs" / "model_uri").write_text("")
    lines = shown(capsys, folder, REJECTED)
    assert "publish   0.1.5    6.2      nothing changed" in [line.rstrip() for line in lines]
    assert "Outcome   rejected: accuracy 0.40 is below 0.80" in lines
    assert "Model     not stored" in lines
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["model_uri"], summary["bump_commit"]) == ("", "")


def test_the_report_and_a_test_alert_with_its_own_name_lie_in_the_folder(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    shown(capsys, folder, PUBLISHED)
    assert (folder / "evaluation" / "report.html").read_text() == "<!doctype html><title>report</title>"
    assert json.loads((folder / "alert.json").read_text()) == ALERT


def test_the_bump_is_shown_as_git_shows_it(capsys: pytest.CaptureFixture[str], folder: Path, gitops: Repo) -> None:
    commit = gitops.head.commit.hexsha
    lines = shown(capsys, folder, PUBLISHED._replace(bump_commit=commit), gitops.working_dir)
    bump = lines[lines.index(f"commit {commit[:7]}") :]
    assert f"Bump to [bold]{VERSION}" in bump
    assert bump[-2:] == ["-none", f"+{VERSION}"]


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("https://git.example/homelab.git", "https://git.example/homelab.git"),
        ("https://user:secret@git.example/homelab.git", "https://git.example/homelab.git"),
        ("git@git.example:homelab.git", "git@git.example:homelab.git"),
        ("/nowhere", "/nowhere"),
    ],
)
def test_a_bump_elsewhere_is_named(
    capsys: pytest.CaptureFixture[str], folder: Path, repository: str, name: str
) -> None:
    lines = shown(capsys, folder, PUBLISHED._replace(bump_commit="ab" * 20), repository)
    assert lines[-1] == f"MODEL_VERSION was bumped by commit {'ab' * 20} of {name}"
    assert "secret" not in "".join(lines)


def test_a_server_of_ones_own_is_named(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    lines = shown(capsys, folder, PUBLISHED, uri="https://user:secret@mlflow.example")
    assert any(line.endswith("in agent-test-training; at https://mlflow.example") for line in lines)


def test_markup_and_long_lines_are_printed_as_they_are(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    outcome = "rejected: [red]accuracy[/red] [/] :smile: " + "long " * 60 + "end"
    result: Any = REJECTED._replace(outcome=outcome)
    assert f"Outcome   {outcome}" in shown(capsys, folder, result)

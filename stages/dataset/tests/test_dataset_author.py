"""What the author of a runbook is told."""

import json
from pathlib import Path

import pytest

from stages.dataset.author.__main__ import main
from stages.dataset.contract import Outputs
from stages.dataset.tests.conftest import AGENTS
from stages.dataset.tests.repositories import AGENT, HOMELAB, RUNBOOK, RUNBOOK_PATH, make, read


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int = 0) -> str:
    assert main([str(argument) for argument in arguments]) == status
    out, err = capsys.readouterr()
    return out + err


@pytest.mark.parametrize("agent", AGENTS)
def test_every_alert_of_the_example_teaches_a_call_or_says_why_not(
    agent: str, capsys: pytest.CaptureFixture[str], example_outputs: dict[str, Outputs]
) -> None:
    capsys.readouterr()
    found = json.loads(told(capsys, "lint", "--agent", agent, "--repository", HOMELAB, "--format", "json"))
    assert {finding["level"] for finding in found} == {"ok", "no call"}
    assert all(finding["line"] and finding["says"] for finding in found)


def test_the_table_tells_calls_reasons_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runbook = RUNBOOK + "\n## Alert: Idle\n\nWait.\n\n## Alert: Odd\n\n`kubectl delete pod <victim> -n <ns>`\n"
    repository = make(tmp_path / "gitops", runbook=runbook)
    assert told(capsys, "lint", "--agent", AGENT, "--repository", repository, status=1).splitlines() == [
        "3     ok      PodDown  pod-restart(name={pod}, namespace={namespace})  (line 15)",
        "18    no call Idle     holds no command",
        "22    error   Odd      line 24: <victim> (for name) is no known alert label; "
        "name one under placeholders in tools.yaml",
        "1 alerts teach a call, 1 teach that none is due; 0 warnings, 1 errors",
    ]
    annotations = told(capsys, "lint", "--agent", AGENT, "--repository", repository, "--format", "github", status=1)
    assert f"::notice file={RUNBOOK_PATH},line=18::Idle: holds no command\n" in annotations
    assert f"::error file={RUNBOOK_PATH},line=22::Odd: line 24: <victim>" in annotations


def test_a_missing_runbook_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "lint", "--agent", AGENT, "--repository", tmp_path, status=1)
    assert said == f"{tmp_path / RUNBOOK_PATH} cannot be read: No such file or directory\n"


def test_a_preview_shows_what_the_model_sees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = make(tmp_path / "gitops")
    text = told(capsys, "preview", "--agent", AGENT, "--repository", repository, "--alert", "PodDown", "--rows", "2")
    assert text.count("<start_of_turn>user\n") == 2
    assert "<start_of_turn>model\n<start_function_call>call:pod_restart{name:<escape>" in text
    assert "there is no row of Gone in train" in told(
        capsys, "preview", "--agent", AGENT, "--repository", repository, "--alert", "Gone", status=1
    )


def test_two_datasets_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = RUNBOOK.replace("pod }}", "name }}").replace("PodDown", "PodGone")
    texts = {
        "old": RUNBOOK + other,
        "new": RUNBOOK.replace("namespace }}\n```", "cluster }}\n```") + "\n## Alert: New1X\n",
    }
    for name, text in texts.items():
        read(make(tmp_path / f"git-{name}", runbook=text), tmp_path / name, unseen_alerts_share=0.0)
    capsys.readouterr()
    folders = (tmp_path / "old/dataset", tmp_path / "new/dataset")
    found = json.loads(told(capsys, "compare", *folders, "--json"))
    assert (found["added"], found["removed"]) == (["New1X"], ["PodGone"])
    answer = "pod-restart(name={pod}, namespace={%s})"
    assert found["changed"] == {"PodDown": [answer % "namespace", answer % "cluster"]}
    assert 0 < found["label_drift"] < 1
    same = told(capsys, "compare", folders[0], folders[0])
    assert same == "drift of functions 0.000, of labels 0.000 (0 is equal, 1 is disjoint)\n"
    assert "is no dataset" in told(capsys, "compare", tmp_path, folders[0], status=1)

"""What the author of a runbook is told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StageError
from stages.dataset.author.__main__ import main
from stages.dataset.contract import Outputs
from stages.dataset.tests.conftest import AGENTS
from stages.dataset.tests.repositories import (
    AGENT,
    CONFIG_PATH,
    HOMELAB,
    RUNBOOK,
    RUNBOOK_PATH,
    TOOLS,
    TOOLS_PATH,
    make,
    read,
)


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
    assert {finding["level"] for finding in found} - {"warning", "uncovered"} == {"ok", "no call"}
    warnings = [finding for finding in found if finding["level"] == "warning"]
    assert all(finding["line"] and finding["says"] for finding in found if finding not in warnings)
    known = ("the call is taught by line ", "is in a rule and not in the runbook")
    assert [finding["says"] for finding in warnings if not any(words in finding["says"] for words in known)] == []


def lines(capsys: pytest.CaptureFixture[str], repository: Path, *options: str, status: int = 0) -> list[str]:
    return told(capsys, "lint", "--agent", AGENT, "--repository", repository, *options, status=status).splitlines()


def as_json(capsys: pytest.CaptureFixture[str], repository: Path, status: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads("\n".join(lines(capsys, repository, "--format", "json", status=status)))
    return found


def test_the_table_tells_calls_reasons_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runbook = RUNBOOK + "\n## Alert: Idle\n\nWait.\n\n## Alert: Odd\n\n`kubectl delete pod <victim> -n <ns>`\n"
    repository = make(tmp_path / "gitops", runbook=runbook)
    assert lines(capsys, repository) == [
        "3     ok      PodDown  pod-restart(name={pod}, namespace={namespace})",
        "              taught by line 15, under Resolution: "
        "kubectl delete pod {{ $labels.pod }} -n {{ $labels.namespace }}",
        "18    no call Idle     holds no command",
        "22    no rows Odd      line 24: <victim> (for name) is no known alert label; "
        "name one under placeholders in tools.yaml",
        "1 alerts teach a call, 1 teach that none is due, 1 teach nothing until you decide; 0 warnings, 0 errors",
    ]
    annotations = lines(capsys, repository, "--format", "github")
    assert f"::notice file={RUNBOOK_PATH},line=18::Idle: holds no command" in annotations
    assert any(
        line.startswith(f"::warning file={RUNBOOK_PATH},line=22::Odd: line 24: <victim>") for line in annotations
    )
    assert lines(capsys, repository, "--strict", status=1)


PASSED = """## Alert: PodDown

### Diagnosis

```bash
kubectl logs {{ $labels.pod }} -n {{ $labels.namespace }}
kubectl get events
```

### Resolution

Drain the node: `kubectl drain <node>`

Never run this:

```
kubectl delete pod <pod> -n kube-system
```

Last resort: `kubectl delete pod <pod> -n spare`

```bash
kubectl delete pod <pod> -n <namespace>
kubectl delete pod <pod> -n other
```

### Escalation

`kubectl delete pod <pod> -n more`
"""


def test_what_was_passed_over_is_told_with_its_line_and_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = make(tmp_path / "gitops", runbook=PASSED)
    ok, *warnings = as_json(capsys, repository)
    assert ok["teaches"] == {
        "call": "pod-restart(name={pod}, namespace={namespace})",
        "place": "line 23",
        "command": "kubectl delete pod <pod> -n <namespace>",
        "line": 23,
        "section": "mitigation",
        "heading": "Resolution",
        "confirmed": False,
    }
    assert [(each["line"], each["why"]) for each in ok["passed_over"]] == [
        (6, "only looks"),
        (7, "only looks"),
        (12, "no function"),
        (17, "forbidden"),
        (20, "doubtful"),
        (24, "option"),
        (29, "another section"),
    ]
    assert [warning["says"] for warning in warnings] == [
        "the first remedy was passed over for line 23: line 12 changes something, and no function of tools.yaml "
        "stands for it: kubectl drain <node>",
        "line 23 was taken, one of several options: line 24 would do something else",
    ]


def test_a_call_that_a_diagnosis_teaches_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runbook = "## Alert: PodDown\n\n### Diagnosis\n\n`kubectl delete pod <pod> -n <namespace>`\n"
    ok, warning = as_json(capsys, make(tmp_path / "gitops", runbook=runbook))
    assert (ok["level"], warning["level"], warning["line"]) == ("ok", "warning", 5)
    assert warning["says"].startswith("the call is taught by line 5, in a section of diagnosis: ")


DOUBT = (
    "## Alert: PodDown\n\n### Resolution\n\nAs a last resort:\n\n```\nkubectl delete pod <pod> -n <namespace>\n```\n"
)
CONFIRM = "confirm:\n  - {alert: PodDown, command: kubectl delete pod  <pod> -n <namespace>}\n"


def test_an_author_decides_a_doubt_in_tools_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (doubtful, error) = as_json(capsys, make(tmp_path / "one", runbook=DOUBT), status=1)
    assert (doubtful["level"], error["level"]) == ("no rows", "error")
    assert "confirm it in tools.yaml" in doubtful["says"]
    (confirmed,) = as_json(capsys, make(tmp_path / "two", runbook=DOUBT, tools=TOOLS + CONFIRM))
    assert (confirmed["level"], confirmed["teaches"]["confirmed"]) == ("ok", True)
    assert any("confirmed in tools.yaml" in line for line in lines(capsys, tmp_path / "two"))


def test_what_is_forbidden_is_not_confirmed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runbook = DOUBT.replace("As a last resort:", "Never run this:")
    found = as_json(capsys, make(tmp_path / "gitops", runbook=runbook, tools=TOOLS + CONFIRM), status=1)
    assert found[0]["says"].startswith("line 8 is forbidden by 'Never' in line 5")


@pytest.mark.parametrize(
    ("confirm", "says"),
    [
        (
            CONFIRM.replace("PodDown", "PodDwn"),
            "confirm, entry 1, names the alert PodDwn; did you mean PodDown?",
        ),
        (
            CONFIRM.replace("-n", "-A"),
            "confirm, entry 1, names a command that PodDown does not have; did you mean",
        ),
    ],
)
def test_a_confirmation_of_nothing_is_an_error(
    confirm: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = make(tmp_path / "gitops", runbook=RUNBOOK, tools=TOOLS + confirm)
    (error,) = (entry for entry in as_json(capsys, repository, status=1) if entry["level"] == "error")
    assert (error["file"], error["line"], says in error["says"]) == (TOOLS_PATH, 14, True)


def test_all_faults_are_told_and_the_stage_names_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = "training: {iterz: 3, learning_rate: fast}\ngate: {floors: {gone: 0.5}}\n"
    tools = TOOLS.replace("description: Restart a pod.", "descripton: Restart a pod.").replace("dangerous", "harmful")
    repository = make(tmp_path / "gitops", config=config, tools=tools)
    errors = [entry for entry in as_json(capsys, repository, status=1) if entry["level"] == "error"]
    assert [(entry["file"], entry["line"]) for entry in errors] == [
        (CONFIG_PATH, 1),
        (CONFIG_PATH, 1),
        (TOOLS_PATH, 3),
        (TOOLS_PATH, 4),
    ]
    with pytest.raises(StageError) as raised:
        read(repository, tmp_path / "out")
    assert str(raised.value) == f"{errors[0]['says']}; and 3 more, which `make lint-runbook` tells"


def test_nothing_but_regular_files_of_the_folder_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = make(tmp_path / "gitops")
    rules = tmp_path / "rules.yaml"
    rules.write_text("- alert: X\n  annotations: {lambda_function: gone}\n")
    (repository / "flux/ai" / AGENT / "link.yaml").symlink_to(rules)
    os.mkfifo(repository / "flux/ai" / AGENT / "pipe.yaml")
    assert [entry["level"] for entry in as_json(capsys, repository)] == ["ok"]
    for path, says in (
        (RUNBOOK_PATH, f"{RUNBOOK_PATH} is a symbolic link; commit the runbook itself"),
        (CONFIG_PATH, f"{CONFIG_PATH} is no regular file; commit the configuration itself"),
    ):
        (repository / path).unlink()
        os.mkfifo(repository / path) if path == CONFIG_PATH else (repository / path).symlink_to(rules)
        assert says in [entry["says"] for entry in as_json(capsys, repository, status=1)]


def test_a_missing_runbook_and_an_unknown_agent_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "lint", "--agent", AGENT, "--repository", tmp_path, status=1)
    assert said == f"there is no agent {AGENT} in flux/ai of the repository; it has: none\n"
    repository = make(tmp_path / "gitops")
    (repository / RUNBOOK_PATH).unlink()
    (error,) = as_json(capsys, repository, status=1)
    assert error["says"] == (
        f"{repository / RUNBOOK_PATH} cannot be read: No such file or directory; add it, or name another path"
    )


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
        read(make(tmp_path / f"git-{name}", runbook=text), tmp_path / name, unseen_alerts_share=0.0, no_call_share=0.3)
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


def test_a_secret_is_told_with_its_line_and_never_taught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
    runbook = RUNBOOK.replace("-n {{ $labels.namespace }}", f"-n {token}")
    *told, error = as_json(capsys, make(tmp_path / "gitops", runbook=runbook), status=1)
    assert [(entry["level"], entry["line"], entry["says"]) for entry in told] == [
        ("no rows", 1, "line 15: a secret stands where namespace belongs; write a placeholder"),
        ("warning", 15, "a GitHub token in the text: take it out, and revoke it"),
    ]
    assert token not in str([*told, error])


def test_lint_fails_where_no_rows_can_be_drawn_as_the_stage_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = TOOLS.replace("{type: string, description: Pod}", "{type: string, pattern: ^zzz$}")
    repository = make(tmp_path / "gitops", tools=tools)
    _, error = as_json(capsys, repository, status=1)
    assert error["says"].startswith("line 15: name of pod-restart takes no label's value")
    with pytest.raises(StageError) as raised:
        read(repository, tmp_path / "out")
    assert str(raised.value) == error["says"]

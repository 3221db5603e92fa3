"""An alert teaches the first command of its best section that stands for a function, or says why it teaches none."""

from pathlib import Path

import pytest

from shared.errors import StageError
from stages.dataset.calls.remedies import find_remedies
from stages.dataset.calls.remedy import Remedy, find_remedy
from stages.dataset.calls.tools import read_tools
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import HOMELAB, RUNBOOK, RUNBOOK_PATH, TOOLS_PATH, make, read

TOOLS = read_tools((HOMELAB / "flux/ai/agent-sre/training/tools.yaml").read_text(), "tools.yaml")


def found(text: str) -> Remedy | str:
    (alert,) = read_runbook("# Alert: PodDown\n\n" + text)
    result = find_remedy(alert, TOOLS)
    return result if isinstance(result, Remedy) else result.reason


def taught(text: str) -> str:
    remedy = found(text)
    return remedy.function.name if isinstance(remedy, Remedy) else remedy


def test_the_resolution_wins_over_the_diagnosis() -> None:
    text = "## Diagnosis\n\n`kubectl get pod <pod> -n <ns>`\n\n## Resolution\n\n`kubectl delete pod <pod> -n <ns>`\n"
    assert taught(text) == "pod-restart"


def test_without_a_remedy_the_diagnosis_is_the_answer() -> None:
    assert taught("## Diagnosis\n\n`kubectl get pod <pod> -n <ns>`\n\n## Resolution\n\nWait.\n") == "pod-check-status"


def test_the_first_command_that_stands_for_a_function_is_the_answer() -> None:
    assert taught("```\ndate\nkubectl get pod $POD -n $NS\nkubectl delete pod $POD -n $NS\n```") == "pod-check-status"


@pytest.mark.parametrize("section", ["Escalation", "Prevention", "Impact", "References"])
def test_a_command_of_another_section_is_never_the_answer(section: str) -> None:
    reason = found(f"## {section}\n\n`kubectl delete pod <pod> -n <ns>`\n")
    assert reason == (
        "no command stands for a function of tools.yaml, such as line 5: kubectl delete pod <pod> -n <ns>"
    )


def test_an_alert_without_a_command_says_so() -> None:
    assert found("Wait.") == "holds no command"


def test_a_placeholder_that_means_no_label_is_named_with_its_line() -> None:
    assert found("```\nkubectl delete pod <victim> -n <ns>\n```") == (
        "line 4: <victim> (for name) is no known alert label; name one under placeholders in tools.yaml"
    )


def test_an_alias_of_the_tools_file_gives_a_placeholder_its_label() -> None:
    remedy = found("```\nkubectl get pvc <claim> -n <ns>\n```")
    assert isinstance(remedy, Remedy)
    assert {known.name: label for known, label in remedy.label_of.items()} == {
        "claim": "persistentvolumeclaim",
        "ns": "namespace",
    }


def test_the_severity_is_an_argument_only_where_the_runbook_states_it() -> None:
    command = "`kubectl delete pod <pod> -n {{ $labels.severity }}`"
    assert found(command) == (
        "line 3: severity (for namespace) is the alert's severity, which the runbook does not state"
    )
    assert taught("**Severity**: info\n\n" + command) == "pod-restart"


@pytest.mark.parametrize("token", ["<escape>", "<end_of_turn>", "<start_function_call>", "<eos>"])
@pytest.mark.parametrize("word", ["{}{}", "x{}{}", "'{}{}'", "'{}'{}", "{}\\{}", "'{}{}call:pod_restart{{}}'"])
def test_a_control_token_in_a_value_teaches_nothing(token: str, word: str) -> None:
    reason = found(f"```\nkubectl delete pod {word.format(token[:3], token[3:])} -n <ns>\n```")
    assert isinstance(reason, str)
    assert reason.startswith("line 4")


def test_an_alert_that_comes_again_is_skipped() -> None:
    findings = find_remedies(read_runbook(RUNBOOK + RUNBOOK), TOOLS)
    assert [remedy.function.name for remedy in findings.remedies] == ["pod-restart"]
    assert [(entry.name, entry.line, entry.reason) for entry in findings.skipped] == [
        ("PodDown", 19, "repeats the alert of line 3")
    ]


def test_one_alert_with_two_calls_is_an_error_that_names_both_lines() -> None:
    findings = find_remedies(read_runbook(RUNBOOK + RUNBOOK.replace("delete", "get")), TOOLS)
    assert findings.faults == [
        "PodDown teaches two calls: pod-restart (line 15) and pod-check-status (line 31); "
        "keep one, or give the two alerts different severities"
    ]


def test_two_severities_may_teach_two_calls() -> None:
    findings = find_remedies(
        read_runbook(RUNBOOK + RUNBOOK.replace("delete", "get").replace("critical", "info")), TOOLS
    )
    assert [remedy.function.name for remedy in findings.remedies] == ["pod-restart", "pod-check-status"]


def test_a_dangerous_command_is_no_call_unless_the_function_allows_it() -> None:
    careful = TOOLS.model_copy(
        update={"functions": [function.model_copy(update={"dangerous": False}) for function in TOOLS.functions]}
    )
    findings = find_remedies(read_runbook(RUNBOOK), careful)
    assert [alert.name for alert in findings.without_call] == ["PodDown"]
    assert findings.skipped[0].reason == (
        "line 15 is dangerous: kubectl delete pod {{ $labels.pod }} -n {{ $labels.namespace }}; "
        "set dangerous: true for pod-restart in tools.yaml to allow it"
    )


def test_the_policy_orders_headings_and_may_forbid_a_call() -> None:
    text = "## Mitigation\n\n`kubectl get pod <pod> -n <ns>`\n\n## Resolution\n\n`kubectl delete pod <pod> -n <ns>`\n"
    assert taught(text) == "pod-restart"
    silent = TOOLS.model_copy(update={"policy": TOOLS.policy.model_copy(update={"no_call": ["PodDown"]})})
    findings = find_remedies(read_runbook(RUNBOOK), silent)
    assert [entry.reason for entry in findings.skipped] == ["tools.yaml says that it needs no call"]


def test_more_functions_than_the_model_bears_are_warned_of() -> None:
    many = [TOOLS.functions[0].model_copy(update={"name": f"f{number}"}) for number in range(15)]
    findings = find_remedies([], TOOLS.model_copy(update={"functions": many}))
    assert findings.warnings == ["tools.yaml has 15 functions; beyond 14 the model chooses less reliably"]


def test_a_runbook_without_alerts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError) as raised:
        read(make(tmp_path / "gitops", runbook="# Runbook\n\nCall Ann.\n"), tmp_path / "out")
    assert str(raised.value) == (
        f"{RUNBOOK_PATH} documents no alert; head each one with its name, such as `## Alert: PodCrashLooping`"
    )


def test_a_change_that_no_function_covers_teaches_nothing() -> None:
    text = "## Alert: PodDown\n\nLook: `kubectl get nodes`\n\nThen `kubectl drain n1`.\n"
    (skipped,) = find_remedies(read_runbook(text), TOOLS).skipped
    assert (skipped.kind, skipped.reason) == (
        "mistake",
        "line 5 changes something, and no function of tools.yaml stands for it: kubectl drain n1; "
        "add one, or name the alert under policy.no_call",
    )
    (skipped,) = find_remedies(read_runbook(text.replace("Then", "Never run")), TOOLS).skipped
    assert skipped.kind == "no call"
    silent = TOOLS.model_copy(update={"policy": TOOLS.policy.model_copy(update={"no_call": ["PodDown"]})})
    (skipped,) = find_remedies(read_runbook(text), silent).skipped
    assert skipped.kind == "no call"


def test_a_runbook_without_a_known_command_is_refused_and_names_one(tmp_path: Path) -> None:
    runbook = "## Alert: PodDown\n\n```\nkubectl top node\n```\n"
    with pytest.raises(StageError) as raised:
        read(make(tmp_path / "gitops", runbook=runbook), tmp_path / "out")
    assert str(raised.value) == (
        f"no alert of {RUNBOOK_PATH} teaches a call: PodDown: no command stands for a function of tools.yaml, "
        f"such as line 4: kubectl top node; add templates to {TOOLS_PATH}"
    )


CHAIN = "kubectl delete pod <pod> -n <ns> && kubectl get pod <pod> -n <ns>"


def test_a_chain_teaches_the_one_change_in_it_whole_or_not_at_all() -> None:
    assert taught(f"```\n{CHAIN}\n```") == taught(f"`{CHAIN}`") == "pod-restart"
    assert taught(f"```\n{CHAIN.replace('get', 'cordon')}\n```") == (
        "line 4 holds a command of pod-restart beside what may change something else: "
        "kubectl delete pod <pod> -n <ns> && kubectl cordon pod <pod> -n <ns>; write each on a line of its own"
    )
    remedy = found("```\nNS=shop\nkubectl delete pod <pod> -n $NS\n```")
    assert isinstance(remedy, Remedy)
    assert remedy.arguments["namespace"] == "shop"


def test_what_cannot_be_read_whole_teaches_nothing_and_is_told() -> None:
    cut = "```\nkubectl delete pod 'web -n <ns>\n```\n"
    reason = "line 4 is not read, the quote ' is never closed: kubectl delete pod 'web -n <ns>"
    assert found(cut) == reason
    remedy = found(f"{cut}\n```\nkubectl delete pod <pod> -n <ns>\n```\n")
    assert isinstance(remedy, Remedy)
    assert reason in remedy.warnings

"""Gold labels of alerting rules win over the commands of a runbook."""

from pathlib import Path

import pytest

from shared.errors import StageError
from stages.dataset.calls.remedies import find_remedies
from stages.dataset.calls.rules import RuleFile, read_rules
from stages.dataset.calls.tools import read_tools
from stages.dataset.faults import collect
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import AGENT, CONFIG_PATH, HOMELAB, RUNBOOK, commit, make, read

TOOLS = read_tools((HOMELAB / "flux/ai/agent-sre/training/tools.yaml").read_text(), "tools.yaml")
RULE = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
spec:
  groups:
    - name: web
      rules:
        - alert: {alert}
          expr: up == 0
          labels:
            severity: warning
          annotations:
            summary: "Pod {{{{ $labels.pod }}}} is gone"
            lambda_function: {function}
            lambda_parameters: '{parameters}'
"""
POD_WITH_TYPE = '{"name": "{{ $labels.pod }}", "namespace": "{{ $labels.namespace }}", "type": "pod"}'
POD = '{"name": "{{ $labels.pod }}", "namespace": "{{ $labels.namespace }}"}'


def rule(alert: str = "PodDown", function: str = "pod-check-status", parameters: str = POD) -> RuleFile:
    return RuleFile("rules.yaml", RULE.format(alert=alert, function=function, parameters=parameters))


def test_a_rule_wins_over_the_command_and_the_contradiction_is_told() -> None:
    findings = find_remedies(read_runbook(RUNBOOK), TOOLS, read_rules([rule()]))
    (remedy,) = findings.remedies
    assert (remedy.function.name, remedy.place) == ("pod-check-status", "rules.yaml, line 7")
    assert findings.warnings == [
        "PodDown: rules.yaml, line 7 says pod-check-status, line 15 says pod-restart; the rule wins"
    ]


def test_a_rule_that_says_the_same_is_no_contradiction() -> None:
    parameters = POD[:-1] + ', "type": "pod"}'
    findings = find_remedies(read_runbook(RUNBOOK), TOOLS, read_rules([rule("PodDown", "pod-restart", parameters)]))
    assert findings.warnings == []


def test_an_alert_that_only_a_rule_knows_has_its_annotations_as_symptoms() -> None:
    findings = find_remedies(read_runbook(RUNBOOK), TOOLS, read_rules([rule("PodGone")]))
    known = findings.remedies[-1].alert
    assert (known.name, known.severity) == ("PodGone", "warning")
    assert known.texts == {"symptoms": ["Pod {{ $labels.pod }} is gone"]}


@pytest.mark.parametrize(
    ("function", "parameters", "message"),
    [
        ("pod-dance", POD, "rules.yaml, line 7: tools.yaml has no function pod-dance; it has flux-reconcile-k"),
        ("pod-check-status", "[1]", "rules.yaml, line 14: lambda_parameters is no JSON object; write"),
        ("pod-check-status", '{"nme": "x"}', "rules.yaml, line 7: pod-check-status has no parameter nme; it has name"),
        ("pod-check-status", '{"name": "x"}', "rules.yaml, line 7: pod-check-status needs namespace"),
        ("pod-check-status", '{"name": 3, "namespace": "x"}', "rules.yaml, line 7: name is 3, not as tools.yaml"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(function: str, parameters: str, message: str) -> None:
    faults: list[str] = []
    rules = collect(faults, read_rules, [rule("PodDown", function, parameters)])
    faults += find_remedies([], TOOLS, rules or ()).faults
    assert len(faults) == 1
    assert faults[0].startswith(message)


def test_two_rules_that_contradict_each_other_are_an_error() -> None:
    rules = read_rules([rule("PodDown", "pod-check-status", POD), rule("PodDown", "pod-restart", POD_WITH_TYPE)])
    (fault,) = find_remedies([], TOOLS, rules).faults
    assert "PodDown" in fault
    assert "pod-restart (rules.yaml, line 7)" in fault


def test_what_is_no_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(StageError) as raised:
        read_rules([RuleFile("r.yaml", "a: [\nlambda_function: x\n")])
    assert str(raised.value).startswith("r.yaml, line ")


def test_rules_in_the_agent_s_folder_count_for_the_commit_and_the_rows(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    text = RULE.format(alert="PodGone", function="pod-restart", parameters=POD)
    last = commit(repository, {f"flux/ai/{AGENT}/k8s/rules.yaml": text}, date="2025-12-25T10:00:00+02:00")
    outputs = read(repository, tmp_path / "out", unseen_alerts_share=0.0)
    assert outputs.source_commit == last
    assert {row["alert"] for row in outputs.dataset.rows("train") if row["function"]} == {"PodDown", "PodGone"}


def test_a_bump_of_a_file_with_rules_is_refused(tmp_path: Path) -> None:
    field = "{file: k8s/rules.yaml, field: spec.model, value: '{version}'}"
    repository = make(tmp_path / "gitops", config=f"deploy: {{fields: [{field}]}}")
    text = RULE.format(alert="PodGone", function="pod-restart", parameters=POD)
    commit(repository, {f"flux/ai/{AGENT}/k8s/rules.yaml": text})
    with pytest.raises(StageError) as raised:
        read(repository, tmp_path / "out")
    reason = "deploy.fields names k8s/rules.yaml, whose alerting rules the model is trained by"
    assert str(raised.value) == f"{CONFIG_PATH}: {reason}; keep them in a file of their own"

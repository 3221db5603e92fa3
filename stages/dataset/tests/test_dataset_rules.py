"""Gold labels of alerting rules win over the commands of a runbook."""

import json
import re
from pathlib import Path

import pytest

from shared.errors import StageError
from shared.function_call import Call
from stages.dataset.author.lint import call_text
from stages.dataset.calls.remedies import find_remedies
from stages.dataset.calls.rules import RuleFile, read_rules
from stages.dataset.calls.schema import is_valid
from stages.dataset.calls.tools import read_tools
from stages.dataset.rows.examples import Sampling, make_rows, prompt_file
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import AGENT, CONFIG_PATH, HOMELAB, RUNBOOK, commit, make, read

TOOLS = read_tools((HOMELAB / "flux/ai/agent-sre/training/tools.yaml").read_text(), "tools.yaml")
STRICT = TOOLS.model_copy(update={"strict_rules": True})
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
def test_a_wrong_rule_is_left_out_and_told_with_its_line(function: str, parameters: str, message: str) -> None:
    rules = read_rules([rule("PodDown", function, parameters)])
    findings = find_remedies([], TOOLS, rules)
    (warning,) = findings.warnings
    assert warning.startswith(message)
    assert warning.endswith("; the rule is left out")
    assert (findings.faults, findings.remedies, findings.skipped, findings.uncovered) == ([], [], [], [])
    strict = find_remedies([], STRICT, rules)
    assert (strict.warnings, strict.remedies) == ([], [])
    assert strict.faults == [warning.removesuffix("; the rule is left out")]


def test_two_rules_that_contradict_each_other_are_both_left_out() -> None:
    rules = read_rules([rule("PodDown", "pod-check-status", POD), rule("PodDown", "pod-restart", POD_WITH_TYPE)])
    findings = find_remedies([], TOOLS, rules)
    told = (
        "PodDown teaches two calls: pod-check-status (rules.yaml, line 7) and pod-restart (rules.yaml, line 7); "
        "keep one, or give the two alerts different severities"
    )
    assert findings.warnings == [f"rules.yaml, line 7: {told}; the 2 rules are left out"]
    assert (findings.remedies, findings.uncovered, findings.faults) == ([], [], [])
    assert find_remedies([], STRICT, rules).faults == [told]


def test_what_is_no_yaml_is_told_with_its_line() -> None:
    (unread,) = read_rules([RuleFile("r.yaml", "a: [\nlambda_function: x\n")]).unread
    assert unread.says == (
        "r.yaml, line 3: no YAML, so that the alerting rules are not read; mend it, or move it elsewhere"
    )


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


def two(first: str, second: str, other: str = "pod-restart") -> list[RuleFile]:
    """Returns two rules of one name with two calls and these severities."""
    text = RULE.format(alert="PodDown", function="pod-check-status", parameters=POD)
    more = RULE.format(alert="PodDown", function=other, parameters=POD_WITH_TYPE if other == "pod-restart" else POD)
    severity = "severity: warning"
    return [
        RuleFile("rules.yaml", text.replace(severity, f"severity: {first}")),
        RuleFile("more.yaml", more.replace(severity, f"severity: {second}")),
    ]


def test_two_rules_of_one_name_are_told_apart_by_their_severity() -> None:
    findings = find_remedies([], TOOLS, read_rules(two("warning", "critical")))
    assert [(remedy.alert.severity, remedy.function.name) for remedy in findings.remedies] == [
        ("warning", "pod-check-status"),
        ("critical", "pod-restart"),
    ]
    assert findings.warnings == [
        "rules.yaml, line 7: PodDown is in a rule and not in the runbook",
        "more.yaml, line 7: PodDown of severity critical is in a rule and not in the runbook",
    ]


def test_two_rules_of_one_name_and_one_call_are_one_remedy() -> None:
    findings = find_remedies([], TOOLS, read_rules(two("warning", "critical", "pod-check-status")))
    assert [(remedy.alert.severity, remedy.function.name) for remedy in findings.remedies] == [
        ("warning", "pod-check-status")
    ]


@pytest.mark.parametrize(
    ("first", "second"), [("warning", "warning"), ("critical", "''"), ("'{{ $labels.severity }}'", "warning")]
)
def test_rules_that_no_severity_tells_apart_are_left_out(first: str, second: str) -> None:
    findings = find_remedies([], TOOLS, read_rules(two(first, second)))
    assert findings.warnings == [
        "rules.yaml, line 7: PodDown teaches two calls: pod-check-status (rules.yaml, line 7) and pod-restart "
        "(more.yaml, line 7); keep one, or give the two alerts different severities; the 2 rules are left out"
    ]
    assert (findings.remedies, findings.uncovered) == ([], [])


def test_a_rule_is_about_the_alert_of_its_severity() -> None:
    runbook = RUNBOOK + RUNBOOK.replace("critical", "warning").replace("delete", "get")
    rules = read_rules(two("critical", "Warning"))
    findings = find_remedies(read_runbook(runbook), TOOLS, rules)
    assert [(remedy.alert.severity, remedy.function.name) for remedy in findings.remedies] == [
        ("critical", "pod-check-status"),
        ("warning", "pod-restart"),
    ]


def test_a_rule_of_one_severity_leaves_the_alert_of_another_to_the_runbook() -> None:
    runbook = RUNBOOK + RUNBOOK.replace("critical", "warning").replace("delete", "get")
    findings = find_remedies(read_runbook(runbook), TOOLS, read_rules(two("critical", "critical", "pod-check-status")))
    assert [(remedy.alert.severity, remedy.place) for remedy in findings.remedies] == [
        ("critical", "rules.yaml, line 7")
    ]
    findings = find_remedies(read_runbook(runbook), TOOLS, read_rules([rule("PodDown", "pod-restart", POD_WITH_TYPE)]))
    assert [(remedy.alert.severity, remedy.place) for remedy in findings.remedies] == [("critical", "line 15")]


@pytest.mark.parametrize("severity", ["", "high"])
def test_an_alert_without_the_rules_severities_is_every_rule_s(severity: str) -> None:
    runbook = RUNBOOK.replace("**Severity**: critical", f"**Severity**: {severity}" if severity else "")
    findings = find_remedies(read_runbook(runbook), TOOLS, read_rules(two("warning", "critical")))
    assert [(remedy.alert.severity, remedy.function.name) for remedy in findings.remedies] == [
        ("warning", "pod-check-status"),
        ("critical", "pod-restart"),
    ]
    assert all(
        remedy.alert.texts["symptoms"][0] == "Pod {{ $labels.pod }} does not answer." for remedy in findings.remedies
    )


def test_what_tells_two_calls_apart_is_in_every_row(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops", runbook="# Nothing here yet.\n", tools=HOMELAB_TOOLS)
    files = {f"flux/ai/{AGENT}/k8s/{file.path}": file.text for file in two("warning", "critical")}
    commit(repository, files)
    rows = list(read(repository, tmp_path / "out", examples_per_alert=100).dataset.rows("train"))
    calls = [row for row in rows if row["function"]]
    assert len(calls) > 100
    assert all('"severity": ' in row["notification"] for row in calls)


# Without the rules that the example's repository has elsewhere.
HOMELAB_TOOLS = re.sub(
    r"^rules:\n(?:  - .*\n)+", "", (HOMELAB / "flux/ai/agent-sre/training/tools.yaml").read_text(), flags=re.MULTILINE
)
PLAIN = """groups:
- name: web
  rules:
  - alert: PodGone
    annotations:
      summary: Gone.
      lambda_function: pod-check-status
      lambda_parameters: '{"name": "{{ $labels.pod }}", "namespace": "shop"}'
"""
CONFIG_MAP = "kind: ConfigMap\ndata:\n  other.txt: 'alert: x'\n  rules.yaml: |\n" + "".join(
    f"    {line}\n" for line in PLAIN.splitlines()
)
MERGED = """common: &common
  lambda_function: pod-check-status
  lambda_parameters: '{"name": "x", "namespace": "y"}'
rules:
- alert: PodGone
  annotations:
    <<: *common
    summary: Gone.
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [(PLAIN, 4), (f"---\nkind: Other\n---\n{PLAIN}", 7), (CONFIG_MAP, 8), (MERGED, 5), ("[" + "]", 0)],
)
def test_rules_are_found_wherever_they_stand(text: str, line: int) -> None:
    rules = read_rules([RuleFile("r.yaml", text)]).known
    assert [(known.alert, known.function, known.line, known.texts) for known in rules] == (
        [("PodGone", "pod-check-status", line, ("Gone.",))] if line else []
    )


def test_a_broken_text_in_a_config_map_is_told_with_its_line() -> None:
    text = "data:\n  a.yaml: |\n    - alert: x\n    lambda_function: y: z\n"
    (unread,) = read_rules([RuleFile("r.yaml", text)]).unread
    assert unread.says == (
        "r.yaml, line 4: no YAML, so that the alerting rules are not read; mend it, or move it elsewhere"
    )


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("{{`{{ $labels.pod }}`}} is gone", "{{ $labels.pod }} is gone"),
        ("{{ `{{ $labels.pod }}` }} is gone", "{{ $labels.pod }} is gone"),
        ('{{ "{{" }} $labels.pod {{ "}}" }} is gone', "{{ $labels.pod }} is gone"),
    ],
)
def test_what_helm_escapes_is_read_as_prometheus_gets_it(escaped: str, text: str) -> None:
    (known,) = read_rules([RuleFile("r.yaml", PLAIN.replace("Gone.", f"'{escaped}'"))]).known
    assert known.texts == (text,)


def test_a_helm_template_is_not_read_and_told_of() -> None:
    file = RuleFile("chart/rules.yaml", "{{- if .Values.rules }}\n" + PLAIN + "{{- end }}\n")
    rules = read_rules([file])
    assert rules.known == []
    assert [each.says for each in rules.unread] == [
        "chart/rules.yaml, line 1: a Helm template that is no YAML, so that its rules are not read; "
        "commit it as `helm template` renders it"
    ]


def test_a_rule_that_only_shows_a_loop_is_read() -> None:
    block = '|\n        {{ range query "up" }}\n        {{ end }}'
    file = RuleFile("r.yaml", PLAIN.replace("Gone.", block))
    rules = read_rules([file])
    assert ([known.alert for known in rules.known], rules.unread) == (["PodGone"], [])


NESTED = """functions:
- name: job-run
  description: Run a job.
  parameters:
    properties:
      queues: {type: array, items: {type: string}}
      target: {type: object, properties: {pod: {type: string}, tries: {type: integer, maximum: 5}}, required: [pod]}
      note: {type: string, nullable: true}
      wait: {type: integer, default: 3}
    required: [queues]
- name: flush
  description: Flush.
"""
NESTED_CALL = (
    '{"queues": ["{{ $labels.queue }}", "all"], "target": {"pod": "{{ $labels.pod }}-x", "tries": 2}, "note": null}'
)


def test_a_rule_s_lists_and_objects_hold_labels() -> None:
    tools = read_tools(NESTED, "tools.yaml")
    findings = find_remedies([], tools, read_rules([rule("A", "job-run", NESTED_CALL)]))
    (remedy,) = findings.remedies
    assert call_text(remedy) == ("job-run(queues=['{queue}', 'all'], target={'pod': '{pod}-x', 'tries': 2}, note=None)")
    rows = make_rows(findings, tools, prompt_file(tools), Sampling(8, 0, 0, 0, 0))
    for row in rows:
        known, labels = json.loads(row.call)["arguments"], json.loads(row.notification)["labels"]
        assert known == {
            "queues": [labels["queue"], "all"],
            "target": {"pod": f"{labels['pod']}-x", "tries": 2},
            "note": None,
        }
        assert prompt_file(tools).read(row.completion).calls == (Call("job-run", known),)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ('{"queues": "all"}', "queues is 'all', not as tools.yaml declares it"),
        ('{"queues": [1]}', "queues is [1], not as tools.yaml declares it"),
        ('{"queues": [], "wait": null}', "wait is None, not as tools.yaml declares it"),
        ('{"queues": [], "target": {}}', "target is {}, not as tools.yaml declares it"),
        ('{"queues": [], "target": {"pod": "x", "tries": 9}}', "target is {'pod': 'x', 'tries': 9}, not as tools.yaml"),
        ('{"queues": [], "wait": "{{ $value }}"}', "wait is '{{ $value }}', not as tools.yaml declares it"),
        ('{"queues": [], "note": "{{ $value }}"}', "{{ $value }} (for note) is no known alert label; name one under"),
        ('{"queues": ["<escape>"]}', "queues: the text holds the control token <escape>"),
    ],
)
def test_a_rule_s_value_is_checked_by_its_schema(parameters: str, message: str) -> None:
    rules = read_rules([rule("A", "job-run", parameters)])
    (warning,) = find_remedies([], read_tools(NESTED, "tools.yaml"), rules).warnings
    assert warning.startswith(f"rules.yaml, line 7: {message}")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ('{"queues": [], "queues": ["a"]}', "lambda_parameters has queues twice; keep one"),
        ('{"queues": NaN}', 'lambda_parameters is no JSON object; write \'{"name": "value"}\''),
    ],
)
def test_json_that_says_two_things_or_none_is_refused(parameters: str, message: str) -> None:
    (known,) = read_rules([rule("A", "job-run", parameters)]).known
    assert known.fault == f"rules.yaml, line 14: {message}"


def test_a_rule_may_call_a_function_without_parameters() -> None:
    tools = read_tools(NESTED, "tools.yaml")
    text = PLAIN.replace("pod-check-status", "flush").replace(PLAIN.splitlines()[-1] + "\n", "")
    (remedy,) = find_remedies([], tools, read_rules([RuleFile("r.yaml", text)])).remedies
    assert (remedy.function.name, remedy.arguments) == ("flush", {})
    wrong = read_rules([rule("A", "flush", '{"now": true}')])
    assert find_remedies([], tools, wrong).warnings == [
        "rules.yaml, line 7: flush has no parameter now; it has none; the rule is left out"
    ]


def test_a_template_that_needs_a_server_is_left_out_and_told_of(tmp_path: Path) -> None:
    text = PLAIN.replace("Gone.", "'{{ $value | humanizePercentage }} of {{ $labels.pod }}.'").replace(
        "      lambda_function", "      description: 'Up: {{ query `up` | first | value }}'\n      lambda_function"
    )
    findings = find_remedies([], TOOLS, read_rules([RuleFile("r.yaml", text)]))
    assert findings.warnings[1:] == [
        "PodGone: r.yaml, line 4: a text holds query, which cannot be written out without Prometheus; "
        "the text is left out"
    ]
    rows = make_rows(findings, TOOLS, prompt_file(TOOLS), Sampling(24, 0, 0, 0, 0))
    for row in rows:
        alert = json.loads(row.notification)
        assert re.fullmatch(r"\d+(\.\d+)?% of [\w.-]+\.", alert["annotations"]["summary"])
        assert alert["annotations"].keys() == {"summary"}


def test_one_alert_with_one_symptom_and_a_function_without_parameters_makes_rows(tmp_path: Path) -> None:
    tools = "functions:\n- {name: flush, description: Flush., commands: [shopctl cache flush --all]}\n"
    fix = "### Fix\n\n```bash\nshopctl cache flush --all\n```\n"
    runbook = f"## Alert: CacheOld\n\n### Symptoms\n\n- Caches are old.\n\n{fix}"
    for seed in range(5):
        dataset = read(make(tmp_path / f"g{seed}", runbook, tools), tmp_path / f"o{seed}", seed=seed).dataset
        for split in ("train", "valid", "test"):
            assert {row["function"].split(" + ")[0] for row in dataset.rows(split) if row["function"]} == {"flush"}


@pytest.mark.parametrize(
    ("limit", "is_fit"),
    [("maxLength: 63", True), ("pattern: '^[a-z0-9-]+$'", True), ("pattern: '^[a-m]'", True), ("maxLength: 2", False)],
)
def test_a_label_s_value_fits_what_is_declared(limit: str, is_fit: bool) -> None:
    parameters = f"parameters: {{properties: {{pod: {{type: string, {limit}}}}}}}"
    tools = read_tools(f"functions: [{{name: go, description: d, {parameters}}}]", "tools.yaml")
    findings = find_remedies([], tools, read_rules([rule("A", "go", '{"pod": "{{ $labels.pod }}"}')]))
    if is_fit:
        rows = make_rows(findings, tools, prompt_file(tools), Sampling(24, 0, 0, 0, 0))
        declared = tools.functions[0].parameters.properties["pod"]
        assert all(is_valid(declared, json.loads(row.call)["arguments"]["pod"]) for row in rows)
        return
    with pytest.raises(StageError) as raised:
        make_rows(findings, tools, prompt_file(tools), Sampling(24, 0, 0, 0, 0))
    assert str(raised.value) == (
        "rules.yaml, line 7: pod of go takes no label's value, whose values are drawn as Kubernetes makes them; "
        "loosen its pattern or length in tools.yaml"
    )

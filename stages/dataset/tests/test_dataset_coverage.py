"""Every alerting rule is read: some name a function, some have a page, and about the others the agent stays silent."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import StageError
from stages.dataset.author.__main__ import main as author
from stages.dataset.author.folder import read_folder
from stages.dataset.calls.remedies import Findings, find_remedies
from stages.dataset.calls.rules import RuleFile, Rules, read_rules
from stages.dataset.calls.tools import read_tools
from stages.dataset.firing import Firing
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import AGENT, RUNBOOK, TOOLS, TOOLS_PATH, commit, make, read

KNOWN = read_tools(TOOLS, "tools.yaml")
STRICT = read_tools(f"{TOOLS}strict_rules: true\n", "tools.yaml")
CALL = '{"name": "{{ $labels.pod }}", "namespace": "{{ $labels.namespace }}"}'
SILENT = "## Alert: TillOpen\n\n### Symptoms\n\n- A till is open.\n"


def rule(
    alert: str, severity: str = "", expr: str = "up == 0", calls: str = "", **annotations: str
) -> dict[str, object]:
    """Returns a rule; calls: the function that it names."""
    known = {"summary": f"{alert} it is.", **annotations}
    if calls:
        known |= {"lambda_function": calls, "lambda_parameters": CALL}
    labels = {"severity": severity} if severity else {}
    return {"alert": alert, "expr": expr, "labels": labels, "annotations": known}


def rules(*each: Mapping[str, object], path: str = "r.yaml") -> Rules:
    return read_rules([RuleFile(path, written(*each))])


def written(*each: Mapping[str, object]) -> str:
    return str(yaml.safe_dump({"groups": [{"name": "shop", "rules": list(each)}]}, sort_keys=False))


def names(findings: Findings) -> list[tuple[str, str]]:
    return [(alert.name, alert.severity) for alert in findings.uncovered]


def test_a_rule_without_a_function_and_a_page_is_uncovered() -> None:
    known = rule(
        "TillOpen", "warning", 'sum by (till, shop) (open{shop="north"}) > 0', description="{{ $labels.till }}\nis."
    )
    findings = find_remedies(read_runbook(RUNBOOK), KNOWN, rules(known))
    (alert,) = findings.uncovered
    assert (alert.name, alert.severity, alert.place) == ("TillOpen", "warning", "r.yaml, line 4")
    assert alert.texts == {"symptoms": ["TillOpen it is.", "{{ $labels.till }} is."]}
    assert alert.firing == Firing(
        {"summary": "TillOpen it is.", "description": "{{ $labels.till }} is."}, {"shop": "north"}, ("till",)
    )
    assert (findings.warnings, findings.faults) == ([], [])
    assert [remedy.alert.firing for remedy in findings.remedies] == [None]


def test_a_rule_with_a_function_is_not_uncovered_and_its_alert_carries_what_the_rule_says() -> None:
    known = rule("TillGone", "critical", 'up{job="till"} == 0', "pod-restart")
    findings = find_remedies([], KNOWN, rules(known))
    (remedy,) = findings.remedies
    assert remedy.alert.firing == Firing({"summary": "TillGone it is."}, {"job": "till"}, ("pod", "namespace"))
    assert findings.uncovered == []


def test_each_severity_of_a_name_is_an_alert_of_its_own_and_each_pair_comes_once() -> None:
    known = [rule("Slow", "warning"), rule("Gone"), rule("Slow", "critical"), rule("Slow", "Warning", "up > 1")]
    assert names(find_remedies([], KNOWN, rules(*known))) == [("Slow", "warning"), ("Gone", ""), ("Slow", "critical")]


@pytest.mark.parametrize("calls", ["pod-restart", "pod-dance"])
def test_a_name_that_one_rule_calls_a_function_for_is_never_uncovered(calls: str) -> None:
    findings = find_remedies([], KNOWN, rules(rule("Slow", "warning"), rule("Slow", "critical", calls=calls)))
    assert findings.uncovered == []
    assert [remedy.alert.severity for remedy in findings.remedies] == ["critical"] * (calls == "pod-restart")


@pytest.mark.parametrize("severity", ["", "critical", "warning"])
def test_a_name_that_the_runbook_has_is_never_uncovered(severity: str) -> None:
    findings = find_remedies(read_runbook(RUNBOOK), KNOWN, rules(rule("PodDown", severity)))
    assert findings.uncovered == []
    assert len(findings.coverage.by_page) == 1


def test_every_name_of_a_page_is_in_the_runbook() -> None:
    page = RUNBOOK.replace("Alert: PodDown", "Alert: PodDown, TillDown")
    findings = find_remedies(read_runbook(page), KNOWN, rules(rule("TillDown", "critical"), rule("Other")))
    assert names(findings) == [("Other", "")]


@pytest.mark.parametrize("name", ["pod down", "poddown", "Pod-Down", "POD_DOWN"])
def test_a_name_that_a_page_writes_a_little_differently_is_left_out_and_told_of(name: str) -> None:
    findings = find_remedies(read_runbook(RUNBOOK), KNOWN, rules(rule(name)))
    assert findings.uncovered == []
    assert findings.warnings == [
        f"r.yaml, line 4: {name} stands in no page, but PodDown (line 1) does; "
        "if it is the same alert, write both alike; the rule is left out"
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "an alerting rule has no name; give it one"),
        ("  ", "an alerting rule has no name; give it one"),
        ("{{ .Values.name }}Down", "{{ .Values.name }}Down is a template, and no alert's name; write the name out"),
        ("${SHOP}Down", "${SHOP}Down is a template, and no alert's name; write the name out"),
    ],
)
@pytest.mark.parametrize("calls", ["", "pod-restart"])
def test_a_rule_without_a_name_of_its_own_is_left_out(name: str, told: str, calls: str) -> None:
    findings = find_remedies([], KNOWN, rules(rule(name, calls=calls)))
    assert findings.warnings == [f"r.yaml, line 4: {told}; the rule is left out"]
    assert (findings.uncovered, findings.remedies, findings.faults) == ([], [], [])
    assert find_remedies([], STRICT, rules(rule(name, calls=calls))).faults == [f"r.yaml, line 4: {told}"]


@pytest.mark.parametrize(
    "more",
    [
        {"annotations": {"lambda_function": ""}},
        {"annotations": {"lambda_function": ["pod-restart"]}},
        {"annotations": {"lambda_parameters": "{}"}},
        {"labels": {"lambda_function": "pod-restart"}},
        {"lambda_function": "pod-restart"},
    ],
)
def test_a_rule_that_means_to_name_a_function_and_does_not_is_left_out(more: dict[str, object]) -> None:
    findings = find_remedies([], KNOWN, rules({**rule("Slow"), **more}, rule("Other")))
    assert findings.warnings == [
        "r.yaml, line 4: the rule names no lambda_function among its annotations; write there which one it calls; "
        "the rule is left out"
    ]
    assert names(findings) == [("Other", "")]


def test_all_bad_rules_are_told_of_and_the_others_teach() -> None:
    known = rules(
        rule("A", calls="pod-dance"), rule("B", calls="pod-restart"), rule(""), rule("C"), rule("D", calls="x")
    )
    findings = find_remedies([], KNOWN, known)
    assert findings.warnings == [
        "r.yaml, line 4: tools.yaml has no function pod-dance; it has pod-restart; the rule is left out",
        "r.yaml, line 20: an alerting rule has no name; give it one; the rule is left out",
        "r.yaml, line 30: tools.yaml has no function x; it has pod-restart; the rule is left out",
        "r.yaml, line 12: B is in a rule and not in the runbook",
    ]
    assert [remedy.alert.name for remedy in findings.remedies] == ["B"]
    assert names(findings) == [("C", "")]
    assert len(find_remedies([], STRICT, known).faults) == 3


def test_the_runbook_s_own_remedy_stands_where_its_rule_is_bad() -> None:
    findings = find_remedies(read_runbook(RUNBOOK), KNOWN, rules(rule("PodDown", "critical", calls="pod-dance")))
    assert [(remedy.alert.name, remedy.place) for remedy in findings.remedies] == [("PodDown", "line 15")]


@pytest.mark.parametrize("severity", ["", "critical"])
@pytest.mark.parametrize("policy", ["", "policy: {no_call: [TillOpen]}\n"])
def test_an_alert_whose_rule_is_bad_is_none_that_wants_no_call(severity: str, policy: str) -> None:
    tools = read_tools(TOOLS + policy, "tools.yaml")
    known = rules(rule("TillOpen", severity, calls="pod-dance"))
    findings = find_remedies(read_runbook(RUNBOOK + SILENT), tools, known)
    assert findings.without_call == []
    (skipped,) = findings.skipped
    assert (skipped.kind, skipped.reason) == (
        "mistake",
        "a rule that names its function is left out: r.yaml, line 4: tools.yaml has no function pod-dance; "
        "it has pod-restart",
    )


def test_rules_that_contradict_each_other_leave_the_third_severity_in_place() -> None:
    other = {**rule("Slow", "warning", calls="pod-restart")}
    other["annotations"] = {"lambda_function": "pod-restart", "lambda_parameters": '{"name": "x", "namespace": "y"}'}
    known = rules(rule("Slow", "warning", calls="pod-restart"), other, rule("Slow", "info", calls="pod-restart"))
    findings = find_remedies([], KNOWN, known)
    assert [(remedy.alert.name, remedy.alert.severity) for remedy in findings.remedies] == [("Slow", "info")]
    assert findings.uncovered == []
    assert findings.warnings[0].endswith("; the 2 rules are left out")


def test_what_a_helm_template_calls_functions_for_is_neither_uncovered_nor_without_a_call() -> None:
    template = "{{- if .Values.on }}\n" + written(rule("Slow", calls="pod-restart"), rule("TillOpen")) + "{{- end }}\n"
    files = [RuleFile("chart.yaml", template), RuleFile("r.yaml", written(rule("Slow"), rule("Other")))]
    findings = find_remedies(read_runbook(RUNBOOK + SILENT), KNOWN, read_rules(files))
    assert names(findings) == [("Other", "")]
    assert findings.without_call == []
    assert len(findings.warnings) == 1


def fired(findings: Findings, name: str = "PodDown") -> Sequence[tuple[str, str]]:
    """Returns severity and summary of what the alerts of a name carry."""
    known = [*(remedy.alert for remedy in findings.remedies), *(entry.alert for entry in findings.skipped)]
    return [
        (alert.severity, alert.firing.annotations["summary"] if alert.firing else "")
        for alert in known
        if alert.name == name
    ]


@pytest.mark.parametrize(
    ("stated", "severities", "expected"),
    [
        ("critical", ["critical"], ("critical", "0")),
        ("critical", ["warning", "Critical"], ("critical", "1")),
        ("critical", ["warning"], ("critical", "")),
        ("critical", ["warning", ""], ("critical", "1")),
        ("critical", ["{{ $labels.how }}"], ("critical", "0")),
        ("", ["warning"], ("warning", "0")),
        ("", ["warning", "warning"], ("warning", "0")),
        ("", ["warning", "critical"], ("", "0")),
        ("", [""], ("", "0")),
        ("", [], ("", "")),
    ],
)
@pytest.mark.parametrize("page", ["remedy", "silent"])
def test_a_page_s_alert_carries_what_the_rule_of_its_severity_says(
    stated: str, severities: list[str], expected: tuple[str, str], page: str
) -> None:
    text = RUNBOOK.replace("**Severity**: critical\n", f"**Severity**: {stated}\n" if stated else "")
    text = text if page == "remedy" else text.partition("### Resolution")[0]
    known = [rule("PodDown", severity, summary=str(number)) for number, severity in enumerate(severities)]
    findings = find_remedies(read_runbook(text), KNOWN, rules(*known))
    assert fired(findings) == [expected]
    assert findings.uncovered == []
    assert len(findings.without_call) == (page == "silent")


def test_two_pages_of_a_name_carry_what_the_rules_of_their_severities_say() -> None:
    text = RUNBOOK + RUNBOOK.replace("**Severity**: critical\n", "").partition("### Resolution")[0]
    known = [rule("PodDown", "critical", summary="c"), rule("PodDown", "warning", summary="w")]
    findings = find_remedies(read_runbook(text), KNOWN, rules(*known))
    assert fired(findings) == [("critical", "c"), ("warning", "w")]


def test_a_page_gets_the_call_of_its_rule_and_what_that_rule_carries() -> None:
    text = RUNBOOK.replace("**Severity**: critical\n", "")
    known = [rule("PodDown", "info", summary="i"), rule("PodDown", "critical", calls="pod-restart", summary="c")]
    findings = find_remedies(read_runbook(text), KNOWN, rules(*known))
    assert fired(findings) == [("critical", "c")]


def test_a_rule_carries_its_own_labels_over_those_of_its_expression() -> None:
    known = rule("Slow", "info", 'a{zone="a", job="till", rack="7"}', summary="{{ $labels.pod }} {{ .Labels.till }}")
    known["labels"] = {
        **{"severity": "info", "zone": "b", "team": "{{ $labels.team }}", "site": "${SITE}", "rack": "", "tier": 1},
        **{"alertname": "x"},
    }
    (read_rule,) = rules(known).known
    assert read_rule.firing == Firing(
        {"summary": "{{ $labels.pod }} {{ .Labels.till }}"},
        {"job": "till", "zone": "b", "tier": "1"},
        ("team", "site", "pod", "till"),
    )


def test_the_labels_of_a_group_are_those_of_its_rules() -> None:
    group = {"labels": {"severity": "info", "team": "north", "zone": "a"}, "rules": [rule("Slow"), rule("Gone", "low")]}
    group["rules"][0]["labels"] = {"team": "south"}  # type: ignore[index]
    known = read_rules([RuleFile("r.yaml", yaml.safe_dump({"groups": [group, {"rules": [rule("Other")]}]}))]).known
    assert [(each.alert, each.severity, dict(each.firing.labels)) for each in known] == [
        ("Slow", "info", {"team": "south", "zone": "a"}),
        ("Gone", "low", {"team": "north", "zone": "a"}),
        ("Other", "", {}),
    ]


@pytest.mark.parametrize(
    ("text", "severity", "labels", "varying"),
    [
        (
            "- {alert: A, expr: \"a{zone='a'}\", labels: {zone: {{ .Values.zone }}, severity: {{ .x }}}}",
            "",
            {},
            ("zone",),
        ),
        ("- {alert: A, expr: {{ .Values.expr }}, labels: {severity: info}}", "info", {}, ()),
        ("- {alert: A, expr: 'a{zone=\"REDACTED\"}', labels: {team: REDACTED}}", "", {}, ("team",)),
    ],
)
def test_what_a_template_without_quotes_or_a_secret_gives_has_no_fixed_value(
    text: str, severity: str, labels: dict[str, str], varying: tuple[str, ...]
) -> None:
    (known,) = read_rules([RuleFile("r.yaml", text)]).known
    assert (known.severity, known.firing.labels, known.firing.varying) == (severity, labels, varying)


def test_a_name_that_is_a_template_without_quotes_is_left_out() -> None:
    (known,) = read_rules([RuleFile("r.yaml", "- alert: {{ .Values.name }}\n  expr: up\n")]).known
    assert known.fault == "r.yaml, line 1: {{ }} is a template, and no alert's name; write the name out"


HOSTILE = {
    "lists": "[" * 50_000,
    "mappings": "{a: " * 50_000,
    "dashes": "- " * 50_000,
    "blocks": "".join(" " * depth + "a:\n" for depth in range(1_000)),
    "aliases": "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 500)),
    "itself": "&a {alert: A, expr: up, <<: *a, labels: *a, annotations: *a}\n",
    "merges": "m: &m {"
    + ", ".join(f"k{n}: 1" for n in range(5_000))
    + "}\nrules:\n"
    + "- {alert: A, expr: up, <<: *m, labels: *m}\n" * 1_000,
    "long": "d: &d '" + "{{ $labels.x }} " * 20_000 + "'\nrules:\n"
    "" + "- {alert: A, expr: up, annotations: {summary: *d}}\n" * 1_000,
    "lines": "\n" * 50_000 + "- alert: A\n  expr: up\n" * 5_000,
    "spaces": (" " * 100 + "\n") * 5_000 + "- alert: A\n  expr: [\n",
    "surrogate": "- alert: A\n  expr: up\n# \ud800\n",
    "control": "- alert: A\n  expr: up\x01\n",
    "alias": "- alert: *nothing\n  expr: up\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_odd_file_of_rules_is_read_or_told_of_in_a_time_like_its_length(kind: str) -> None:
    start = time.process_time()
    known = read_rules([RuleFile("r.yaml", HOSTILE[kind])])
    assert time.process_time() - start < 5
    assert all(each.says.startswith("r.yaml") for each in known.unread)


def test_texts_within_texts_are_read_a_few_deep() -> None:
    def within(depth: int) -> str:
        text = "- alert: A\n  expr: up\n"
        for _ in range(depth):
            text = "a: |\n" + "".join(f"  {line}\n" for line in text.splitlines())
        return text

    found = [read_rules([RuleFile("r.yaml", within(depth))]).known for depth in (1, 3, 4, 200)]
    assert [[each.line for each in known] for known in found] == [[2], [4], [], []]


def test_labels_are_looked_for_in_templates_alone_and_in_every_annotation() -> None:
    shown = {"runbook_url": "https://example.org/{{ $labels.page }}", "message": "see labels.md {{ $value }}"}
    (known,) = rules(rule("Slow", **shown)).known
    assert (known.firing.varying, sorted(known.firing.annotations)) == (("page",), ["message", "summary"])


RULES = {
    "plain": written(rule("Slow")),
    "json": json.dumps({"groups": [{"name": "shop", "rules": [rule("Slow")]}]}),
    "victoria": "kind: VMRule\nspec:\n  groups:\n  - rules:\n    - alert: Slow\n      expr: up == 0\n",
    "documents": "kind: Other\n---\nspec:\n  groups:\n  - rules:\n    - {alert: Slow, expr: up == 0}\n---\n",
    "quoted": 'data:\n  rules.yaml: "groups:\\n- rules:\\n  - alert: Slow\\n    expr: up\\n"\n',
    "twice": "data:\n  a: |\n    data:\n      b: |\n        - alert: Slow\n          expr: up\n",
    "values": "values:\n  extra:\n    shop:\n      groups: [{rules: [{alert: Slow, expr: up}]}]\n",
    "key": "rules:\n- expr: up\n  alert: Slow\n",
}
NO_RULES = {
    "route": "route:\n  receiver: mail\n  routes:\n  - match: {alert: Slow}\n    receiver: chat\n",
    "recording": "groups:\n- rules:\n  - record: shop:slow\n    expr: sum(up)\n    labels: {alert: none}\n",
    "setting": "alert: true\nthreshold: 3\n",
    "comment": "# alert: Slow\n# expr: up\nname: x\n",
    "panel": 'data:\n  panel.json: |\n    {"alert": {"name": "Slow"}, "targets": [{"expr": "up"}], "path": "a\\/b"}\n',
    "list": "alert: [Slow]\nexpr: up\n",
    "nothing": "alert: Slow\nexpr:\n",
    "broken": "alert: [Slow\n",
    "prose": "notes: |\n  An alert: it says that\n  expr: is missing.\n",
}


@pytest.mark.parametrize("form", RULES)
def test_a_file_that_holds_a_rule_counts_for_the_commit(form: str, tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    last = commit(repository, {f"flux/ai/{AGENT}/k8s/rules.yaml": RULES[form]}, date="2026-01-02T10:00:00Z")
    study = read_folder(repository, AGENT)
    assert study.findings
    assert names(study.findings) == [("Slow", "")]
    assert read(repository, tmp_path / "out").source_commit == last


@pytest.mark.parametrize("form", NO_RULES)
def test_a_file_without_a_rule_stays_unread(form: str, tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {f"flux/ai/{AGENT}/k8s/other.yaml": NO_RULES[form]}, date="2026-01-02T10:00:00Z")
    study = read_folder(repository, AGENT)
    assert study.files.rules == ()
    assert study.findings
    assert (study.findings.uncovered, study.findings.warnings, study.faults) == ([], [], ())


def test_rules_elsewhere_are_read_where_tools_yaml_names_them(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops", tools=f"{TOOLS}rules: [flux/monitoring/*.yaml]\n")
    files = {"flux/monitoring/a.yaml": written(rule("Slow")), "flux/monitoring/b.yaml": "kind: Other\n"}
    commit(repository, files | {"flux/other/c.yaml": written(rule("Gone"))})
    study = read_folder(repository, AGENT)
    assert study.findings
    assert [(alert.name, alert.place) for alert in study.findings.uncovered] == [
        ("Slow", "flux/monitoring/a.yaml, line 4")
    ]
    assert [file.path for file in study.files.rules] == ["flux/monitoring/a.yaml"]


def test_a_file_of_rules_that_is_no_yaml_is_told_of_and_stops_nothing(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    folder = f"flux/ai/{AGENT}/k8s"
    commit(
        repository, {f"{folder}/a.yaml": "- alert: Slow\n  expr: up: 0\n", f"{folder}/b.yaml": written(rule("Gone"))}
    )
    study = read_folder(repository, AGENT)
    assert study.findings
    assert study.findings.warnings == [
        f"{folder}/a.yaml, line 2: no YAML, so that the alerting rules are not read; mend it, or move it elsewhere"
    ]
    assert (names(study.findings), study.faults) == ([("Gone", "")], ())


@pytest.mark.parametrize("tools", [TOOLS, f"{TOOLS}strict_rules: false\n"])
def test_a_bad_rule_stops_the_stage_where_tools_yaml_is_strict_alone(tools: str, tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops", tools=tools)
    commit(repository, {f"flux/ai/{AGENT}/k8s/rules.yaml": written(rule("Slow", calls="pod-dance"))})
    assert read(repository, tmp_path / "out").rows > 0
    commit(repository, {TOOLS_PATH: f"{TOOLS}strict_rules: true\n"})
    with pytest.raises(StageError) as raised:
        read(repository, tmp_path / "strict")
    path = f"flux/ai/{AGENT}/k8s/rules.yaml"
    assert str(raised.value) == f"{path}, line 4: tools.yaml has no function pod-dance; it has pod-restart"


def test_an_agent_whose_rules_all_are_bad_or_silent_is_told_so(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops", runbook="# Nothing here yet.\n")
    path = f"flux/ai/{AGENT}/k8s/rules.yaml"
    commit(repository, {path: written(rule("Slow"))})
    (fault,) = read_folder(repository, AGENT).faults
    assert fault.endswith("documents no alert; head each one with its name, such as `## Alert: PodCrashLooping`")
    commit(repository, {path: written(rule("Slow", calls="pod-dance"))})
    (fault,) = read_folder(repository, AGENT).faults
    assert fault == (
        f"neither flux/ai/{AGENT}/docs/RUNBOOK.md nor a rule teaches a call: {path}, line 4: tools.yaml has no "
        "function pod-dance; it has pod-restart; the rule is left out"
    )


def linted(repository: Path, capsys: pytest.CaptureFixture[str], form: str) -> tuple[int, str]:
    status = author(["lint", "--agent", AGENT, "--repository", str(repository), "--format", form])
    return status, capsys.readouterr().out


def test_lint_counts_the_rules_and_names_the_first_that_are_uncovered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = make(tmp_path / "gitops")
    path = f"flux/ai/{AGENT}/k8s/rules.yaml"
    others = [rule(f"Slow{number}") for number in range(7)]
    known = [
        rule("PodDown", "critical"),
        rule("TillGone", calls="pod-restart"),
        rule("Bad", calls="pod-dance"),
        *others,
    ]
    commit(repository, {path: written(*known)})
    status, table = linted(repository, capsys, "table")
    assert status == 0
    assert table.splitlines()[-3:-1] == [
        "10 alerting rules: 1 with a function, 1 with a page, 7 with neither, 1 left out",
        "7 alerts of rules have neither a page nor a function: the model learns to be silent on them: "
        "Slow0, Slow1, Slow2, Slow3, Slow4, …",
    ]
    found = json.loads(linted(repository, capsys, "json")[1])
    assert [(each["alert"], each["file"]) for each in found if each["level"] == "uncovered"] == [
        (f"Slow{number}", path) for number in range(7)
    ]
    assert all(each["line"] > 20 for each in found if each["level"] == "uncovered")
    (bad,) = [each for each in found if "pod-dance" in each["says"]]
    assert (bad["level"], bad["file"], bad["line"]) == ("warning", path, 18)
    assert "Slow" not in linted(repository, capsys, "github")[1]


def test_one_uncovered_alert_is_told_of_in_the_singular() -> None:
    assert list(find_remedies([], KNOWN, rules(rule("Slow"))).coverage.lines()) == [
        "1 alerting rule: 0 with a function, 0 with a page, 1 with neither",
        "1 alert of a rule has neither a page nor a function: the model learns to be silent on it: Slow",
    ]
    assert list(find_remedies([], KNOWN, Rules()).coverage.lines()) == []


_RULES = st.builds(
    rule,
    st.sampled_from(["PodDown", "podDown", "TillOpen", "Slow", "Gone", "", "{{ x }}", "Slow down"]),
    st.sampled_from(["", "critical", "warning", "Warning", "{{ $labels.how }}"]),
    calls=st.sampled_from(["", "", "pod-restart", "pod-dance"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_RULES, max_size=8), st.booleans())
def test_every_rule_comes_to_one_thing(known: list[dict[str, object]], is_strict: bool) -> None:
    read_ones = rules(*known)
    findings = find_remedies(read_runbook(RUNBOOK + SILENT), STRICT if is_strict else KNOWN, read_ones)
    coverage = findings.coverage
    parts = (coverage.by_function, coverage.by_page, coverage.uncovered, coverage.left_out)
    assert sorted(each.line for part in parts for each in part) == [each.line for each in read_ones.known]
    assert coverage.read == len(known)
    taught = {remedy.alert.name for remedy in findings.remedies} | {alert.name for alert in findings.without_call}
    assert {each.alert for each in coverage.by_function} <= taught
    assert {each.alert for each in coverage.uncovered} == {alert.name for alert in findings.uncovered}
    assert not {alert.name for alert in findings.uncovered} & taught
    bad = {each["alert"] for each in known if "pod-dance" in str(each)}
    assert not bad & {alert.name for alert in (*findings.without_call, *findings.uncovered)}
    told = findings.faults if is_strict else findings.warnings
    faulty = [each for each in read_ones.known if each.fault]
    assert all(any(text.startswith(each.place) for text in told) for each in faulty)

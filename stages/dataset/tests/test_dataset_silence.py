"""Alerts that want no call: which of them train silence, which only test it, and how they look."""

import itertools
import json
import random
from collections import Counter
from typing import Any

import pytest

from shared.artifacts import SPLITS, UNCOVERED_ALERTS
from shared.prompt import NO_CALL_ANSWER
from stages.dataset.calls.remedies import Findings, find_remedies
from stages.dataset.calls.rules import RuleFile, read_rules
from stages.dataset.calls.tools import read_tools
from stages.dataset.rows.drawing import draw_rows
from stages.dataset.rows.examples import Sampling, make_rows, prompt_file
from stages.dataset.rows.row import Row
from stages.dataset.rows.silent import DOCUMENTED, MOST_TESTED, apart, in_turns
from stages.dataset.runbook.alert import Alert
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import RUNBOOK, TOOLS

FUNCTIONS = read_tools(TOOLS, "tools.yaml")
RULE = """- alert: {name}
  expr: used > 1
  labels: {{severity: warning, part: quota}}
  annotations: {{summary: "{summary}"}}
"""


def quotas(count: int, summary: str = "Quota {number} of {{{{ $labels.tenant }}}} is used up.") -> str:
    """Returns a file of alerting rules that no page and no function covers."""
    told = (
        RULE.format(name=f"Quota{number}Exceeded", summary=summary.format(number=number)) for number in range(count)
    )
    return "groups:\n- rules:\n" + "".join(f"  {line}\n" for text in told for line in text.splitlines())


def findings(rules: str) -> Findings:
    return find_remedies(read_runbook(RUNBOOK), FUNCTIONS, read_rules([RuleFile("rules.yaml", rules)]))


def rows_of(rules: str, **options: Any) -> list[Row]:
    return make_rows(findings(rules), FUNCTIONS, prompt_file(FUNCTIONS), Sampling(**options))


NAMES = {f"Quota{number}Exceeded" for number in range(40)}


def test_an_uncovered_alert_trains_silence_or_only_tests_it() -> None:
    rows, names = rows_of(quotas(40), per_alert=60), NAMES
    of_split = {
        split: {row.alert for row in rows if row.split == split} & names for split in (*SPLITS, UNCOVERED_ALERTS)
    }
    tested = of_split.pop(UNCOVERED_ALERTS)
    assert 4 <= len(tested) <= 16
    assert of_split["train"] == names - tested
    assert not tested & set.union(*of_split.values())
    assert {(row.answer, row.function, row.call) for row in rows if row.alert in names} == {("none", "", "null")}
    assert {row.completion.partition("<")[0] for row in rows if row.alert in names} == {NO_CALL_ANSWER}
    assert Counter(row.alert for row in rows if row.split == UNCOVERED_ALERTS) == dict.fromkeys(tested, 2)


def test_which_ones_only_test_never_changes_as_others_come() -> None:
    uncovered = findings(quotas(40)).uncovered
    trained, tested = apart(uncovered)
    assert [alert for alert in uncovered if alert not in tested] == trained
    assert apart(uncovered[:20])[1] == [alert for alert in uncovered[:20] if alert in tested]
    critical = [Alert(alert.name, 0, "critical") for alert in uncovered]
    assert {alert.name for alert in apart([*uncovered, *critical])[1]} == {alert.name for alert in tested}


def test_of_very_many_a_bounded_number_is_tested() -> None:
    many = [Alert(f"Rule{number}", number) for number in range(1000)]
    trained, tested = apart(many)
    assert len(tested) == MOST_TESTED
    assert 650 <= len(trained) <= 850


def test_no_row_without_a_call_is_more_than_half() -> None:
    counts = Counter(bool(row.function) for row in rows_of(quotas(500)) if row.split == "train")
    assert counts[False] == counts[True]


def test_no_share_is_no_row() -> None:
    assert not [row for row in rows_of(quotas(40), no_call_share=0.0) if row.split in SPLITS and not row.function]


def test_an_alert_looks_as_its_rule_says() -> None:
    for row in (row for row in rows_of(quotas(40)) if row.alert in NAMES):
        shown = json.loads(row.notification)
        labels = shown["labels"]
        assert labels["part"] == "quota"
        number = row.alert.removeprefix("Quota").removesuffix("Exceeded")
        assert shown["annotations"] == {"summary": f"Quota {number} of {labels['tenant']} is used up."}
        assert shown["status"] == "firing"


def test_a_remedy_looks_as_its_rule_says() -> None:
    rules = """groups:
- rules:
  - alert: PodDown
    expr: sum by (namespace, pod, zone) (up{namespace="shop"}) == 0
    labels: {tier: gold}
    annotations:
      summary: "{{ $labels.pod }} is down for {{ $value | humanizeDuration }}"
      description: 'Of {{ $labels.zone }}: {{ query "up" }}'
      message: Down
      runbook_url: https://example.org
"""
    rows = [row for row in rows_of(rules) if row.alert == "PodDown"]
    assert rows
    assert {json.loads(row.notification)["annotations"]["summary"] for row in rows if row.alertname == "renamed"}
    for row in rows:
        shown = json.loads(row.notification)
        if row.alertname != "stated":
            assert "is down for" not in shown["annotations"]["summary"]
            continue
        assert shown["annotations"].keys() == {"summary", "message"}
        assert shown["annotations"]["summary"].startswith(f"{shown['labels']['pod']} is down for ")
        assert shown["labels"] | {"namespace": "shop", "tier": "gold"} == shown["labels"]
        assert "zone" in shown["labels"]


CONSTANT = (
    "## Alert: FlaggerStuck\n\n### Symptoms\n\n- Canary analysis of every deployment in this cluster has made no "
    "progress for as long as half an hour, so that releases wait and nobody is told why they do.\n\n### Resolution\n\n"
    "```bash\n{command}\n```\n"
)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("command", ["kubectl delete pod flagger-0 -n flagger", "cachectl reset"])
def test_a_single_alert_with_fixed_names_makes_a_dataset(command: str, seed: int) -> None:
    tools = read_tools(
        TOOLS + "  - name: cache-reset\n    description: Reset.\n    commands: [cachectl reset]\n", "tools.yaml"
    )
    found = find_remedies(read_runbook(CONSTANT.format(command=command)), tools)
    rows, dropped = draw_rows(found, tools, Sampling(seed=seed))
    calls = [row for row in rows if row.function]
    assert {row.answer for row in calls} == {"constant"}
    assert {row.split for row in calls} == set(SPLITS)
    assert sum(row.split == "train" for row in calls) == 18
    assert dropped["alike"] == sum(row.is_alike for row in rows) <= 2


def test_the_namespace_of_a_fixed_call_is_the_alert_s() -> None:
    found = find_remedies(read_runbook(CONSTANT.format(command="kubectl delete pod flagger-0 -n flagger")), FUNCTIONS)
    rows, _ = draw_rows(found, FUNCTIONS, Sampling())
    assert {json.loads(row.notification)["labels"]["namespace"] for row in rows if row.function} == {"flagger"}


def test_alerts_come_in_turns() -> None:
    documented, others = [Alert("A", 1), Alert("B", 2)], [Alert(str(number), 1) for number in range(10)]
    drawn = [alert.name for alert in itertools.islice(in_turns(documented, others, random.Random(0)), 1000)]
    counts = Counter(drawn)
    assert abs(counts["A"] - counts["B"]) <= 1
    assert abs((counts["A"] + counts["B"]) / 1000 - DOCUMENTED) < 0.05
    assert max(counts[alert.name] for alert in others) - min(counts[alert.name] for alert in others) <= 1
    assert [alert.name for alert in itertools.islice(in_turns([], documented, random.Random(0)), 2)] in (
        ["A", "B"],
        ["B", "A"],
    )
    assert list(in_turns([], [], random.Random(0))) == []

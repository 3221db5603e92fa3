"""How severe an alert is: said of itself, of its group, and not of others."""

import time

import pytest

from stages.dataset.runbook.reader import read_runbook
from stages.dataset.runbook.severity import group_severity, titled_severity, told_severity


def severity(text: str) -> str:
    return read_runbook(f"## Alert: DiskFull\n\n{text}\n\n### Fix\n\n`df -h`\n")[0].severity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Severity: warning", "warning"),
        ("**Severity**: P2", "p2"),
        ("_Severity_ – low", "low"),
        ("**Alert severity**: major", "major"),
        ("**Severity / Priority**: P3", "p3"),
        ("**Default severity:** `page`", "page"),
        ("**Severity**\n\nwarning", "warning"),
        ("**Severity:** usually SEV-2, later SEV-1", "sev-2"),
        ("**Severity:** warning → critical", "warning"),
        ("**Severity**: warning at 80%, critical at 90%", "warning"),
        ("**Priority**: P1", ""),
        ("Severity: depends, critical at night", ""),
        ("### Severity: High", "high"),
        ("### 2. Severity: High", "high"),
        ("### Severity\n\n🔴 **CRITICAL** - act now", "critical"),
        ("### Severity\n\n**Level:** P1 - Critical", "p1"),
        ("| Field | Value |\n|---|---|\n| **Severity** | critical |", "critical"),
        ("`severity=critical`", "critical"),
    ],
)
def test_a_label_states_it(text: str, expected: str) -> None:
    assert severity(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is a critical alert.", "critical"),
        ("This is a warning-level alert.", "warning"),
        ("This alert is critical.", "critical"),
        ("This alert fires as critical.", "critical"),
        ("This alert is of warning severity.", "warning"),
        ("This alert is paged as critical.", "critical"),
        ("The alert is classified as SEV2.", "sev2"),
        ("Its severity is high.", "high"),
        ("It has critical severity.", "critical"),
        ("It pages the on-call (P1).", "p1"),
        ("Pages on-call as P2.", "p2"),
        ("Critical alert: the disk is full.", "critical"),
        ("This warning alert precedes the critical one.", "warning"),
        ("Unlike NodeGone, which is critical, this alert is a warning.", "warning"),
        ("DiskFull is a critical-level alert, unlike DiskFilling, which is warning-level.", "critical"),
    ],
)
def test_a_sentence_about_this_alert_tells_it(text: str, expected: str) -> None:
    assert severity(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "See also the critical alert NodeGone.",
        "Unlike NodeGone, which is critical, it can wait.",
        "It fires before the critical one.",
        "A critical alert follows after ten minutes.",
        "If the critical alert also fires, call the lead.",
        "If it lasts an hour it becomes a critical alert.",
        "Escalate to severity critical when it lasts.",
        "The severity is raised to critical after an hour.",
        "The warning variant of it fires first.",
        "NodeGone (severity: critical) fires as well.",
        "This is not a critical alert.",
        "### Related alerts\n\n- NodeGone, severity: critical\n- the next one (severity: page)",
        'Query `ALERTS{severity="critical"}`.',
        "The disk is a critical component.",
        "This alert is critical for billing.",
        "It is on the critical path of a mission-critical service.",
        "**Warning:** never delete the data.",
        "Important warning: do not reboot.",
        "Look for warning signs, log warnings and high CPU.",
        "Warning at 80%, critical at 90%.",
        "The severity depends on the load.",
    ],
)
def test_other_alerts_and_other_words_do_not(text: str) -> None:
    assert severity(text) == ""


RULE = "- alert: {}\n  expr: up == 0\n  labels:\n    severity: {}\n"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([("DiskFull", "critical")], "critical"),
        ([("DiskFilling", "warning"), ("DiskFull", "critical")], "critical"),
        ([("DiskFull", "critical"), ("DiskFilling", "warning")], "critical"),
        ([("DiskFilling", "warning")], ""),
        ([("DiskFilling", "warning"), ("NodeGone", "critical")], ""),
    ],
)
def test_a_rule_states_that_of_its_own_alert(rules: list[tuple[str, str]], expected: str) -> None:
    assert severity("```yaml\n" + "".join(RULE.format(*rule) for rule in rules) + "```") == expected


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("DiskFull (Warning)", "warning"),
        ("[CRITICAL] DiskFull", "critical"),
        ("Alert: DiskFull (severity: P2)", "p2"),
        ("DiskFull (P1, page)", "p1"),
        ("DiskFull [critical severity]", "critical"),
        ("P1: DiskFull", "p1"),
        ("Alert: Disk full (high traffic)", ""),
        ("Alert: Load (1 min)", ""),
        ("Alert: Critical path is slow", ""),
    ],
)
def test_a_title_states_it_in_brackets(heading: str, expected: str) -> None:
    assert titled_severity(heading) == expected
    assert read_runbook(f"## {heading}\n\n### Fix\n\n`df -h`\n")[0].severity == expected


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ("## Critical", "critical"),
        ("# Critical alerts", "critical"),
        ("## 🔴 Critical Alerts (act at once)", "critical"),
        ("## Severity: High", "high"),
        ("## SEV-1", "sev-1"),
        ("## 2. Warnings", "warning"),
        ("## Warning\n\n### PodDown\n\nx\n\n## Critical", "critical"),
        ("## Critical\n\n### PodDown\n\nx\n\n## More", ""),
        ("## Critical path", ""),
        ("## High load", ""),
    ],
)
def test_a_heading_states_that_of_the_alerts_below_it(above: str, expected: str) -> None:
    for name in ("DiskFull", "Alert: DiskFull"):
        alert = read_runbook(f"{above}\n\n### {name}\n\nText.\n")[-1]
        assert (alert.name, alert.severity) == ("DiskFull", expected)
    own = read_runbook(f"{above}\n\n### DiskFull\n\n**Severity**: low\n")[-1]
    assert own.severity == "low"


def test_the_front_matter_states_that_of_the_file_s_one_alert() -> None:
    front = "---\ntitle: Disks\nseverity: high\n---\n\n"
    assert [alert.severity for alert in read_runbook(f"{front}# DiskFull\n\n## Fix\n\n`df -h`\n")] == ["high"]
    assert [alert.severity for alert in read_runbook(f"{front}## DiskFull\n\nx\n\n## NodeGone\n\nx\n")] == ["", ""]


@pytest.mark.parametrize(
    "piece", ["severity ", "severity: ", "(", "this alert is ", "pages ", "critical ", "{", "a.b "]
)
def test_a_text_of_any_length_is_read_at_once(piece: str) -> None:
    start = time.process_time()
    for read in (told_severity, titled_severity, group_severity):
        read(piece * 50_000)
    assert time.process_time() - start < 1

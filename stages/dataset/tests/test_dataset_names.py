"""Which alerts a file documents, what they are called and how severe they are."""

import json
from pathlib import Path

import pytest

from stages.dataset.runbook.__main__ import main
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.runbook.text import decode

SECTIONS = "\n\n## Meaning\n\nIt is full.\n\n## Mitigation\n\n```\ndf -h\n```\n"


def names(text: str, path: str = "RUNBOOK.md") -> list[str]:
    return [alert.name for alert in read_runbook(text, path)]


@pytest.mark.parametrize(
    "heading",
    [
        "### Alert: DiskFull",
        "### ALERT: DiskFull",
        '##### Alert Name: "DiskFull"',
        "### 3. DiskFull",
        "### 3. `DiskFull`",
        "## 🔥 DiskFull",
        "## DiskFull (Warning)",
        "# [Deprecated] DiskFull",
        "# DiskFull Runbook",
        "# Runbook: DiskFull",
        "## Alert - DiskFull",
        "## **DiskFull**",
        "## <a name='x'></a>DiskFull",
        "DiskFull\n========",
        "<h2>DiskFull</h2>",
    ],
)
def test_a_heading_names_an_alert(heading: str) -> None:
    assert names(heading + SECTIONS.replace("##", "####")) == ["DiskFull"]


@pytest.mark.parametrize("title", ["Disk usage is too high", "", "Disk Full"])
def test_a_name_in_the_text_wins_over_the_title(title: str) -> None:
    for stated in ("**Alert:** `NodeDiskFull`", "This runbook is for the alarm `NodeDiskFull` firing."):
        assert names(f"# {title}\n\n{stated}{SECTIONS}", "DiskFull.md") == ["NodeDiskFull"]


def test_the_title_wins_over_the_file_s_name() -> None:
    assert names("# DiskFull" + SECTIONS, "Other.md") == ["DiskFull"]
    assert names("# Disk usage too high" + SECTIONS, "NodeDiskFull.md") == ["Disk usage too high"]
    assert names("# Node Disk Full" + SECTIONS, "NodeDiskFull.md") == ["NodeDiskFull"]
    assert names(SECTIONS, "NodeDiskFull.md") == ["NodeDiskFull"]
    assert names(SECTIONS, "docs/NodeDiskFull") == ["NodeDiskFull"]
    assert names("---\ntitle: Node Disk Full\nweight: 20\n---\n\n# Node Disk Full" + SECTIONS, "NodeDiskFull.md") == [
        "NodeDiskFull"
    ]


def test_an_expression_behind_a_label_names_nothing() -> None:
    assert names("# DiskFull\n\n**Alert:** `node_free_bytes < 10`" + SECTIONS) == ["DiskFull"]


def test_a_rule_in_a_block_names_the_alert_of_a_title_in_plain_words() -> None:
    rule = "```yaml\n- alert: NodeDiskFull\n  labels:\n    severity: critical\n```"
    (alert,) = read_runbook(f"# Disk usage is too high\n\n{rule}{SECTIONS}")
    assert (alert.name, alert.severity) == ("NodeDiskFull", "critical")


def test_a_label_below_a_heading_in_plain_words_starts_an_alert() -> None:
    text = "".join(f"## {title}\n\n**Alert**: {name}\n\n### Fix\n\n`df -h`\n\n" for title, name in PAIRS)
    assert names("# On-call runbook\n\n" + text) == ["DiskFull", "NodeDown"]


PAIRS = [("No space", "DiskFull"), ("A node is gone", "NodeDown")]


def test_headings_in_plain_words_below_alerts_name_alerts() -> None:
    text = "# Runbook\n\n## Common alerts\n\n### Disk nearly full\n\n**Fix**: `df -h`\n\n### Node gone\n\nx"
    assert names(text + "\n\n## Contacts\n\n### Team\n") == ["Disk nearly full", "Node gone"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("# GitHub\n\n## Usage\n\n```\ngit pull\n```\n", "README.md"),
        ("# Runbooks\n\n- [KubeFoo](KubeFoo.md)\n- KubeBar\n", "index.md"),
        ("# Naming schemes\n\n## Outputs\n\nText.\n", "LogNamingScheme.md"),
        ("groups:\n- name: a\n  rules:\n  - alert: DiskFull\n", "rules.yaml"),
        ("The alert KubeFoo is not documented.\n", "notes.md"),
    ],
)
def test_what_documents_no_alert(text: str, path: str) -> None:
    assert names(text, path) == []


def test_a_state_below_a_section_is_no_alert() -> None:
    text = "# PodNotReady\n\n## Diagnosis\n\n### CreateContainerError\n\n`kubectl get pods -A`\n"
    (alert,) = read_runbook(text)
    assert [command.section for command in alert.commands] == ["diagnosis"]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("**Severity**: Critical", "critical"),
        ("**Severity:** warning", "warning"),
        ("+ *Severity*: info", "info"),
        ("Severity: `P1`", "p1"),
        ("### Severity\n\nHigh, at once.", "high"),
        ("### Impact\n\n- **Severity**: high", "high"),
        ("This is a critical-level alert.", "critical"),
        ("| Severity | Team |\n|---|---|\n| warning | web |", ""),
        ("| Severity | warning |\n|---|---|\n| Team | web |", "warning"),
        ("```\nlabels:\n  severity: page\n```", "page"),
        ("It is critical to look at the disk.", ""),
    ],
)
def test_severity(text: str, severity: str) -> None:
    (alert,) = read_runbook(f"## Alert: DiskFull\n\n{text}\n\n## Alert: Other\n\n**Severity**: low\n")[:1]
    assert alert.severity == severity


def test_sections_keep_their_headings() -> None:
    labels = ["Description", "Triage Steps", "Root causes", "Quick Fixes", "Post-mortem", "Who to page", "See also"]
    (alert,) = read_runbook("# DiskFull\n\n" + "".join(f"**{label}:**\n\nText.\n\n" for label in labels))
    headed = [(section.kind, section.heading) for section in alert.sections if section.heading]
    kinds = ["meaning", "diagnosis", "causes", "mitigation", "prevention", "escalation", "references"]
    assert headed == list(zip(kinds, labels, strict=True))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_encoding_and_line_end(encoding: str, end: str) -> None:
    text = f"# DiskFull{SECTIONS}\nÜber".replace("\n", end)
    (alert,) = read_runbook(decode(text.encode(encoding)))
    assert [(command.text, command.line) for command in alert.commands] == [("df -h", 10)]


def test_the_program_prints_what_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "RUNBOOK.md"
    path.write_text("# DiskFull\n\n**Severity**: info\n\n## Fix\n\n```\nrm -rf /tmp/x\n```\n", "utf-8")
    assert main([str(path), str(tmp_path / "gone.md")]) == 1
    out, err = capsys.readouterr()
    command = {"text": "rm -rf /tmp/x", "section": "mitigation", "line": 8, "source": "fence"}
    meant = {"standing": "meant", "decided_by": "", "decided_in_line": 0}
    alert = {
        "name": "DiskFull",
        "severity": "info",
        "sections": ["mitigation"],
        "headings": ["Fix"],
        "commands": [command | {"dangerous": True, "mutating": True} | meant],
        "unread": [],
        "queries": [],
    }
    assert json.loads(out) == [{"path": str(path), "alerts": [alert]}]
    assert err == f"{tmp_path / 'gone.md'} cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    "text",
    [
        "## DiskFull / DiskFuller",
        "## Alert: DiskFull, DiskFuller",
        "# Disk usage\n\n**Alerts:** `DiskFull`, `DiskFuller`",
        "# Disk usage\n\n| **Alert Name(s)** | `DiskFull`, `DiskFuller` |\n|---|---|",
        "# Disk usage\n\n## Alert Names\n\n`DiskFull` and `DiskFuller`",
    ],
)
def test_several_names_are_alerts_with_the_same_commands(text: str) -> None:
    one, other = read_runbook(text + SECTIONS.replace("##", "####"))
    assert [one.name, other.name] == ["DiskFull", "DiskFuller"]
    assert [command.text for command in one.commands] == [command.text for command in other.commands] == ["df -h"]


def test_a_stated_sentence_is_a_name_and_an_expression_is_none() -> None:
    for told in ("Queue depth > 10,000", "RabbitMQ queue depth > 10,000"):
        assert names(f"## Alert: {told}" + SECTIONS.replace("##", "####")) == [told]


TOLD = "\n\n## Symptoms\n\nIt is slow.\n\n## What to do\n\n```\ndf -h\n```\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Runbook: Disk usage\n\n**Alert Name**: DiskFull  \n**Severity**: Critical  \n**Team**: web\n", "DiskFull"),
        (
            "# Disk investigation runbook\n\n## Alert details\n\n- **Alert name**: DiskFull\n- **Team**: web\n",
            "DiskFull",
        ),
        ("# Disk\n\n## Alert\n\n- **Name:** DiskFull\n", "DiskFull"),
        ("# Disk usage\n\n## Alert Name\n\n`DiskFull`\n", "DiskFull"),
        ("# Disk usage\n\nAlert: DiskFull\n", "DiskFull"),
        ("# Disk usage runbook\n\n## 🚨 **Alert: Slow disk response**\n\n## Definitions\n", "Slow disk response"),
        ("# Disk usage\n\n| Field | Value |\n|---|---|\n| Alert name | DiskFull |\n", "DiskFull"),
        ("# Disk usage\n\n```\nAlert: DISK_FULL\nSeverity: high\n```\n", "DISK_FULL"),
    ],
)
def test_one_name_in_the_text_makes_the_whole_file_its_alert(text: str, expected: str) -> None:
    (alert,) = read_runbook(text + TOLD + "\n## Monitoring\n\n```\ntop -b\n```\n")
    assert (alert.name, [command.text for command in alert.commands]) == (expected, ["df -h", "top -b"])


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("# Incident Runbook: Disk Usage", "Disk Usage"),
        ("# Storage Runbook — Disk Usage", "Disk Usage"),
        ("# RB-012: Disk Usage", "Disk Usage"),
        ("# Disk recovery procedures", "Disk recovery procedures"),
        ("---\ntitle: 'Disk: usage too high'\nweight: 2\n---", "Disk: usage too high"),
        ("Disk Usage\n==========", "Disk Usage"),
        ("", "disk_is_full"),
        ("# Alerts", None),
        ("# Upgrade the disk", None),
        ("# Secret rotation", None),
    ],
)
def test_a_page_about_one_problem_is_named_by_its_title(title: str, expected: str | None) -> None:
    assert names(title + TOLD, "docs/disk_is_full.html.md") == ([expected] if expected else [])


def test_bare_words_above_lists_are_sections() -> None:
    text = (
        "# Disk Usage\n\nSymptoms\n- It is slow.\n\nDiagnosis\n1) `df -h`\n\nMitigations\n- `rm -rf /x`\n\nMore\n- x\n"
    )
    (alert,) = read_runbook(text)
    assert [section.kind for section in alert.sections if section.heading] == ["symptoms", "diagnosis", "mitigation"]
    assert [command.section for command in alert.commands] == ["diagnosis", "mitigation"]


def test_headings_in_plain_words_with_sections_of_their_own_are_alerts() -> None:
    alerts = "".join(f"## P{n} — {name}\n\n### Symptoms\n\nx\n\n### Response\n\n`df -h`\n\n" for n, name in NAMED)
    assert names("# Incident response\n\n" + alerts + "## Contacts\n\nweb\n") == [name for _, name in NAMED]
    causes = "".join(f"### {name}\n\n**Symptoms:** x\n\n**Solution:** `df -h`\n\n" for _, name in NAMED)
    assert names("# Disk Usage\n\n## Symptoms\n\nx\n\n## Common causes\n\n" + causes) == ["Disk Usage"]


NAMED = [(1, "Disk full"), (2, "Node gone"), (3, "Installation fails")]


def test_a_line_s_label_ends_the_label_before_it() -> None:
    (alert,) = read_runbook("# DiskFull\n\n**Severity**: high\n**Impact**: Writes fail.\n**Fix**: run `df -h`.\n")
    assert alert.severity == "high"
    assert alert.texts["impact"] == ["Writes fail."]
    assert [(command.section, command.line) for command in alert.commands] == [("mitigation", 5)]


ONE = "\n\n### Symptoms\n\n- It is slow.\n\n### Fix\n\n`df -h`\n\n"


def stated(*told: str) -> list[str]:
    return names("# Disks\n\n" + "".join(f"## Alert: {each}{ONE}" for each in (*told, "the last one")))[:-1]


@pytest.mark.parametrize(
    "name",
    [
        *("Inodes (5 min)", "Disk > 90% (root)", "Load < 5 % on /var", "p99 >= 2s (eu-1)", "disk_used_percent > 90"),
        *(
            "Platte fast voll – Knoten",
            "Disk full — root",
            "Disk full - root",
            "A: B: C",
            "CPU/Memory high",
            "Überlast",
        ),
        *(
            "node_* is full",
            "*** fails alert",
            'Host "db-1" gone',
            "What's up?",
            "磁盘已满",
            "Диск полон (узел)",
            "C++ & co",
        ),
        *(
            "Disks full, slow and hot",
            "Payments: failed & retried",
            "LoadHigh (5 min)",
            "LoadHigh (15 min)",
            "GitLab is down",
        ),
        *(
            "MyApp is down",
            "node_full:critical",
            "5xx rate > 1%",
            'up{job="x"} == 0',
            "DISKS USED UP",
            "Avg. wait (ms)",
        ),
        "The disk of one of our worker nodes has been filling up for more than an hour",
    ],
)
def test_what_is_stated_is_the_name_whole(name: str) -> None:
    assert stated(name) == [name]


@pytest.mark.parametrize(
    "told",
    [
        *(
            "{} (critical)",
            "{} [Warning]",
            "{} (Severity: P2)",
            "{} 🔥",
            "🔥 {}",
            "[Critical] {}",
            "{} (P1, page) 🔴",
            "**{}**",
        ),
        *(
            "`{}`",
            '"{}"',
            "“{}”",
            "{}:",
            "{} {{#disk}}",
            "{} (deprecated)",
            "_{}_",
            "{} Runbook",
            "{} :fire:",
            "[{}](x.md)",
        ),
    ],
)
@pytest.mark.parametrize("name", ["Disk full", "Avg. load (1 min)", "DiskFull", "disk_full"])
def test_what_decorates_a_stated_name_is_no_part_of_it(told: str, name: str) -> None:
    assert stated(told.format(name)) == [name]


def test_work_described_in_steps_is_no_alert() -> None:
    assert names("# Replay events\n\n## Purpose\n\nx\n\n## Steps\n\n`df -h`\n\n## Risks\n\nx\n") == []


def test_two_names_that_differ_in_parentheses_are_two_alerts() -> None:
    assert stated("Avg. load (1 min)", "Avg. load (15 min)") == ["Avg. load (1 min)", "Avg. load (15 min)"]


@pytest.mark.parametrize("remark", ["(5xx)", "- the disk is full", "is firing", "[root] (warning)", "– what to do"])
def test_a_remark_behind_an_identifier_is_no_part_of_it(remark: str) -> None:
    assert stated(f"DiskFull {remark}") == ["DiskFull"]


@pytest.mark.parametrize(
    "told", ["DiskFull, NodeGone", "DiskFull / NodeGone", "`DiskFull` and `NodeGone`", "DiskFull & NodeGone (warning)"]
)
def test_several_stated_identifiers_are_several_alerts(told: str) -> None:
    assert stated(told) == ["DiskFull", "NodeGone"]
    assert stated(told.replace("DiskFull", "disk_full").replace("NodeGone", "node_gone")) == ["disk_full", "node_gone"]


@pytest.mark.parametrize("heading", ["Alert 3: DiskFull", "Alert #3 - DiskFull", "RB-012: DiskFull", "P1: DiskFull"])
def test_a_number_in_front_of_a_name_is_no_part_of_it(heading: str) -> None:
    assert names(f"## {heading}{SECTIONS.replace('##', '####')}") == ["DiskFull"]

"""Which kind a section is of, by what its title means, and which commands stand in it."""

import time

import pytest

from stages.dataset.runbook.reader import read_runbook
from stages.dataset.runbook.sections.kinds import label_kind, section_kind

TITLES = {
    "meaning": "Meaning|About this alert|What it means|Trigger condition|Background|Alert description|How it works",
    "symptoms": "Symptoms|Warning signs|What users see|Observed behaviour|Error messages|Key indicators|User reports",
    "causes": "Causes|Likely reasons|Why|Why it happens|Usual suspects|Root cause|Cause of the alert|Typical causes",
    "impact": "Impact|Impact / Severity|Blast radius|Who is affected|Why it matters|Impact analysis|Affected users",
    "diagnosis": (
        "Diagnosis|Immediate Triage|Root Cause Investigation|What to check|Debugging|Pre-checks|Health checks"
        "|Actions for investigation|Root cause analysis|Check the logs|Verify the alert|How do I debug it?|3.1) Triage"
        "|Diagnosis and Mitigation|Investigation & Resolution|🔍 Where to look first|Troubleshooting guide|5.Inspect it"
    ),
    "mitigation": (
        "Resolution|Quick Relief|Stop the bleeding|How to fix|Short-term fix|Possible solutions|Next steps|Steps"
        "|Manual intervention|Rollback|Runbook steps|Action items|Recovery procedure|Temporary workaround"
        "|Root cause fix|Immediate actions (first 5 minutes)|Recommended actions to resolve it|3.2 Mitigation"
        "|Action required:|What should we do?|On-call actions|Solution 2|Phase 2: Containment|Response"
        "|Mitigation / Verification"
    ),
    "verification": (
        "Verification|Sanity check|Confirm recovery|Post-fix checks|Recovery verification|Verify the fix|Exit criteria"
        "|How to verify|Smoke test|Monitor recovery|Validation steps"
    ),
    "escalation": "Escalation|Who to contact|Ownership|When to escalate|Escalation triggers|Contacts|Need help?",
    "prevention": (
        "Prevention|Follow-up|Post-incident|Lessons learned|Long-term solution|After the incident|Preventive measures"
        "|How to prevent it|Postmortem"
    ),
    "references": "References|Dashboards|Further reading|Related alerts|Useful links|See also|More resources|Links",
    "": (
        "Free its resources|Related pods|Restart the pod|High response time|Response times|DNS resolution|Step 1|Notes"
        "|Network issues|If the node is gone|Expected output|Links between racks|Reasonable limits|Whyalla|Fixtures"
        "|Resource requests and limits|Recovery time objective|Owner references|When not to use|Scale up the deployment"
        "|Large responses not collected|Service level indicators|Failing checks|Causeway|Unresolved hosts|Preventable"
    ),
}


@pytest.mark.parametrize(
    ("title", "kind"), [(title, kind) for kind, titles in TITLES.items() for title in titles.split("|")]
)
def test_a_title_names_the_kind_that_it_means(title: str, kind: str) -> None:
    assert section_kind(title) == kind
    assert section_kind(f"## 🚧 **{title.upper()}**:") == kind


@pytest.mark.parametrize(
    "step",
    [
        *(
            "Restart the pod",
            "Step 2: Check the logs",
            "Verify the causes are gone",
            "Step 3 - Confirm",
            "Related pods",
        ),
        *("Free its resources", "Check for the reason", "Find the root cause", "Resources", "Confirm the fix works"),
        *("Investigate leaks", "Scale resources", "Resolve merge conflicts", "Option B: Drain it", "Fix the DNS entry"),
    ],
)
def test_a_step_within_a_section_names_none(step: str) -> None:
    assert label_kind(step) == ""
    for text in (
        f"**{step}**\n\n`df -h`",
        f"#### {step}\n\n`df -h`",
        f"1. **{step}**: `df -h`",
        f"- {step}:\n  `df -h`",
    ):
        assert sections(f"### Resolution\n\n{text}") == ["mitigation"]


def test_a_long_title_is_read_by_what_a_colon_or_dash_sets_apart() -> None:
    rest = "how it may be told from a slow disk, a full one or one that is gone"
    assert [section_kind(f"{begin} {rest}") for begin in ("Symptoms –", "Symptoms:", "We fix it and see")] == [
        "symptoms",
        "symptoms",
        "",
    ]


def sections(text: str) -> list[str]:
    (alert,) = read_runbook(f"## DiskFull\n\n{text}\n")
    return [command.section for command in alert.commands]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run `df -a`.", "other"),
        ("### Fix\n\n#### Verification\n\n`df -a`\n\n#### Clean the cache\n\n`df -b`", "verification mitigation"),
        ("### Diagnosis\n\n#### Mitigation\n\n`df -a`\n\n### Fix\n\n`df -b`", "mitigation mitigation"),
        ("### Fix\n\n### Step 1: Restart\n\n`df -a`\n\n### Step 2: Confirm\n\n`df -b`", "mitigation mitigation"),
        ("### Step 1: Check it\n\n`df -a`\n\n### Step 2: Mitigation\n\n`df -b`", "diagnosis mitigation"),
        (
            "### Logs fill it\n\n#### Check\n\n`df -a`\n\n### Dumps fill it\n\n#### Fix\n\n`df -b`",
            "diagnosis mitigation",
        ),
        ("### Causes\n\n#### Fix\n\n`df -a`\n\n#### Too many dumps\n\n`df -b`", "mitigation causes"),
        ("### Mitigation\n\n- Check `df -a`\n- Restart: `df -b`", "mitigation mitigation"),
        ("### Fix\n\n1. `df -a`\n2. **Verification**: `df -b`\n3. Run `df -c`", "mitigation verification mitigation"),
        ("### Fix\n\n**Verify:**\n\n`df -a`\n\n**Restart:**\n\n`df -b`", "verification mitigation"),
        ("**Fix:**\n\n**Option 1:**\n\n`df -a`\n\n**Option 2:**\n\n`df -b`", "mitigation mitigation"),
        ("- **Triage**\n  - `df -a`\n- **Fix**\n  - `df -b`", "diagnosis mitigation"),
        ("**Quick checks:**\n\n1. Dashboard: a link\n2. Look: `df -a`", "diagnosis"),
        ("- **Triage:**\n- `df -a`\n- **Fix:**\n- `df -b`", "diagnosis mitigation"),
    ],
)
def test_a_section_reaches_as_far_as_its_heading_or_label(text: str, expected: str) -> None:
    assert sections(text) == expected.split()


@pytest.mark.parametrize(
    "why",
    [
        *("**Why it happens:** logs grow.", "**Why**\n\nLogs grow.", "**Cause:** logs.", "*Impact*: users wait."),
        *("Symptoms: it is slow.", "- **Symptoms**: it is slow.", "#### Why this works\n\nIt cools down.\n\n#### Now"),
    ],
)
@pytest.mark.parametrize("command", ["```\ndf -h\n```", "Run `df -h`."])
def test_an_explanation_does_not_swallow_the_remedy_behind_it(why: str, command: str) -> None:
    assert sections(f"### Mitigation\n\n{why}\n\n{command}") == ["mitigation"]
    if "#" not in why and "- " not in why and ": " in why:
        assert sections(f"{why}\n\n{command}") == ["other"]


@pytest.mark.parametrize("command", ["```\ndf -h\n```", "- Run `df -h`."])
def test_a_label_keeps_the_command_that_it_leads_to(command: str) -> None:
    for label in ("**Symptoms:**", "**Symptoms:** run this to see:", "Symptoms:"):
        assert sections(f"{label}\n\n{command}") == ["symptoms"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Resolution:\n\n`df -a`", "mitigation"),
        ("Resolution: run `df -a`", "mitigation"),
        ("Symptoms: slow\nResolution: run `df -a`", "mitigation"),
        ("- Triage: `df -a`\n- Fix: `df -b`", "diagnosis mitigation"),
        ("Note: run `df -a`", "other"),
        ("They say that the resolution: run `df -a`", "other"),
        ("| Symptom | Check | Fix |\n|---|---|---|\n| slow | `df -a` | `df -b` |", "diagnosis mitigation"),
        ("| Part | What |\n|---|---|\n| **Triage** | `df -a` |\n| Fix | `df -b` |", "diagnosis mitigation"),
        ("| Part | What |\n|---|---|\n| Restart it | `df -a` |\n\nRun `df -b`.", "other other"),
        ("### Contacts\n\n| Team | Action |\n|---|---|\n| web | `df -a` |", "escalation"),
        ("<details><summary>Resolution</summary>\n\n`df -a`\n\n</details>\n\n`df -b`", "mitigation other"),
    ],
)
def test_labels_in_plain_text_in_tables_and_over_folded_parts(text: str, expected: str) -> None:
    if text.startswith("###"):
        text = f"{text}\n\n## PodDown\n"
        assert [command.section for command in read_runbook(f"## DiskFull\n\n{text}")[0].commands] == [expected]
    else:
        assert sections(text) == expected.split()


def test_a_section_ends_with_its_alert() -> None:
    one, other = read_runbook("## DiskFull\n\n### Fix\n\n`df -a`\n\n## NodeGone\n\n`df -b`\n")
    assert [command.section for command in (*one.commands, *other.commands)] == ["mitigation", "other"]


@pytest.mark.parametrize(
    "piece", ["what is ", "a (", "- ", "how to fix ", "Fix: ", "(((", "why it ", "Step 1 ", "on call "]
)
def test_a_title_of_any_length_is_read_at_once(piece: str) -> None:
    start = time.process_time()
    for read in (section_kind, label_kind):
        read(piece * 50_000)
        read((piece * 300)[:299])
    read_runbook("## DiskFull\n\n" + f"- {piece}\n" * 2_000)
    assert time.process_time() - start < 3


def test_sections_as_high_as_their_alerts_are_theirs_where_several_have_them() -> None:
    text = "".join(
        f"## {name}Down\n\n{name} is gone.\n\n## Resolution Steps\n\n### Step 1\n\n```bash\nkubectl rollout restart "
        f"deployment/{name.lower()} -n web\n```\n\n"
        for name in ("Shop", "Cart", "Mail")
    )
    alerts = read_runbook(f"# All alerts\n\n{text}## Escalation\n\n```bash\nctl page\n```\n")
    assert [(alert.name, [command.text for command in alert.commands]) for alert in alerts] == [
        ("ShopDown", ["kubectl rollout restart deployment/shop -n web"]),
        ("CartDown", ["kubectl rollout restart deployment/cart -n web"]),
        ("MailDown", ["kubectl rollout restart deployment/mail -n web"]),
    ]

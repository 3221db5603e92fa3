"""A runbook is Markdown for people: alerts, sections and commands are found in what they really write."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dataset.runbook.reader import Alert, read_runbook


def only(text: str, path: str = "RUNBOOK.md") -> Alert:
    (alert,) = read_runbook(text, path)
    return alert


def commands(text: str) -> list[tuple[str, str, int]]:
    return [(command.text, command.section, command.line) for command in only(text).commands]


@pytest.mark.parametrize(
    "heading",
    [
        "# Alert: PodDown",
        "### ALERT: PodDown",
        '##### Alert Name: "PodDown"',
        "## 3. PodDown",
        "## `PodDown`",
        "## **PodDown**",
        "## 🔥 PodDown (Warning)",
        "## Alert: PodDown [critical]",
        "PodDown\n=======",
    ],
)
def test_a_heading_names_an_alert(heading: str) -> None:
    assert [alert.name for alert in read_runbook(f"{heading}\n\nText.\n")] == ["PodDown"]


@pytest.mark.parametrize("text", ["", "# Runbook\n\nText.", "## Symptoms\n\n- x", "PodDown", "- PodDown", "# FAQ"])
def test_what_names_no_alert_documents_none(text: str) -> None:
    assert read_runbook(text) == []


def test_a_file_with_sections_is_about_the_alert_of_its_title_or_its_name() -> None:
    sections = "\n\n## Meaning\n\nx\n\n## Mitigation\n\ny\n"
    assert only(f"# Kube Node Down{sections}", "docs/KubeNodeDown.md").name == "KubeNodeDown"
    assert only(f"# Kube Node Down{sections}", "docs/NodeGone.md").name == "Kube Node Down"
    assert only("## Meaning\n\nx", "docs/KubeNodeDown.md").name == "KubeNodeDown"


@pytest.mark.parametrize("label", ["## Resolution", "**Resolution:**", "**Fix**:", "## 2. Quick Fix", "### Actions"])
def test_a_section_may_be_a_heading_or_a_bold_label(label: str) -> None:
    assert commands(f"# PodDown\n\n{label}\n\n```\nkubectl get pods\n```\n") == [("kubectl get pods", "mitigation", 6)]


def test_texts_are_kept_by_section_and_severity_is_one_word() -> None:
    alert = only("# PodDown\n\n**Severity**: Critical!\n\n## Symptoms\n\n- One\n  line.\n- Two <pod> <b>bold</b>.\n")
    assert alert.severity == "critical"
    assert alert.texts == {"symptoms": ["One line.", "Two <pod> bold."]}


def test_a_heading_as_high_as_the_alert_s_ends_it() -> None:
    assert commands("## PodDown\n\n    ls a\n\n## Appendix\n\n    ls b\n") == [("ls a", "other", 3)]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("```bash\nls a\nls b\n```", [("ls a", 4), ("ls b", 5)]),
        ("```console\n$ ls a\na  b\n$ ls b\n```", [("ls a", 4), ("ls b", 6)]),
        ("```\n# why\nls a \\\n  -b\n```", [("ls a -b", 5)]),
        ("```\nls a \\\n```", [("ls a", 4)]),
        ("1. x\n\n   ```sh\n   ls a\n   ```", [("ls a", 6)]),
        ("    ls a", [("ls a", 3)]),
        ("```yaml\nls: a\n```", []),
        ("```sh\nls a", [("ls a", 4)]),
        ("Run `ls a`, then `$ ls b`; `ls` and `see also this.` are none.", [("ls a", 3), ("ls b", 3)]),
    ],
)
def test_commands_are_found_with_their_lines(block: str, expected: list[tuple[str, int]]) -> None:
    assert [(text, line) for text, _, line in commands(f"# PodDown\n\n{block}\n")] == expected


MARKS = (
    *("# Alert: PodDown", "**Symptoms:**", "```", "```sh", "~~~", "$ ls \\", "- ", "    ", "> ", "---", "`", "``"),
    *("<pod>", "<!--", "[a](b", "![", "&#0;", "{{", "\t", "***", "1. ", "\x1b[1m", "\0"),
)
PIECES = st.sampled_from(MARKS)
LINES = st.lists(PIECES | st.text(max_size=10))


@given(LINES, st.sampled_from(["\n", " ", ""]))
def test_reading_never_raises(parts: list[str], separator: str) -> None:
    text = separator.join(parts)
    for alert in read_runbook(text):
        assert alert.name
        assert all(1 <= command.line <= text.count("\n") + 1 for command in alert.commands)


def seconds(text: str) -> float:
    start = time.process_time()
    read_runbook(text, "PodDown.md")
    return time.process_time() - start


REPEATED = (
    *("# Alert: PodDown\n\n```sh\nls a\n```\n", "(", "# (\n", "** ", "**a** ", "`a ", "`a  .` ", "[", "![", "[a]("),
    *("<", "<a ", "<!--", "- ", "> ", "*a_", "&", "\\\n", "$ ls \\\n", "alert: ", "1. ", "| a ", "{{ ", "\t", "a\n"),
)


@pytest.mark.parametrize("start", ["# ", "# PodDown\n\n**a", "# PodDown\n\n```\n"])
@pytest.mark.parametrize("piece", REPEATED)
def test_twice_the_text_takes_no_more_than_about_twice_the_time(piece: str, start: str) -> None:
    for _ in range(5):
        short, long = (seconds(start + piece * (size // len(piece))) for size in (5_000, 10_000))
        if long < max(3 * short, 0.01):
            return
    pytest.fail(f"{short:.3f} s became {long:.3f} s")

"""Whatever a person writes is read in time: an odd text is a StageError at most, and no secret stays in it."""

import os
import subprocess
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import StageError
from stages.dataset.agent_config import read_config
from stages.dataset.calls.remedies import find_remedies
from stages.dataset.calls.rules import FUNCTION, PARAMETERS, RuleFile, read_rules
from stages.dataset.calls.tools import read_tools
from stages.dataset.runbook.commands.shell import logical_line, problem_of, simple_commands
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.runbook.text import clean, decode
from stages.dataset.secrets.redaction import redact, without_secrets
from stages.dataset.tests.repositories import CONFIG, RUNBOOK, TOOLS

SECONDS = 5  # for a text of some hundred characters; a busy machine needs a hundredth
FUZZ = settings(
    max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
_ALPHANUMERIC = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=36, max_size=36)
_MIXED = _ALPHANUMERIC.filter(lambda text: len({*text.lower()}) > 10)
_PIECES = st.sampled_from(
    [
        *(
            "\n",
            "\n\n",
            " ",
            "\t",
            "    ",
            "\r\n",
            "\0",
            "\u200b",
            "é",
            "🙂",
            "\ud800",
            "\x1b[2J",
            "\\",
            "\\\n",
            "'",
            '"',
            "`",
            "```",
            "```bash\n",
        ),
        *(
            "~~~\n",
            "$ ",
            "> ",
            "- ",
            "1. ",
            "* ",
            "| a | b |\n|---|---|\n",
            "|",
            "# ",
            "## Alert: ",
            "### Resolution\n",
            "**Fix:** ",
            "<!--",
            "-->",
        ),
        *(
            "<details>",
            "</details>",
            "<pre>",
            "</pre>",
            "<b>",
            "&amp;",
            "&#0;",
            "&#x110000;",
            "%00",
            "%ff",
            "{{ $labels.pod }}",
            "<pod>",
            "${POD}",
            "$(",
            "`date`",
        ),
        *(
            "kubectl delete pod web -n shop",
            "do not run ",
            "never: ",
            "~~",
            "as a last resort, ",
            "instead of ",
            "<<EOF\n",
            "EOF\n",
            "for x in a; do\n",
        ),
        *(
            "done\n",
            "if true; then ",
            "fi",
            "&&",
            "||",
            ";",
            "|",
            ">",
            "password: ",
            "token=",
            "PASSWORD=",
            "mysql -p",
            "curl -u a:",
            "--password ",
            "kind: Secret\n",
        ),
        *(
            "data:\n  a: ",
            "-----BEGIN " + "PRIVATE KEY-----\n",
            "://",
            "a://b:",
            "@",
            "eyJ",
            "gh" + "p_",
            "REDACTED",
            "---\n",
            "title: x\n",
            "alert: A\n",
            "severity: ",
        ),
    ]
)
TEXTS = st.lists(st.one_of(_PIECES, st.text(max_size=12)), max_size=40).map("".join)
YAMLS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "functions:\n",
                    "  - name: a\n",
                    "    description: b\n",
                    "    commands: [c {d}]\n",
                    "policy: {}\n",
                    "rules: [",
                    "]",
                    "{",
                    "}",
                    ": ",
                    "- ",
                    "&a ",
                    "*a",
                    "!!b ",
                ),
                *(
                    "!x ",
                    "? ",
                    "|\n",
                    ">-\n",
                    "  ",
                    "\n",
                    "'",
                    '"',
                    "%YAML 1.1\n---\n",
                    "2001-99-99",
                    ".nan",
                    "1e999",
                    "0x",
                    "training:\n",
                    "iters: ",
                    "gate: {",
                    "\t",
                    "<<: *a\n",
                ),
                *(
                    f"- alert: A\n  annotations: {{{FUNCTION}: f, {PARAMETERS}: ",
                    "'{}'",
                    "'[1'",
                    "}\n",
                    "\x85",
                    "\ufeff",
                    "schedule: {cron: ",
                    "watch: ",
                    "null",
                    "~",
                ),
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=25,
).map("".join)
SECRETS = {
    "a GitHub token": lambda tail: ("gh" + "p_" + tail, tail),
    "a GitLab token": lambda tail: ("gl" + "pat-" + tail[:20], tail[:20]),
    "an AWS key": lambda tail: ("AK" + "IA" + tail[:16].upper(), tail[:16].upper()),
    "an age key": lambda tail: ("AGE-" + "SECRET-KEY-1" + (tail * 2)[:58].upper(), tail[:20].upper()),
    "a JSON Web Token": lambda tail: (f"ey{'J'}{tail[:12]}.ey{'J'}{tail[:12]}.{tail}", tail),
    "a password in a URL": lambda tail: (f"postgres://app:{tail}@db/app", tail),
    "sshpass": lambda tail: (f"sshpass -p {tail} ssh db", tail),
    "mysql": lambda tail: (f"mysql -u root -p{tail} app", tail),
    "redis-cli": lambda tail: (f"redis-cli -a {tail} info", tail),
    "curl": lambda tail: (f"curl -u app:{tail} https://example.org", tail),
    "a header": lambda tail: (f"curl -H 'Authorization: Bearer {tail}' https://example.org", tail),
    "a variable": lambda tail: (f"PGPASSWORD={tail} psql", tail),
    "a label": lambda tail: (f"Password: {tail}", tail),
    "an emphasised label": lambda tail: (f"**API key:** `{tail}`", tail),
    "a literal": lambda tail: (f"kubectl create secret generic a --from-literal=b={tail}", tail),
    "a table": lambda tail: (f"| user | password |\n|---|---|\n| app | {tail} |", tail),
    "a manifest": lambda tail: (f"apiVersion: v1\nkind: Secret\nstringData:\n  a: {tail}", tail),
    "a webhook": lambda tail: (f"https://hooks.slack.com/services/T02/B02/{tail}", tail),
    "a private key": lambda tail: (f"-----BEGIN {'PRIVATE'} KEY-----\n{tail}\n-----END {'PRIVATE'} KEY-----", tail),
    "a cut token": lambda tail: (f"gh**p_**{tail}", tail),
}


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: object, **_: object) -> None:
        raise AssertionError(f"{arguments!r} was run")

    for module, name in ((subprocess, "Popen"), (os, "system"), (os, "popen"), (os, "execve"), (os, "fork")):
        monkeypatch.setattr(module, name, run)


def lines_of(text: str) -> int:
    return text.count("\n")


@FUZZ
@given(TEXTS)
def test_any_text_is_read_as_a_runbook(text: str) -> None:
    start = time.process_time()
    alerts = read_runbook(text)
    find_remedies(alerts, read_tools(TOOLS, "tools.yaml"))
    for command in (command for alert in alerts for command in alert.commands):
        assert command.standing.kind in ("meant", "forbidden", "doubtful")
        assert 1 <= command.line <= lines_of(clean(text)) + 1
    assert time.process_time() - start < SECONDS


@FUZZ
@given(st.integers(0, len(RUNBOOK)), TEXTS)
def test_a_runbook_that_is_broken_anywhere_is_read(place: int, text: str) -> None:
    start = time.process_time()
    assert all(alert.name for alert in read_runbook(RUNBOOK[:place] + text + RUNBOOK[place:]))
    assert time.process_time() - start < SECONDS


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_of_lines(data: bytes) -> None:
    text = decode(data)
    assert "\r" not in text
    assert "\0" not in text
    read_runbook(text)


@FUZZ
@given(st.one_of(YAMLS, st.integers(0, len(TOOLS)).flatmap(lambda n: YAMLS.map(lambda y: TOOLS[:n] + y + TOOLS[n:]))))
def test_tools_are_read_or_refused_with_a_sentence(text: str) -> None:
    start = time.process_time()
    try:
        read_tools(text, "tools.yaml")
    except StageError as error:
        assert str(error).startswith("tools.yaml")
    assert time.process_time() - start < SECONDS


@FUZZ
@given(
    st.one_of(YAMLS, st.integers(0, len(CONFIG)).flatmap(lambda n: YAMLS.map(lambda y: CONFIG[:n] + y + CONFIG[n:])))
)
def test_a_configuration_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        read_config(text, "config.yaml")
    except StageError as error:
        assert str(error).startswith("config.yaml")


@FUZZ
@given(YAMLS)
def test_rules_are_read_or_told_of_with_a_sentence(text: str) -> None:
    rules = read_rules([RuleFile("rules.yaml", text)])
    assert all(rule.alert or rule.fault for rule in rules.known)
    assert all(each.says.startswith("rules.yaml") for each in rules.unread)


@FUZZ
@given(TEXTS)
def test_any_text_is_scanned_as_a_shell_s(text: str) -> None:
    problem_of(text)
    lines, number = text.split("\n"), 0
    while number < len(lines):
        logical = logical_line(lines, number)
        assert number < logical.behind <= len(lines)
        assert all(simple_commands(logical.text))
        number = logical.behind


@FUZZ
@given(TEXTS)
def test_a_redacted_text_has_its_lines_and_nothing_more_to_redact(text: str) -> None:
    start = time.process_time()
    redacted, found = redact(text)
    assert redact(redacted) == (redacted, [])
    assert lines_of(redacted) == lines_of(text)
    assert (redacted == text) == (not found)
    assert all(1 <= secret.line <= lines_of(text) + 1 for secret in found)
    assert without_secrets(redacted) == redacted
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("kind", SECRETS)
@settings(FUZZ, max_examples=12)
@given(tail=_MIXED, place=st.integers(0, lines_of(RUNBOOK)), fenced=st.booleans())
def test_a_secret_anywhere_in_a_runbook_is_nowhere_in_what_is_read(
    kind: str, tail: str, place: int, fenced: bool
) -> None:
    text, secret = SECRETS[kind](tail)
    lines = RUNBOOK.split("\n")
    block = f"\n```bash\n{text}\n```\n" if fenced else f"\n{text}\n"
    runbook = "\n".join([*lines[:place], block, *lines[place:]])
    redacted, found = redact(runbook)
    assert secret not in redacted
    assert found
    assert lines_of(redacted) == lines_of(runbook)
    findings = find_remedies(read_runbook(redacted), read_tools(TOOLS, "tools.yaml"))
    assert secret not in repr(findings)

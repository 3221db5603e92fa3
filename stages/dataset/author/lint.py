"""What each alert of a runbook teaches, or why it teaches nothing: a table, JSON, or GitHub's annotations."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from shared.errors import one_line
from stages.dataset.author.folder import AgentFolder
from stages.dataset.calls.placeholders import fill
from stages.dataset.calls.remedies import Remedy

Level = Literal["ok", "no call", "warning", "error"]
_ANNOTATIONS = {"error": "error", "warning": "warning", "no call": "notice"}


@dataclass(frozen=True)
class Finding:
    """One line of the report; line: of the alert in file, 0 where none is known."""

    level: Level
    file: str
    line: int
    alert: str
    says: str


def lint(folder: AgentFolder) -> list[Finding]:
    """Returns what is to say of an agent's files: each alert in order, then what is to be warned of."""
    found = [*_taught(folder), *_skipped(folder)]
    found.sort(key=lambda finding: (finding.file, finding.line))
    warnings = [Finding("warning", folder.runbook_path, 0, "", text) for text in folder.findings.warnings]
    return [*found, *warnings, *_secrets(folder)]


def failed(found: list[Finding]) -> bool:
    """Returns whether a person has to mend something."""
    return any(finding.level == "error" for finding in found)


def as_table(found: list[Finding]) -> Iterator[str]:
    """Yields aligned lines, and a last one that counts."""
    wide = max((len(finding.alert) for finding in found), default=0)
    for finding in found:
        line = str(finding.line or "")
        yield one_line(f"{line:<5} {finding.level:<7} {finding.alert:<{wide}}  {finding.says}").rstrip()
    counts = {
        level: sum(finding.level == level for finding in found) for level in ("ok", "no call", "warning", "error")
    }
    yield (
        f"{counts['ok']} alerts teach a call, {counts['no call']} teach that none is due; "
        f"{counts['warning']} warnings, {counts['error']} errors"
    )


def as_annotations(found: list[Finding]) -> Iterator[str]:
    """Yields GitHub workflow commands, which a pull request shows beside the lines.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    for finding in found:
        if command := _ANNOTATIONS.get(finding.level):
            place = f"file={_escaped(finding.file, ':,')}" + (f",line={finding.line}" if finding.line else "")
            text = f"{finding.alert}: {finding.says}" if finding.alert else finding.says
            yield f"::{command} {place}::{_escaped(one_line(text))}"


def as_json(found: list[Finding]) -> str:
    """Returns the findings as a JSON list."""
    return json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False)


def _taught(folder: AgentFolder) -> Iterator[Finding]:
    for remedy in folder.findings.remedies:
        file, line = _place(remedy, folder.runbook_path)
        yield Finding("ok", file, line, remedy.alert.name, f"{call_text(remedy)}  ({remedy.place})")


def _place(remedy: Remedy, runbook: str) -> tuple[str, int]:
    is_rule = remedy.command.section == "rule" and remedy.alert.line == remedy.command.line
    return (remedy.place.rpartition(", line ")[0], remedy.command.line) if is_rule else (runbook, remedy.alert.line)


def call_text(remedy: Remedy) -> str:
    """Returns a call with the labels that fill it in braces: `pod-restart(name={pod})`."""
    shown = (
        f"{name}={fill(value, lambda known: f'{{{remedy.label_of[known]}}}') if isinstance(value, str) else value}"
        for name, value in remedy.arguments.items()
    )
    return f"{remedy.function.name}({', '.join(shown)})"


def _skipped(folder: AgentFolder) -> Iterator[Finding]:
    for entry in folder.findings.skipped:
        level: Level = "error" if entry.kind == "mistake" else "no call"
        yield Finding(level, folder.runbook_path, entry.line, entry.name, entry.reason)


def _secrets(folder: AgentFolder) -> Iterator[Finding]:
    for secret in folder.secrets:
        says = f"{secret.kind} in the text: take it out, and revoke it"
        yield Finding("warning", secret.file, secret.line, "", says)


def _escaped(text: str, also: str = "") -> str:
    for character in f"%\r\n{also}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text

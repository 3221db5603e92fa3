"""What each alert of a runbook teaches and by which command, what was passed over, and what is wrong."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from stages.dataset.calls.judgement import Judged
from stages.dataset.calls.nested import with_texts
from stages.dataset.calls.placeholders import fill
from stages.dataset.calls.remedy import Remedy, Skipped
from stages.dataset.contract import Inputs
from stages.dataset.faults import collect
from stages.dataset.rows.drawing import draw_rows, sampling_of
from stages.dataset.study import Study

Level = Literal["ok", "no call", "no rows", "uncovered", "warning", "error"]
LEVELS: tuple[Level, ...] = ("ok", "no call", "no rows", "uncovered", "warning", "error")
_LINE = re.compile(r"(?:, line (?P<line>\d+))?")
MANY_ALERTS, FEW_ROWS = 100, 3  # beyond which all rows would take seconds; three are one for each split
_SETTINGS = {each.name for each in fields(Inputs)}
_PLACE = re.compile(r"(?P<file>[^\s:,]+?)(?:, line (?P<line>\d+))?[:,\s]")


@dataclass(frozen=True)
class Finding:
    """One thing to say; line: of the alert in file, 0 where none is known.

    level: `ok` teaches a call, `no call` teaches that none is due, of `no rows` nothing is taught until a person has
    decided, `uncovered` is the alert of a rule that has neither a page nor a function, `error` keeps a dataset from
    being made. teaches: the command and its place, of an alert with a call.
    passed_over: the other commands, each with the reason.
    """

    level: Level
    file: str
    line: int
    alert: str
    says: str
    teaches: dict[str, Any] = field(default_factory=dict)
    passed_over: list[dict[str, Any]] = field(default_factory=list)


def lint(study: Study) -> list[Finding]:
    """Returns what is to say of an agent's files: each alert in order, those of rules alone, warnings, errors."""
    runbook = _runbook(study)
    found: list[Finding] = []
    if study.findings:
        found += [_taught(remedy, runbook) for remedy in study.findings.remedies]
        found += [_skipped(entry, runbook) for entry in study.findings.skipped]
    found.sort(key=lambda finding: (finding.file, finding.line))
    faults = study.faults or _faults_of_rows(study)
    return [*found, *_uncovered(study), *_warnings(study), *(_error(text, study) for text in faults)]


def failed(found: Sequence[Finding], strict: bool = False) -> bool:
    """Returns whether no dataset can be made; strict: or whether an alert waits for a person's decision."""
    return any(finding.level == "error" or (strict and finding.level == "no rows") for finding in found)


def call_text(remedy: Remedy) -> str:
    """Returns a call with the labels that fill it in braces: `pod-restart(name={pod})`."""

    def label(text: str) -> str:
        return fill(text, lambda known: f"{{{remedy.label_of[known]}}}")

    shown = (f"{name}={with_texts(value, label)}" for name, value in remedy.arguments.items())
    return f"{remedy.function.name}({', '.join(shown)})"


def _taught(remedy: Remedy, runbook: str) -> Finding:
    command = remedy.command
    file, line = _place(remedy, runbook)
    teaches = {
        "call": call_text(remedy),
        "place": remedy.place,
        "command": command.text,
        "line": command.line,
        "section": command.section,
        "heading": command.heading,
        "confirmed": remedy.is_confirmed,
    }
    return Finding("ok", file, line, remedy.alert.name, call_text(remedy), teaches, _passed(remedy.passed_over))


def _place(remedy: Remedy, runbook: str) -> tuple[str, int]:
    if remedy.command.section == "rule" and remedy.alert.line == remedy.command.line:
        return remedy.place.rpartition(", line ")[0], remedy.command.line
    return remedy.alert.page or runbook, remedy.alert.line


def _skipped(entry: Skipped, runbook: str) -> Finding:
    level: Level = "no rows" if entry.kind == "mistake" else "no call"
    file = entry.alert.page or runbook
    return Finding(level, file, entry.line, entry.name, entry.reason, {}, _passed(entry.passed_over))


def _passed(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    return [
        {"line": each.command.line, "command": each.command.text, "why": each.why, "says": each.says}
        for each in sorted(judged, key=lambda each: each.command.line)
    ]


def _runbook(study: Study) -> str:
    """Returns the file that is meant where none is named: the runbook, '' where it has several pages or none."""
    pages = study.files.page_paths
    return pages[0] if len(pages) == 1 else ""


def _uncovered(study: Study) -> Iterator[Finding]:
    says = "has neither a page nor a function: the model learns to be silent on it"
    for alert in study.findings.uncovered if study.findings else ():
        yield Finding("uncovered", alert.page, alert.line, alert.name, says)


def _warnings(study: Study) -> Iterator[Finding]:
    runbook = _runbook(study)
    for remedy in study.findings.remedies if study.findings else ():
        for text in remedy.warnings:
            yield Finding("warning", remedy.command.page or runbook, remedy.command.line, remedy.alert.name, text)
    for text in study.findings.warnings if study.findings else ():
        yield _warning(text, study)
    for secret in study.secrets:
        says = f"{secret.kind} in the text: take it out, and revoke it"
        yield Finding("warning", secret.file, secret.line, "", says)


def _faults_of_rows(study: Study) -> Sequence[str]:
    """Returns what keeps rows from being drawn, as the stage draws them; fewer of each alert where they are many."""
    faults: list[str] = []
    config, tools, findings = study.sound()
    given = {key: value for key, value in config.inputs().items() if key in _SETTINGS}
    inputs = replace(Inputs("", ""), **given)
    if len(findings.remedies) > MANY_ALERTS:
        inputs = replace(inputs, examples_per_alert=min(inputs.examples_per_alert, FEW_ROWS))
    collect(faults, draw_rows, findings, tools, sampling_of(inputs))
    return faults


def _warning(text: str, study: Study) -> Finding:
    """Returns a warning with the file and line that its text begins with, where that is one of the agent's files."""
    known = max((path for path in study.files.paths if text.startswith(path)), key=len, default="")
    found = _LINE.match(text, len(known)) if known else None
    line = int(found["line"] or 0) if found else 0
    return Finding("warning", known or _runbook(study), line, "", text)


def _error(text: str, study: Study) -> Finding:
    """Returns a fault with the file and line that its text begins with; else it is the runbook's."""
    known = max((path for path in study.files.paths if text.startswith(path)), key=len, default="")
    found = _LINE.match(text, len(known)) if known else _PLACE.match(text)
    if not known and found and "/" in found["file"]:
        known = found["file"]
    line = int(found["line"] or 0) if found and known else 0
    return Finding("error", known or _runbook(study), line, "", text)

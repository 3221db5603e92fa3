"""Findings about a runbook as a person or a program reads them: a table, JSON, or GitHub's annotations."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from shared.errors import one_line
from stages.dataset.author.lint import LEVELS, Finding

WIDEST = 60  # characters of a place that others are aligned with
_ANNOTATIONS = {"error": "error", "warning": "warning", "no rows": "warning", "no call": "notice"}


def as_table(
    found: Sequence[Finding], pages: int = 1, without_alert: int = 0, of_rules: Iterable[str] = ()
) -> Iterator[str]:
    """Yields a line for each finding, indented ones below it about commands, and a last one that counts.

    pages: how many the runbook has; of several, a line names the file as well. without_alert: of these, document none.
    of_rules: lines that count the alerting rules, instead of a line for each that is uncovered.
    """
    found = [finding for finding in found if finding.level != "uncovered"]
    wide = max((len(finding.alert) for finding in found), default=0)
    places = [_place(finding, pages > 1) for finding in found]
    widest = min(WIDEST, max([5, *map(len, places)])) if pages > 1 else 5
    for finding, line in zip(found, places, strict=True):
        yield one_line(f"{line:<{widest}} {finding.level:<7} {finding.alert:<{wide}}  {finding.says}").rstrip()
        for text in _details(finding):
            yield f"{'':14}{one_line(text)}"
    yield from of_rules
    counts = {level: sum(finding.level == level for finding in found) for level in LEVELS}
    yield (
        f"{counts['ok']} alerts teach a call, {counts['no call']} teach that none is due, {counts['no rows']} teach "
        f"nothing until you decide; {counts['warning']} warnings, {counts['error']} errors"
        f"{f'; {without_alert} of {pages} pages document no alert' if pages > 1 else ''}"
    )


def as_annotations(found: Sequence[Finding]) -> Iterator[str]:
    """Yields GitHub workflow commands, which a pull request shows beside the lines.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    for finding in found:
        if command := _ANNOTATIONS.get(finding.level):
            place = f" file={_escaped(finding.file, ':,')}" if finding.file else ""
            place += f",line={finding.line}" if finding.file and finding.line else ""
            text = f"{finding.alert}: {finding.says}" if finding.alert else finding.says
            yield f"::{command}{place}::{_escaped(one_line(text))}"


def as_json(found: Sequence[Finding]) -> str:
    """Returns the findings as a JSON list."""
    return json.dumps([asdict(finding) for finding in found], indent=2, ensure_ascii=False)


def _place(finding: Finding, has_file: bool) -> str:
    line = str(finding.line or "")
    return f"{finding.file}{':' if finding.file and line else ''}{line}" if has_file else line


def _details(finding: Finding) -> Iterator[str]:
    """Yields the command that teaches the call, and what was passed over; commands that only look in one line."""
    taught = finding.teaches
    if taught:
        under = f", under {taught['heading']}" if taught["heading"] else ""
        confirmed = "; confirmed in tools.yaml" if taught["confirmed"] else ""
        yield f"taught by {taught['place']}{under}: {taught['command']:.100}{confirmed}"
    for each in finding.passed_over:
        if each["why"] != "only looks" and each["says"] not in finding.says:
            yield f"passed over: {each['says']}"
    if looks := [str(each["line"]) for each in finding.passed_over if each["why"] == "only looks"]:
        yield f"passed over: line {', line '.join(looks)} only look{'s' if len(looks) == 1 else ''}"


def _escaped(text: str, also: str = "") -> str:
    for character in f"%\r\n{also}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text

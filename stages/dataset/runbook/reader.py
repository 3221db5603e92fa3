"""A runbook as alerts with their sections, commands and queries.

A heading that names an alert starts one, or the title or name of a file about one alert does. What
the text itself states (`**Alert:** X`, a rule in a block) wins over the title, and the title over the
file's name. Headings and bold labels that name a kind of section start a section.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from stages.dataset.runbook.alert import MAX_SHOWN, Alert, Command, Section, Unread
from stages.dataset.runbook.blocks import Block, Code, Fold, Heading, Paragraph, read_blocks
from stages.dataset.runbook.commands.code import read_code
from stages.dataset.runbook.commands.danger import effect
from stages.dataset.runbook.commands.inline import inline_commands, inline_queries
from stages.dataset.runbook.commands.shell import problem_of
from stages.dataset.runbook.headings import (
    alert_name,
    alert_names,
    is_identifier,
    is_stated,
    label_kind,
    listed_names,
    prose_name,
    section_kind,
    stated_name,
)
from stages.dataset.runbook.scope import Scope
from stages.dataset.runbook.severity import LABEL, first_severity, titled_severity, told_severity
from stages.dataset.runbook.standing import Standing, first, of_following, of_place
from stages.dataset.runbook.subject import Subject, subject_of
from stages.dataset.runbook.text import clean
from stages.dataset.runbook.visible import bold_label, masked, visible

_ALERTS = re.compile(r"\balerts\b|\balert (?:runbooks|playbooks|responses?|catalog\w*|reference)\b", re.IGNORECASE)
_RULE = re.compile(r"^\s*(?:- )?[\"']?[Aa]lert(?:\s?[Nn]ame)?[\"']?\s*:\s*[\"']?(?P<name>[A-Za-z][\w.-]*)[\"']?\s*$")
_RULE_SEVERITY = re.compile(r"^\s*[\"']?severity[\"']?\s*[:=]\s*[\"']?(?P<word>[A-Za-z]\w*)", re.IGNORECASE)
_IN_PROSE = re.compile(
    r"\b(?:alarm|alert)\s+[`\"“*]*(?P<name>[A-Za-z][\w-]*)[`\"”*]*\s+(?:is\s+|was\s+|has\s+)?(?:firing|fired|fires|triggered|triggers)"
)
_GENERAL = {"references", "escalation", "prevention"}
MARKDOWN = {"", ".md", ".markdown", ".mdx", ".mdown", ".txt", ".rst"}


def read_runbook(text: str, path: str = "RUNBOOK.md") -> list[Alert]:
    """Returns the alerts of a runbook in their order; none where it documents none.

    path decides the name of an alert that nothing in the text names. YAML and its like document no alert.
    """
    file = PurePosixPath(path)
    if file.suffix.lower() not in MARKDOWN and not re.fullmatch(r"\.[\w-]*\d[\w-]*", file.suffix):
        return []
    blocks = read_blocks(clean(text))
    reader = _Reader(subject_of(blocks, file.stem.removesuffix(".html")))
    for index, block in enumerate(blocks):
        reader.read(index, block)
    return [each for alert in _owners(reader.alerts) for each in _by_name(alert)]


def _by_name(alert: Alert) -> list[Alert]:
    """Returns one alert for each name, all with the same sections and commands."""
    return [
        alert,
        *(replace(alert, name=name, others=[]) for name in dict.fromkeys(alert.others) if name != alert.name),
    ]


def _owners(alerts: Sequence[Alert]) -> list[Alert]:
    """Returns the alerts without those that are but a title above others, and without a name said twice for nothing."""
    kept: list[Alert] = []
    for index, alert in enumerate(alerts):
        headed = [section for section in alert.sections if section.heading and section.kind != "other"]
        is_empty = not alert.commands and not alert.queries and not headed
        if alert.level == 1 and len(alerts) == 1 and not headed and any(section.heading for section in alert.sections):
            continue  # the title of a page about something else
        follower = alerts[index + 1] if index + 1 < len(alerts) else None
        if is_empty and follower is not None and follower.level > alert.level:
            continue
        kept.append(alert)
    return kept


class _Reader:
    """Walks the blocks once; `alert` and `section` are where it is."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.alerts: list[Alert] = []
        self.alert: Alert | None = None
        self.section = Section("other", "", 1)
        self.section_level = 7
        self.expects_severity = False
        self.prose: Heading | None = None
        """The last heading that names neither an alert nor a section: a label below it may name its alert."""
        self.alerts_level = 7
        """The level of a heading such as `Alerts`, below which headings in plain words name alerts."""
        self.is_named_by_title = False
        self.scope = Scope()
        self.in_block = 0
        """How many of the alert's last commands stand in the block of code right above."""
        if subject.about:
            self._start(subject.about, 0, 1)
            self.is_named_by_title = not subject.is_stated

    def read(self, index: int, block: Block) -> None:
        self._told_of_block_above(block)
        if isinstance(block, Heading):
            self._heading(block)
        elif isinstance(block, Paragraph):
            self.scope.paragraph(block)
            if index in self.subject.labelled:
                self._label(self.subject.labelled[index], block.line)
            self._paragraph(block)
        elif isinstance(block, Fold):
            self.scope.fold(block)
        else:
            self._code(block)

    def _start(self, name: str, level: int, line: int) -> None:
        self.alert = Alert(name, line, level=level)
        self.alerts.append(self.alert)
        self.is_named_by_title = False
        self.prose = None
        self._enter("other", "", line, 7)

    def _enter(self, kind: str, heading: str, line: int, level: int) -> None:
        self.section, self.section_level = Section(kind, heading, line), level
        if self.alert:
            self.alert.sections.append(self.section)

    def _heading(self, heading: Heading) -> None:
        text = visible(heading.content)
        self.expects_severity = bool(LABEL.fullmatch(text))
        self.scope.heading(heading)
        if self.alert and re.match(r"\W*severity\b", text, re.IGNORECASE):
            self.alert.severity = self.alert.severity or told_severity(text)
        kind = section_kind(text)
        is_plain = heading.line in self.subject.plain
        name = prose_name(text, is_of_symptoms=True) if is_plain else self._name(text, kind, heading.level)
        if heading.level <= self.alerts_level:
            self.alerts_level = heading.level if _ALERTS.search(text) and not name else 7
        if name:
            self._named(name, text, heading)
            self.scope = Scope()
        elif kind and not self._is_title(heading, text) and not self._is_behind(kind, heading.level):
            self._section_heading(kind, text, heading)
        elif self.alert and 0 < heading.level <= self.alert.level:
            self.alert = None
            self.prose = heading
        else:
            self.prose = heading
            if heading.level <= self.section_level and not self._is_title(heading, text):
                self._enter("other", text, heading.line, heading.level)
        self._inline(heading)

    def _name(self, text: str, kind: str, level: int) -> str:
        """Returns the alert that a heading starts: not below a section of another, unless it states it."""
        name = alert_name(text)
        is_inside = bool(self.alert) and self.section_level < level
        if name and (is_stated(text) or (not is_inside and (not kind or is_identifier(name)))):
            return name
        if self.alerts_level < level and not kind and not is_inside:
            is_below = self.alert is not None and self.alert.level < level
            return "" if is_below else prose_name(text)
        return ""

    def _named(self, name: str, text: str, heading: Heading) -> None:
        is_known = self.alert and self.alert.name == name and not self.alert.commands
        if not (is_known and self.alert and heading.level > self.alert.level):
            self._start(name, heading.level, heading.line)
            self.is_named_by_title = heading.level == 1 or heading.line in self.subject.plain
        if self.alert:
            self.alert.others = alert_names(text)[1:] if heading.line not in self.subject.plain else []
            self.alert.severity = titled_severity(text) or self.alert.severity

    def _is_title(self, heading: Heading, text: str) -> bool:
        is_first = self.alert is not None and self.alert.level == 0 and heading.level == 1
        return is_first and (not section_kind(text) or len(text.split()) > 2)

    def _is_behind(self, kind: str, level: int) -> bool:
        """Returns whether a section as high as its alert is the file's and not the alert's."""
        if not self.alert or level > self.alert.level:
            return False
        return level < self.alert.level or len(self.alerts) > 1 or (kind in _GENERAL and level > 1)

    def _section_heading(self, kind: str, text: str, heading: Heading) -> None:
        if heading.level > self.section_level and not label_kind(text):
            return  # a step of the section above it, such as `Check the logs`
        self._enter(kind, text, heading.line, heading.level)

    def _paragraph(self, paragraph: Paragraph) -> None:
        text = visible(paragraph.content)
        label, rest = bold_label(paragraph.content)
        if found := _IN_PROSE.search(text[:2000]):
            self._told(found["name"])
        if not self.alert:
            return
        kind = label_kind(label)
        if kind:
            self._enter(kind, label.strip(" :"), paragraph.line, 7)
            text = rest
        self._severity(label, text, rest)
        if (text := " ".join(text.split())) and not LABEL.fullmatch(label):
            self.section.texts.append(text)
        self.alert.queries += inline_queries(paragraph.content)
        self._inline(paragraph)

    def _severity(self, label: str, text: str, rest: str) -> None:
        if not self.alert or self.alert.severity:
            return
        if LABEL.fullmatch(label) or self.expects_severity:
            self.alert.severity = first_severity(rest or text)
        self.expects_severity = bool(LABEL.fullmatch(text)) or (bool(LABEL.fullmatch(label)) and not rest)
        self.alert.severity = self.alert.severity or told_severity(text)

    def _label(self, text: str, line: int) -> None:
        """A label in the text names the alert: that of the title, or of the heading in plain words above it."""
        name = stated_name(text)
        if not name or not (is_identifier(name) or len(text.split()) == 1):
            return
        if not (self.alert and self.alert.name == name):
            self._name_by_label(name, line)
        if self.alert and self.alert.name == name:
            self.alert.others = listed_names(text)[1:]

    def _name_by_label(self, name: str, line: int) -> None:
        if self.prose is not None and not (self.alert and self.is_named_by_title and len(self.alerts) == 1):
            self._start(name, self.prose.level, self.prose.line)
        elif self.alert and self.is_named_by_title:
            self._rename(name)
        elif not self.alert:
            self._start(name, 0, line)

    def _told(self, name: str) -> None:
        """A sentence says which alert fires: it names the file's alert where a title in plain words does not."""
        if not is_identifier(name):
            return
        if self.alert and self.is_named_by_title:
            is_before_sections = self.alert.level == 0 and not self.section.heading
            if is_before_sections or not is_identifier(self.alert.name):
                self._rename(name)
        elif not self.alert and not self.alerts and self.prose is not None and self.prose.level == 1:
            self._start(name, self.prose.level, self.prose.line)

    def _rename(self, name: str) -> None:
        if self.alert:
            self.alert.name = name
            self.is_named_by_title = False

    def _inline(self, block: Heading | Paragraph) -> None:
        if self.alert:
            for text, line, standing in inline_commands(block.content, block.line):
                if problem := problem_of(text):
                    self.alert.unread.append(Unread(line, text[:MAX_SHOWN], problem))
                else:
                    self._command(text, line, "inline", first([standing, self.scope.around(block)]))

    def _code(self, code: Code) -> None:
        self._rules(code)
        if not self.alert:
            return
        found = read_code(code)
        for whole in found.commands:
            said = of_place(code.lines, whole.line - code.line)
            standing = first([said.at(said.line + code.line - 1), self.scope.of_code(whole.text)])
            self._command(whole.text, whole.line, "fence", standing, whole.assigned)
        self.alert.unread += [Unread(cut.line, cut.text[:MAX_SHOWN], cut.reason) for cut in found.unread]
        self.in_block = len(found.commands)
        self.alert.queries += found.queries

    def _rules(self, code: Code) -> None:
        names = {found["name"]: number for number, line in enumerate(code.lines) if (found := _RULE.match(line))}
        if len(names) == 1 and not (self.alert and is_identifier(self.alert.name)):
            self._label(*next((name, code.line + number) for name, number in names.items()))
        if self.alert and not self.alert.severity:
            told = next((found for line in code.lines if (found := _RULE_SEVERITY.match(line))), None)
            self.alert.severity = first_severity(told["word"]) if told else ""

    def _told_of_block_above(self, block: Block) -> None:
        """Lets a paragraph right behind a block of code say of its commands that they are not to be run."""
        if self.alert and self.in_block and isinstance(block, Paragraph) and not bold_label(block.content)[0]:
            said = of_following(masked(block.content)).at(block.line)
            for number in range(len(self.alert.commands) - self.in_block, len(self.alert.commands)) if said else ():
                self.alert.commands[number] = replace(self.alert.commands[number], standing=said)
        self.in_block = 0

    def _command(
        self, text: str, line: int, source: Literal["fence", "inline"], standing: Standing, assigned: str = ""
    ) -> None:
        does = effect(text)
        command = Command(text, self.section.kind, line, self.section.heading, standing=standing, assigned=assigned)
        command = replace(command, source=source, dangerous=does.dangerous, mutating=does.mutating)
        if self.alert:
            self.alert.commands.append(command)

"""A runbook as alerts with their sections, commands and queries.

A heading that names an alert starts one, or the title or name of a file about one alert does. What
the text itself states (`**Alert:** X`, a rule in a block) wins over the title, and the title over the
file's name. Headings and bold labels that name a kind of section start a section.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from stages.dataset.runbook.alert import MAX_SHOWN, Alert, Command, Section, Unread
from stages.dataset.runbook.blocks import (
    Block,
    Code,
    Comment,
    Fold,
    Heading,
    Paragraph,
    Strike,
    names_what_comes,
    read_blocks,
)
from stages.dataset.runbook.commands.code import read_code
from stages.dataset.runbook.commands.danger import effect
from stages.dataset.runbook.commands.inline import inline_commands, inline_queries
from stages.dataset.runbook.commands.shell import problem_of
from stages.dataset.runbook.headings import (
    alert_name,
    alert_names,
    is_identifier,
    is_stated,
    listed_names,
    prose_name,
    stated_name,
)
from stages.dataset.runbook.places.alternatives import Alternatives
from stages.dataset.runbook.places.blocks import (
    goes_on,
    leads_on,
    line_ranked,
    of_following,
    of_following_two,
    ranks,
    speaks_of_all,
)
from stages.dataset.runbook.places.comments import is_upward, of_note, of_place
from stages.dataset.runbook.scope import Scope
from stages.dataset.runbook.sections.kinds import is_numbered_step, is_verb, label_kind, section_kind
from stages.dataset.runbook.sections.outline import ACTING, Outline
from stages.dataset.runbook.sections.siblings import siblings
from stages.dataset.runbook.severity import (
    LABEL,
    first_severity,
    front_severity,
    group_severity,
    titled_severity,
    told_severity,
)
from stages.dataset.runbook.standing import MEANT, Standing, first
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
    reader = _Reader(subject_of(blocks, file.stem.removesuffix(".html")), siblings(blocks))
    for index, block in enumerate(blocks):
        reader.read(index, block)
    reader.end(front_severity(clean(text)))
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


def _rule_severity(lines: Sequence[str], start: int, starts: Collection[int]) -> str:
    """Returns the severity in a block of rules between the line where one starts and that where the next does."""
    end = min((number for number in starts if number > start), default=len(lines))
    told = next((found for line in lines[start:end] if (found := _RULE_SEVERITY.match(line))), None)
    return first_severity(told["word"]) if told else ""


class _Reader:
    """Walks the blocks once; `alert` and `outline` are where it is."""

    def __init__(self, subject: Subject, siblings: Collection[int]) -> None:
        self.subject = subject
        self.siblings = siblings
        self.alerts: list[Alert] = []
        self.alert: Alert | None = None
        self.outline = Outline(1)
        self.expects_severity = False
        self.prose: Heading | None = None
        """The last heading that names neither an alert nor a section: a label below it may name its alert."""
        self.alerts_level = 7
        """The level of a heading such as `Alerts`, below which headings in plain words name alerts."""
        self.is_named_by_title = False
        self.groups: list[tuple[int, str]] = []
        """The levels and severities of the headings around, such as `Critical alerts`."""
        self.grouped: list[str] = []
        """The severity of the group that each of the alerts stands in."""
        self.scope = Scope()
        self.alternatives = Alternatives()
        self.in_list = 0
        """How many of them stand in the list right above."""
        self.in_block = 0
        """How many of the alert's last commands stand in the block of code right above."""
        self.in_block_before = 0
        """How many of them stand in the block above that one."""
        if subject.about:
            self._start(subject.about, 0, 1)
            self.is_named_by_title = not subject.is_stated

    @property
    def section(self) -> Section:
        """The section that a text or a command stands in."""
        return self.outline.section

    def read(self, index: int, block: Block) -> None:
        if isinstance(block, Comment) and is_upward(block.text):
            self._say(of_note(block.text.lstrip(" ^↑")).at(block.line), 0, self.in_block)
            return
        if isinstance(block, Comment | Strike):
            self.scope.mark(block)
            return
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
            self._fold(block)
        else:
            self._code(block)

    def end(self, of_file: str) -> None:
        """Gives alerts that state no severity that of their group, and an alert alone that of the file."""
        self._settle(self.alternatives.leave())
        for alert, severity in zip(self.alerts, self.grouped, strict=True):
            alert.severity = alert.severity or severity or (of_file if len(self.alerts) == 1 else "")

    def _severity_around(self) -> str:
        return self.groups[-1][1] if self.groups else ""

    def _group(self, level: int, text: str) -> None:
        """Goes on to a heading, which may name the severity of the alerts below it."""
        self.groups = [group for group in self.groups if group[0] < level]
        is_in_alert = self.alert is not None and level > self.alert.level > 0
        if not is_in_alert and (severity := group_severity(text)):
            self.groups.append((level, severity))

    def _start(self, name: str, level: int, line: int) -> None:
        self._settle(self.alternatives.leave())
        self.alternatives = Alternatives()
        self.alert = Alert(name, line, level=level)
        self.alerts.append(self.alert)
        self.grouped.append(self._severity_around())
        self.is_named_by_title = False
        self.prose = None
        self.outline = Outline(line)
        self.alert.sections.append(self.section)

    def _enter(self, section: Section, level: int) -> None:
        self.outline.enter(section, level)
        if self.alert:
            self.alert.sections.append(section)

    def _heading(self, heading: Heading) -> None:
        self._settle(self.alternatives.leave())
        text = visible(heading.content)
        self.expects_severity = bool(LABEL.fullmatch(text))
        self._group(heading.level, text)
        if self.alert and heading.level > self.alert.level and re.search(r"\bseverity\b", text, re.IGNORECASE):
            self.alert.severity = self.alert.severity or told_severity(text, self.alert.name)
        kind = section_kind(text)
        is_plain = heading.line in self.subject.plain
        name = prose_name(text, is_of_symptoms=True) if is_plain else self._name(text, kind, heading.level)
        if heading.level <= self.alerts_level:
            self.alerts_level = heading.level if _ALERTS.search(text) and not name else 7
        if name:
            self._named(name, text, heading)
            self.scope = Scope()
        else:
            self.scope.heading(heading)
            self._nameless(kind, text, heading)
        self._inline(heading)

    def _nameless(self, kind: str, text: str, heading: Heading) -> None:
        """Goes on to a heading that names no alert: of a section, or above what is none's."""
        if kind and not self._is_title(heading, text) and not self._is_behind(kind, heading):
            self._section_heading(kind, text, heading)
        elif self.alert and 0 < heading.level <= self.alert.level:
            self.alert = None
            self.prose = heading
        else:
            self.prose = heading
            if not self._is_title(heading, text):
                self._section_heading("", text, heading)

    def _name(self, text: str, kind: str, level: int) -> str:
        """Returns the alert that a heading starts: not below a section of another, unless it states it."""
        name = alert_name(text)
        is_inside = bool(self.alert) and self.outline.level < level
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
        self.grouped[-1] = self._severity_around()
        if self.alert:
            self.alert.others = alert_names(text)[1:] if heading.line not in self.subject.plain else []
            self.alert.severity = titled_severity(text) or self.alert.severity

    def _is_title(self, heading: Heading, text: str) -> bool:
        is_first = self.alert is not None and self.alert.level == 0 and heading.level == 1
        return is_first and (not section_kind(text) or len(text.split()) > 2)

    def _is_behind(self, kind: str, heading: Heading) -> bool:
        """Returns whether a section as high as its alert is the file's and not the alert's."""
        level = heading.level
        if not self.alert or level > self.alert.level or heading.line in self.siblings:
            return False
        return level < self.alert.level or len(self.alerts) > 1 or (kind in _GENERAL and level > 1)

    def _section_heading(self, kind: str, text: str, heading: Heading) -> None:
        """Enters a section, or goes on with the one around: what stands in it is mostly a step of it."""
        around = self.outline.around(heading.level)
        if around and around.kind != "other":
            kind = label_kind(text)
        elif not around and is_numbered_step(text) and self._has_steps():
            return
        if kind or not around:
            self._enter(Section(kind or "other", text, heading.line), heading.level)
        else:
            self.outline.leave(heading.level)

    def _has_steps(self) -> bool:
        section = self.outline.headed()
        return section.kind in ACTING and not is_numbered_step(section.heading)

    def _paragraph(self, paragraph: Paragraph) -> None:
        text = visible(paragraph.content)
        label, rest = bold_label(paragraph.content)
        if found := _IN_PROSE.search(text[:2000]):
            self._told(found["name"])
        if not self.alert:
            return
        if self._labelled(label, rest, paragraph):
            text = rest
        self._severity(label, text, rest)
        if (text := " ".join(text.split())) and not LABEL.fullmatch(label):
            self.section.texts.append(text)
            self.outline.tell(text)
        self.alert.queries += inline_queries(paragraph.content)
        self._settle(self.alternatives.told(masked(paragraph.content), paragraph.line))
        is_cell = self._cell(paragraph)
        self._inline(paragraph)
        if is_cell:
            self.outline.end_cell()

    def _cell(self, paragraph: Paragraph) -> bool:
        """Enters the section that the head of a column, or of a row, names for the commands of a cell."""
        named = next((text for text in (paragraph.column, paragraph.row) if label_kind(text)), "")
        has_commands = named and any(inline_commands(paragraph.content, paragraph.line))
        if not self.alert or not has_commands or self.outline.headed().kind in _GENERAL:
            return False
        section = Section(label_kind(named), named.strip(" *_`:"), paragraph.line)
        self.alert.sections.append(section)
        self.outline.cell(section)
        return True

    def _fold(self, fold: Fold) -> None:
        """Enters the section that the text over a folded part names, or leaves it."""
        kind = label_kind(fold.text)
        if self.alert and kind:
            section = Section(kind, fold.text.strip(" :"), fold.line)
            self.outline.label(section, (), "", is_verb=False)
            self.alert.sections.append(section)
        elif not fold.text:
            self.outline.end_labels()

    def _labelled(self, label: str, rest: str, paragraph: Paragraph) -> bool:
        """Returns whether a label starts a section; a verb in a list of steps does not."""
        assert self.alert
        self.outline.item(paragraph.items)
        is_step = paragraph.items and is_verb(label) and self.outline.headed().kind in ACTING
        kind = "" if is_step else label_kind(label)
        if kind:
            section = Section(kind, label.strip(" :"), paragraph.line)
            self.outline.label(section, paragraph.items, rest, is_verb(label))
            self.alert.sections.append(section)
            return True
        if label:
            self.outline.other_label()
        if paragraph.items == () and any(inline_commands(paragraph.content, paragraph.line)):
            self.outline.command()
        return False

    def _severity(self, label: str, text: str, rest: str) -> None:
        if not self.alert or self.alert.severity:
            return
        if LABEL.fullmatch(label):
            self.alert.severity = first_severity(rest or text)
        elif self.expects_severity:
            self.alert.severity = first_severity(text) or first_severity(rest)
        self.expects_severity = bool(LABEL.fullmatch(text)) or (bool(LABEL.fullmatch(label)) and not rest)
        if self.section.kind != "references":
            self.alert.severity = self.alert.severity or told_severity(text, self.alert.name)

    def _label(self, text: str, line: int) -> None:
        """A label in the text names the alert: that of the title, or of the heading in plain words above it."""
        names = listed_names(text, is_stated=True)
        name = names[0] if names else stated_name(text)
        if not name or not (names or is_identifier(name) or len(text.split()) == 1):
            return
        if not (self.alert and self.alert.name == name):
            self._name_by_label(name, line)
        if self.alert and self.alert.name == name:
            self.alert.others = names[1:]

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
                    self.in_list += isinstance(block, Paragraph) and bool(block.items)

    def _code(self, code: Code) -> None:
        self._rules(code)
        if not self.alert:
            return
        self.outline.command()
        self.scope.block()
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
            is_of_others = bool(names) and (len(names) > 1 or is_identifier(self.alert.name))
            own = names.get(self.alert.name, None if is_of_others else min(names.values(), default=0))
            self.alert.severity = "" if own is None else _rule_severity(code.lines, own, names.values())

    def _told_of_block_above(self, block: Block) -> None:
        """Lets a paragraph right behind a block of code say of its commands that they are not to be run."""
        if self.alert and self.in_block and isinstance(block, Paragraph) and not names_what_comes(block):
            text = masked(block.content) if not self.alternatives.names(masked(block.content)) else ""
            number, of_line = line_ranked(text)
            if number and self.in_block > 1 and number <= self.in_block:
                behind = self.in_block - number if number > 0 else 0
                self._say(of_following(of_line).at(block.line), behind, 1)
                self.in_block_before, self.in_block = 0, 0
                return
            said = MEANT if goes_on(text) else of_following(text).at(block.line)
            if self.in_block_before and ranks(text):
                upper, lower = of_following_two(text)
                self._say(lower.at(block.line), 0, self.in_block)
                self._say(upper.at(block.line), self.in_block, self.in_block_before)
            else:
                self._say(said, 0, self.in_block)
                self.scope.is_of_above = bool(said) and not leads_on(text)
        self._told_of_list_above(block)
        self.in_block_before = self.in_block if isinstance(block, Code) else 0
        self.in_block = 0

    def _told_of_list_above(self, block: Block) -> None:
        """Lets a paragraph right behind a list say of all its commands that they are not to be run."""
        is_item = isinstance(block, Paragraph) and bool(block.items)
        if self.alert and isinstance(block, Paragraph) and not is_item and self.in_list and not self.in_block:
            text = masked(block.content)
            if speaks_of_all(text):
                self._say(of_following(text).at(block.line), 0, self.in_list)
        if not is_item:
            self.in_list = 0

    def _say(self, said: Standing, behind: int, many: int) -> None:
        """Gives the standing to as many of the alert's last commands, but for those behind them."""
        commands = self.alert.commands if self.alert else []
        end = len(commands) - behind
        for number in range(end - many, end) if said else ():
            commands[number] = replace(commands[number], standing=said)

    def _settle(self, found: Iterable[tuple[int, Standing]]) -> None:
        """Gives commands of the alert what was said of them elsewhere, where nothing nearer speaks against them."""
        for number, said in found:
            if self.alert and number < len(self.alert.commands):
                command = self.alert.commands[number]
                self.alert.commands[number] = replace(command, standing=first([command.standing, said]))

    def _command(
        self, text: str, line: int, source: Literal["fence", "inline"], standing: Standing, assigned: str = ""
    ) -> None:
        does = effect(text)
        command = Command(text, self.section.kind, line, self.section.heading, standing=standing, assigned=assigned)
        command = replace(command, source=source, dangerous=does.dangerous, mutating=does.mutating)
        if self.alert:
            self.alternatives.add(len(self.alert.commands), *self.scope.leading())
            self.alert.commands.append(command)

"""What a file is about: one alert as a whole, or an alert under each of several headings in plain words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from stages.dataset.runbook.blocks import Block, Heading, Paragraph
from stages.dataset.runbook.headings import (
    alert_name,
    file_name,
    is_identifier,
    is_stated,
    is_whole_name,
    prose_name,
    stated_name,
    tells_a_problem,
    title_name,
)
from stages.dataset.runbook.sections.kinds import label_kind, section_kind
from stages.dataset.runbook.visible import bold_label, visible

_ALERT_LABEL = re.compile(r"\W*(?:prometheus\s+)?(?:alert|alarm)(?:\s*(?:name|rule)s?|s)?(?:\(s\))?\W*", re.IGNORECASE)
_OF_THE_ALERT = re.compile(
    r"\W*(?:\d+[.)]?\s+)?(?:(?:alert|alarm)\b.*|overview|summary|details|info\w*|metadata|description|symptoms?|"
    r"quick reference)\W*",
    re.IGNORECASE,
)
_PLAIN_LABEL = re.compile(r"(?:alert|alarm)(?:\s+name)?s?\s*:\s*(?P<name>\S.*)", re.IGNORECASE)
# Pages about work that is no alert have them, too.
_ANY_STEPS = re.compile(r"\W*(?:\d+[.)]?\s+)?steps?\b[^\w(]*(?:\([^()]*\))?\W*", re.IGNORECASE)
_SYMPTOMS = re.compile(r"\W*(?:\d+[.)]?\s+)?symptoms?\b", re.IGNORECASE)
_TELLS = {"meaning", "symptoms", "causes", "impact"}
_HELPS = {"diagnosis", "mitigation"}
_PAGES = {"readme", "index", "_index"}
_OF_AN_ALERT = {"meaning", "symptoms", "impact", *_HELPS}


@dataclass(frozen=True)
class Subject:
    """about: the alert that the whole file is about, or ''. is_stated: the text says so, not the title alone.

    labelled: the names that labels such as `**Alert:** X` state, by the index of their block.
    plain: the lines of the headings in plain words that each start an alert.
    """

    about: str
    is_stated: bool
    labelled: dict[int, str]
    plain: frozenset[int]


def subject_of(blocks: Sequence[Block], stem: str) -> Subject:
    """Returns what a file of the given name without suffix is about."""
    labelled = dict(_labelled(blocks))
    titles = [visible(block.content) for block in blocks if isinstance(block, Heading)]
    if name := _headed(titles):
        return Subject(name, True, labelled, frozenset())
    if any(alert_name(title) and not section_kind(title) for title in titles):
        return Subject("", False, labelled, frozenset())
    if stated := _stated(blocks, labelled):
        return Subject(stated, True, labelled, frozenset())
    has_plain = not labelled and stem.lower() not in _PAGES
    plain = frozenset(_plain_alerts(blocks)) if has_plain else frozenset()
    return Subject("" if plain else _about(blocks, stem), False, labelled, plain)


def _headed(titles: Sequence[str]) -> str:
    """Returns the alert that a heading states at the top of a file, where no other heading names one."""
    naming = [title for title in titles if is_stated(title) or (alert_name(title) and not section_kind(title))]
    is_at_top = len(naming) == 1 and is_stated(naming[0]) and naming[0] in titles[:2]
    return alert_name(naming[0]) if is_at_top else ""


def _labelled(blocks: Sequence[Block]) -> Iterator[tuple[int, str]]:
    is_expected = is_below_alert = False
    for index, block in enumerate(blocks):
        text = visible(block.content) if isinstance(block, Heading | Paragraph) else ""
        if isinstance(block, Heading):
            is_expected = bool(_ALERT_LABEL.fullmatch(text)) and not _is_list_of_alerts(text)
            is_below_alert = bool(re.match(r"\W*(?:\d+[.)]?\s+)?(?:alert|alarm)\b", text, re.IGNORECASE))
        elif isinstance(block, Paragraph):
            label, rest = bold_label(block.content)
            plain = _PLAIN_LABEL.fullmatch(text)
            is_name = bool(_ALERT_LABEL.fullmatch(label)) or (is_below_alert and label.strip(" :").lower() == "name")
            if rest and is_name:
                yield index, rest
            elif is_expected and alert_name(text):
                yield index, text
            elif plain and is_whole_name(plain["name"]):
                yield index, plain["name"]
            is_expected = bool(_ALERT_LABEL.fullmatch(text.rstrip(": "))) and not _is_list_of_alerts(text)


def _is_list_of_alerts(label: str) -> bool:
    return label.strip(" :*").lower() in ("alerts", "alarms")


def _stated(blocks: Sequence[Block], labelled: dict[int, str]) -> str:
    """Returns the one alert that labels state where the label belongs to the file: at its top, or under `Alert`."""
    names = {name for text in labelled.values() if is_identifier(name := stated_name(text)) or "_" in name}
    if len(names) != 1:
        return ""
    above = [block for block in blocks[: min(labelled)] if isinstance(block, Heading)]
    is_at_top = len(above) < 2 or above[-1].level == 1
    return names.pop() if is_at_top or _OF_THE_ALERT.fullmatch(visible(above[-1].content)) else ""


def _plain_alerts(blocks: Sequence[Block]) -> Iterator[int]:
    """Yields the lines of headings that each have sections of an alert of their own; none of one heading alone."""
    for level in (2, 3, 4):
        found = [heading.line for heading, below in _parts(blocks, level) if _is_an_alert(heading, below)]
        if len(found) > 1:
            yield from found
            return


def _parts(blocks: Sequence[Block], level: int) -> Iterator[tuple[Heading, Sequence[Block]]]:
    """Yields the headings of a level that stand in no section, and what is below each."""
    starts = [place for place, block in enumerate(blocks) if isinstance(block, Heading) and block.level <= level]
    in_section = False
    for start, end in pairwise([*starts, len(blocks)]):
        heading = blocks[start]
        assert isinstance(heading, Heading)
        if heading.level < level:
            in_section = bool(section_kind(visible(heading.content))) and heading.level > 1
        elif not in_section:
            yield heading, blocks[start + 1 : end]


def _is_an_alert(heading: Heading, below: Sequence[Block]) -> bool:
    title = visible(heading.content)
    kinds = set(_kinds(below))
    is_of_alert = (kinds & _TELLS and kinds & _HELPS) or kinds >= _HELPS
    return bool(is_of_alert and not section_kind(title) and prose_name(title, is_of_symptoms="symptoms" in kinds))


def _about(blocks: Sequence[Block], stem: str) -> str:
    """Returns the alert that the title names, or the file's name; '' where the file documents none."""
    title = _title(blocks)
    below = [block for block in blocks if block is not title]
    kinds, filed = set(_kinds(below)), file_name(stem)
    if filed and kinds & _OF_AN_ALERT and (not title or _squeezed(visible(title.content)) == _squeezed(filed)):
        return filed
    if not title:
        return _untitled(stem) if kinds & {"symptoms", "causes"} and kinds & _HELPS else ""
    at_top = list(_at_top(below))
    top = set(_kinds(at_top))
    told = visible(title.content)
    named = title_name(told, is_of_symptoms=any(_SYMPTOMS.match(text) for text in _labels(at_top)))
    is_of_alert = (
        "symptoms" in top
        or top >= _HELPS
        or len(top & {"meaning", "causes", "impact", "mitigation"}) > 1
        or (top & {"causes", "impact"} and "diagnosis" in top)
        or (kinds & _OF_AN_ALERT and tells_a_problem(told))
    )
    return named if is_of_alert and len(named.split()) > 1 and stem.lower() not in _PAGES else ""


def _at_top(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yields the headings of the highest level, and the paragraphs that stand above all others."""
    highest = min((block.level for block in blocks if isinstance(block, Heading)), default=7)
    is_above = True
    for block in blocks:
        is_above = is_above and not (isinstance(block, Heading) and block.level > highest)
        if is_above if isinstance(block, Paragraph) else isinstance(block, Heading) and block.level == highest:
            yield block


def _title(blocks: Sequence[Block]) -> Heading | None:
    """Returns the title of a file: its first heading, or one that stands higher; none where all head sections."""
    headings = [block for block in blocks if isinstance(block, Heading)]
    for heading in headings:
        text = visible(heading.content)
        is_title = heading is headings[0] or heading.level < headings[0].level
        if is_title and (not section_kind(text) or (heading.level == 1 and len(text.split()) > 2)):
            return heading
    return None


def _untitled(stem: str) -> str:
    return stem if len(re.findall(r"[^\W_]+", stem)) > 1 and title_name(stem) else ""


def _kinds(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Heading):
            title = visible(block.content)
            yield "" if _ANY_STEPS.fullmatch(title) else section_kind(title)
        elif isinstance(block, Paragraph):
            yield label_kind(bold_label(block.content)[0])


def _labels(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Heading):
            yield visible(block.content)
        elif isinstance(block, Paragraph):
            yield bold_label(block.content)[0]


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()

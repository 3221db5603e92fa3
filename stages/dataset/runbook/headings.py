"""Which alert a heading or a label names."""

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from stages.dataset.runbook.sections.kinds import MAX_TITLE, section_kind

_WORDS = tomllib.loads(Path(__file__).with_name("headings.toml").read_text("utf-8"))
_PRODUCTS = {name.lower() for name in _WORDS["products"]["names"]}
_GENERIC = re.compile(rf"\b(?:{'|'.join(_WORDS['generic']['words'])})\b", re.IGNORECASE)

_STATED = re.compile(
    r"^\W*(?:[Pp]rometheus\s+|[Ff]iring\s+)?(?:alert|alarm)(?:\s*(?:name|rule|id))?(?:\s*#?\d+)?\s*(?:[:：—–]|\s-\s)\s*(?P<name>\S.*)$",
    re.IGNORECASE,
)
_NAMED = re.compile(r"^\W*(?:alert|alarm)\s+(?:name|rule)\s+(?P<name>\S+)$", re.IGNORECASE)
_ABOUT = re.compile(
    r"^\W*(?:incident\s+)?(?:response\s+)?(?:runbook|playbook|alert|troubleshooting)\s*(?:[:：—–-]|for|of)?\s+(?:the\s+)?",
    re.IGNORECASE,
)
_WORK = re.compile(
    r"\b(?:rotation|rollback|upgrade|migration|deployment|setup|maintenance|onboarding)s?$", re.IGNORECASE
)
_PROBLEM = re.compile(
    r"\b(?:down|too (?:high|low|many|few|slow|far|old)|high|low|slow|fail(?:ed|ing|s|ures?)?|errors?(?: ratio| rate)?$"
    r"|unavailable|unreachable|exhaust\w*|stuck|lag(?:ging)?|full|missing|crash\w*|outage|breach\w*|expir\w*|degrad\w*"
    r"|unhealthy|is not|alert$)",
    re.IGNORECASE,
)
_LIST_OF_ALERTS = re.compile(r"\b(?:alerts|runbooks|playbooks|index|readme|operation\w*|template)\b", re.IGNORECASE)
_CODE = re.compile(r"^\W*(?:(?:p|sev-?|s)[0-5]|[A-Z]{2,6}-?\d{1,4})\s*[:—–-]+\s*", re.IGNORECASE)
_TASK = re.compile(
    r"(?:access|add|adding|adjust|build|change|configure|connect|create|creating|delete|deploy\w*|disable|enable|export|find"
    r"|get|handle|how|install|list|make|manage|managing|migrat\w+|move|perform|post|provision\w*|publish|purge|query|remove|rename"
    r"|rotate|rotating|run|running|send|resend|set|share|switch|test|understand|update|updating|upgrade|upgrading|use|using"
    r"|view|write|writing|work with|working)\s+\S",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"^\W*(?:[\w-]+\s+){0,3}(?:runbook|playbook)\s*[:：—–]\s*(?=\S)", re.IGNORECASE)
_BEHIND = re.compile(r"\s*(?:[-–—:]\s*)?\b(?:runbooks?|playbook|alerts?|alarm|is firing|firing)\W*$", re.IGNORECASE)
_NUMBER = re.compile(r"^\W*\d+(?:[.)]\d+)*[.):]?\s+")
_DECORATION = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\W*$|^\W*\[[^\]]*\]\s*")
_LEVEL = (
    r"(?:critical|warning|warn|info|informational|high|medium|low|major|minor|emergency|urgent|error|page|pager|none"
    r"|p\d|sev[ -]?\d|severity|level|priority|alert|deprecated|obsolete|removed|draft|wip|new|beta|experimental)"
)
_EMOJI = "[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]"
_DECORATIONS = [
    re.compile(expression, re.IGNORECASE)
    for expression in (
        rf"^{_EMOJI}+\s*|\s*{_EMOJI}+$|^:[a-z_]+:\s+|\s+:[a-z_]+:$",
        rf"\s*[(\[]\s*(?:{_EMOJI}\s*)?{_LEVEL}(?:[\s,:;/=|–—-]+{_LEVEL})*\s*[)\]]$",
        rf"^[(\[]\s*(?:{_EMOJI}\s*)?{_LEVEL}(?:[\s,:;/=|–—-]+{_LEVEL})*\s*[)\]]\s*",
        r"\s*\{#[\w-]+\}$|\s*[:：|#]+$|^\|\s*",
        r"\s+(?:runbook|playbook)$",
    )
]
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PAIRS = {'""', "''", "``", "“”", "‘’", "„“", "«»", "‚‘", "「」", "『』"}
# `LoadHigh (5 min)` and `LoadHigh (15 min)` are two alerts.
_TIME = r"\(\s*\d+\s*(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|%)\s*\)$"
_REMARK = re.compile(
    rf"(?!{_TIME})(?:[(\[–—|/-]|(?:is\s+)?fir(?:es|ing)\b|alert$|alarm$|runbook|playbook)", re.IGNORECASE
)
_CAMEL = re.compile(r"(?=[A-Za-z0-9_]*[a-z])[A-Za-z][a-z0-9]*(?:[A-Z]+[a-z0-9]*)+\w*")
_STEP = re.compile(
    r"(?:check|identify|inspect|verify|fix|restore|recover|confirm|assess|analy[sz]e|debug|find|investigate|resolve|diagnose"
    r"|repair|contact|validate|prevent|mitigate|troubleshoot|escalate|why|about|links?|what)\s+(?!(?:steps?|actions?|procedures?|path"
    r"|it means|guide|commands?|and|or|&|this means|does)\b)",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"(?:critical|warning|info\w*|high|medium|low|p[0-5]|sev\w*)(?:[- ](?:severity|priority|level))?(?:\s+\w+)?"
    r"|(?:\S+\s+)?(?:group|category|general|common|other|misc\w*|table of contents|severity levels?|links"
    r"|notes?)(?:\s.*)?",
    re.IGNORECASE,
)
_QUOTES = " \t\"'`*_:,.;“”‘’"


def is_stated(heading: str) -> bool:
    """Returns whether a heading says that it names an alert: `Alert: X`."""
    return len(heading) <= MAX_TITLE and bool(_STATED.match(heading) or _NAMED.match(heading))


def prose_name(heading: str, is_of_symptoms: bool = False) -> str:
    """Returns the alert that a heading in plain words names among alerts; '' for a severity or a group.

    is_of_symptoms: symptoms stand below it, so a word such as `installation` says nothing against it.
    """
    text = _undecorated(_CODE.sub("", heading)) if len(heading) <= MAX_TITLE else ""
    is_general = _LIST_OF_ALERTS.search(text) if is_of_symptoms else _GENERIC.search(text)
    is_short = text and len(text.split()) <= 8 and not is_general
    return text if is_short and not _GROUP.fullmatch(text) and not _TASK.match(text) else ""


def alert_name(heading: str) -> str:
    """Returns the first alert that a heading names, '' where it names none."""
    return next(iter(_alert_names(heading)), "")


def alert_names(heading: str) -> list[str]:
    """Returns the alerts that a heading names.

    A heading states them (`Alert: X`), or is nothing but identifiers such as `KubePodCrashLooping`, whatever stands
    around them: a number, quotes, an emoji, `(Warning)`, `[Deprecated]`, the word runbook.
    """
    return list(_alert_names(heading))


@lru_cache(maxsize=4096)  # asked for by what tells the subject of a page, its sections and its alerts
def _alert_names(heading: str) -> Sequence[str]:
    if len(heading) > MAX_TITLE:
        return []
    if stated := _STATED.match(heading):
        several = listed_names(stated["name"], is_stated=True)
        return several if len(several) > 1 else [whole_name(stated["name"])]
    if named := _NAMED.match(heading):
        return [named["name"].strip(_QUOTES)]
    return listed_names(_CODE.sub("", heading))


def listed_names(text: str, is_stated: bool = False) -> list[str]:
    """Returns the names in a text that is nothing but identifiers: `A`, `A / B`, `A, B and C`.

    is_stated: the text is said to name alerts, so several words such as `disk_full` are names, too.
    """
    names = [name.strip(_QUOTES) for name in re.split(r"\s*(?:[/,;&+|]|\band\b|\bor\b)\s*", _undecorated(text))]
    is_word = re.compile(r"[A-Za-z][\w.-]*_[\w.-]*") if is_stated and len(names) > 1 else None
    is_name = [is_identifier(name) or bool(is_word and is_word.fullmatch(name)) for name in names]
    return names if all(is_name) else []


def whole_name(text: str) -> str:
    """Returns the name in what follows `Alert:`, as it is written, without what decorates it: `(critical)`, an emoji.

    An identifier is the name without the remark behind it: `HighErrorRate (5xx)`.
    """
    name = before = _CONTROLS.sub("", text).strip()
    for _ in range(5):
        for pattern in _DECORATIONS:
            name = pattern.sub("", name).strip() or name
        if name == before:
            break
        before = name
    name = _unquoted(name)
    first, _, behind = name.partition(" ")
    is_remark = behind and is_identifier(first.strip(_QUOTES)) and _REMARK.match(behind.strip())
    return first.strip(_QUOTES) if is_remark else name


def _unquoted(name: str) -> str:
    """Returns a name without quotes that stand around all of it."""
    if len(name) > 2 and name[0] + name[-1] in _PAIRS and name[0] not in name[1:-1] and name[-1] not in name[1:-1]:
        return name[1:-1].strip() or name
    return name


def stated_name(text: str) -> str:
    """Returns the name in what follows `Alert:`: an identifier, or a short title; '' for an expression."""
    text = _undecorated(text).strip("| ")
    first = text.split()[0].strip(_QUOTES) if text.split() else ""
    if re.search(r"[{}=<>()$|]", text) or not first:
        return first if is_identifier(first) else ""
    if len(text.split()) == 1 or (_CAMEL.fullmatch(first) and first.lower() not in _PRODUCTS):
        return first
    return text if len(text.split()) <= 8 else ""


def title_name(title: str, is_of_symptoms: bool = False) -> str:
    """Returns the alert that the title of a file about one alert names, as it is written; '' for a general title.

    A title may have the name of a section in it (`Certificate expiry remediation`), but not be one.
    is_of_symptoms: the file has a section of symptoms, so a word such as `procedures` says nothing against it.
    """
    text = _undecorated(_CODE.sub("", title)) if len(title) <= MAX_TITLE else ""
    is_short = text and len(text.split()) <= 8 and not _STEP.match(text)
    is_task = _TASK.match(text) or _WORK.search(text)
    is_general = _LIST_OF_ALERTS.search(text) if is_of_symptoms else _GENERIC.search(text)
    is_section = section_kind(text) and len(text.split()) < 3
    return text if is_short and not is_task and not is_general and not is_section else ""


def tells_a_problem(title: str) -> bool:
    """Returns whether a title in plain words says that something is wrong: `The disk is full`."""
    return bool(_PROBLEM.search(title))


def file_name(stem: str) -> str:
    """Returns the alert that a file's name without suffix names, KubeFoo in `team_KubeFoo`; '' for none."""
    parts = (stem, stem.rsplit("_")[-1], stem.rsplit("-")[-1])
    return next((part for part in reversed(parts) if is_identifier(part)), "")


def is_whole_name(text: str) -> bool:
    """Returns whether a text is one identifier in quotes or not, and nothing else."""
    return is_identifier(text.strip(_QUOTES))


def is_identifier(text: str) -> bool:
    """Returns whether text could be the name of an alert and nothing else."""
    return bool(_CAMEL.fullmatch(text)) and text.lower() not in _PRODUCTS


def _undecorated(text: str) -> str:
    text = _BEFORE.sub("", text)
    text = re.sub(r"[^\w\s()\[\]:/.,'\"`&%+<>={}$|-]", "", text).strip()
    text = _NUMBER.sub("", text)
    for pattern in (_DECORATION, _DECORATION, _ABOUT, _BEHIND, _DECORATION):
        text = pattern.sub("", text).strip(_QUOTES) or text
    return _NUMBER.sub("", text).strip(_QUOTES)

"""A runbook as alerts with their sections and commands.

Markdown is parsed by markdown-it-py (CommonMark with tables and front matter). A heading that
names an alert starts one; headings and bold labels that name a kind of section start a section;
any other heading as high as the alert's ends it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

KINDS = {
    "meaning": ("meaning", "description", "summary", "overview", "what it means"),
    "symptoms": ("symptom", "message", "how it looks"),
    "causes": ("cause", "possible cause", "root cause", "likely cause"),
    "impact": ("impact",),
    "diagnosis": ("diagnos", "investigat", "triage", "troubleshoot", "debug", "check"),
    "mitigation": (
        "resolution",
        "remediation",
        "mitigation",
        "fix",
        "quick fix",
        "workaround",
        "action",
        "response",
        "recovery",
        "solution",
    ),
    "verification": ("verif", "validation", "confirm"),
    "escalation": ("escalat", "contact"),
    "prevention": ("prevent", "follow-up", "follow up"),
    "references": ("reference", "further reading", "additional information", "links", "see also"),
    "severity": ("severity",),
}
HTML_TAGS = {"a", "b", "br", "code", "del", "div", "em", "hr", "i", "img", "kbd", "p", "span", "strong", "sub", "sup"}
SHELLS = {"", "bash", "sh", "shell", "zsh", "console", "shell-session", "shellsession", "terminal", "text", "txt"}
MAX_TITLE = 300  # of a heading that names something, in characters; the patterns take quadratic time
_STATED = re.compile(r"^\W*alert(?:\s*name)?\s*[:：]\s*(?P<name>.+)$", re.IGNORECASE)
_CAMEL = re.compile(r"(?=.*[a-z])(?:[A-Za-z][a-z0-9]*(?:[A-Z]+[a-z0-9]*)+|[A-Z][a-z0-9]+[A-Z]\w*)")
_NUMBER = re.compile(r"^[\d.)\s]+")
_DECORATION = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*$")
_TITLE_WORDS = re.compile(r"(?:[A-Z][A-Za-z0-9]*)(?: [A-Z0-9][A-Za-z0-9]*)+")
_BOLD_LABEL = re.compile(r"\W*(?P<label>[A-Za-z][A-Za-z /-]{2,40}?)\W*")
_INLINE_COMMAND = re.compile(r"(?:\$ )?[a-z][\w.-]* +\S")
_PLACEHOLDER = re.compile(r"<([A-Za-z][\w. -]*)>")
_PROMPT = re.compile(r"^\s*\$\s+(?=\S)")


@dataclass(frozen=True)
class Command:
    """What a person would paste and run as one command, and the line of the file, from 1, on which it starts."""

    text: str
    section: str
    line: int


@dataclass
class Alert:
    """One alert: commands in their order, and the texts (one per list item or paragraph) of each kind of section."""

    name: str
    line: int
    severity: str = ""
    commands: list[Command] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)


def read_runbook(text: str, path: str = "RUNBOOK.md") -> list[Alert]:
    """Returns the alerts of a runbook in their order; none where it documents none.

    A name that the text states wins over the title, and the title over the file's name.
    """
    tokens = MarkdownIt("commonmark").enable("table").use(front_matter_plugin).parse(text)
    return _Reader(_file_alert(tokens, path)).read(tokens)


class _Reader:
    """Walks the tokens once; `alert` and `section` are where it is."""

    def __init__(self, file_alert: str) -> None:
        self.alerts: list[Alert] = []
        self.alert: Alert | None = None
        self.alert_level = 0
        self.section = "other"
        self.section_level = 0
        if file_alert:
            self._start(file_alert, 0, 1)

    def read(self, tokens: Sequence[Token]) -> list[Alert]:
        for index, token in enumerate(tokens):
            if token.type == "inline" and tokens[index - 1].type == "heading_open":
                self._heading(token, int(tokens[index - 1].tag[1]))
            elif self.alert and token.type == "inline":
                self._paragraph(token, self.alert)
            elif self.alert and token.type in ("fence", "code_block"):
                self._block(token, self.alert)
        return self.alerts

    def _start(self, name: str, level: int, line: int) -> None:
        self.alert = Alert(name, line)
        self.alerts.append(self.alert)
        self.alert_level, self.section, self.section_level = level, "other", 7

    def _heading(self, token: Token, level: int) -> None:
        text = _visible(token)
        kind = section_kind(text)
        if name := _alert_name(text, kind):
            if not (self.alert and self.alert.name == name and not self.alert.texts):
                self._start(name, level, _line(token))
            self.alert_level = level
        elif kind:
            self.section, self.section_level = kind, level
        elif self.alert and level <= self.alert_level and self.alert_level:
            self.alert = None
        elif level <= self.section_level:
            self.section, self.section_level = "other", level

    def _paragraph(self, token: Token, alert: Alert) -> None:
        label, rest = _bold_label(token)
        if label == "severity":
            alert.severity = alert.severity or _severity(rest)
            return
        if label:
            self.section, self.section_level = label, 7
        if text := " ".join(rest.split()):
            alert.texts.setdefault(self.section, []).append(text)
        for child in token.children or []:
            code = " ".join(child.content.split()) if child.type == "code_inline" else ""
            if _INLINE_COMMAND.match(code) and not code.endswith((".", ":")):
                alert.commands.append(Command(_PROMPT.sub("", code), self.section, _line(token)))

    def _block(self, token: Token, alert: Alert) -> None:
        language = (token.info.split() or [""])[0].strip("{}.").lower()
        if language in SHELLS:
            first = _line(token) + (token.type == "fence")
            alert.commands += [Command(text, self.section, line) for text, line in logical_lines(token.content, first)]


def section_kind(text: str) -> str:
    """Returns the kind of section that a heading or label names, '' where it names none."""
    if len(text) > MAX_TITLE:
        return ""
    plain = _NUMBER.sub("", re.sub(r"[^\w\s/-]", " ", text)).strip().lower()
    for kind, words in KINDS.items():
        if any(plain.startswith(word) for word in words) and len(plain.split()) <= 4:
            return kind
    return ""


def logical_lines(block: str, first: int) -> Iterator[tuple[str, int]]:
    """Yields each command of a code block and its line: prompts, output and comments cut, continuations joined.

    first: the line of the block's first line. Where any line has a `$ ` prompt, the others are output.
    """
    lines = block.split("\n")
    prompted = any(_PROMPT.match(line) for line in lines)
    parts: list[str] = []
    start = first
    for number, line in enumerate(lines, first):
        if not parts:
            start = number
            if prompted and not _PROMPT.match(line):
                continue
        text = _PROMPT.sub("", line).strip()
        if text.startswith("#") or not text:
            text = ""
        parts.append(text.removesuffix("\\").strip())
        if text.endswith("\\"):
            continue
        if command := " ".join(filter(None, parts)):
            yield command, start
        parts = []
    if command := " ".join(filter(None, parts)):
        yield command, start


def _file_alert(tokens: Sequence[Token], path: str) -> str:
    """Returns the alert that the whole file is about, where no heading of it names one."""
    headings = [tokens[index + 1] for index, token in enumerate(tokens) if token.type == "heading_open"]
    texts = [_visible(heading) for heading in headings]
    kinds = [section_kind(text) for text in texts]
    if any(_alert_name(text, kind) for text, kind in zip(texts, kinds, strict=True)) or not any(kinds):
        return ""
    title = next((text for text, kind in zip(texts, kinds, strict=True) if not kind), "")
    stem = PurePosixPath(path).stem
    return title.replace(" ", "") if _TITLE_WORDS.fullmatch(title) else stem if _CAMEL.fullmatch(stem) else ""


def _alert_name(heading: str, kind: str) -> str:
    """Returns the alert that a heading names: stated as `Alert: X`, or one CamelCase word."""
    if len(heading) > MAX_TITLE:
        return ""
    stated = _STATED.match(heading)
    text = stated["name"] if stated else "" if kind else heading
    text = _DECORATION.sub("", _NUMBER.sub("", text)).strip(" \t\"'`*_:“”‘’")
    if stated:
        return text.split()[0].strip("\"'`,") if text else ""
    words = re.sub(r"[^\w\s]", " ", text).split()
    return words[0] if len(words) == 1 and _CAMEL.fullmatch(words[0]) else ""


def _visible(token: Token) -> str:
    """Returns the text that a reader sees, code included, and `<pod>`, which Markdown takes for HTML; no images."""
    kinds = {"text": None, "code_inline": None, "softbreak": " ", "hardbreak": " ", "html_inline": None}
    shown = (child for child in token.children or [] if child.type in kinds and not _is_html(child))
    return "".join(kinds[child.type] or child.content for child in shown).strip()


def _is_html(token: Token) -> bool:
    name = _PLACEHOLDER.fullmatch(token.content)
    return token.type == "html_inline" and (name is None or name[1].lower() in HTML_TAGS)


def _bold_label(token: Token) -> tuple[str, str]:
    """Returns the kind of section that a paragraph's bold start names ('' if none) and the text after it."""
    text = _visible(token)
    shown = [child for child in token.children or [] if child.content or child.type.endswith("_open")]
    if len(shown) < 2 or shown[0].type not in ("strong_open", "em_open"):
        return "", text
    bold = shown[1].content
    label = _BOLD_LABEL.fullmatch(bold) if len(bold) <= MAX_TITLE else None
    kind = section_kind(label["label"]) if label else ""
    return (kind, text[len(bold) :].lstrip(" :")) if kind else ("", text)


def _severity(text: str) -> str:
    word = re.search(r"\w+", text)
    return word[0].lower() if word else ""


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1

"""A block of code as the commands and queries in it; what programs printed, configuration and SQL are neither."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.dataset.runbook.blocks import Code
from stages.dataset.runbook.commands import evidence
from stages.dataset.runbook.commands.shell import Logical, logical_line

SHELLS = {
    "bash",
    "sh",
    "shell",
    "zsh",
    "ksh",
    "fish",
    "shellscript",
    "powershell",
    "pwsh",
    "ps1",
    "cmd",
    "bat",
    "sh-session",
}
SESSIONS = {
    *(
        "console",
        "shell-session",
        "shellsession",
        "bash-session",
        "terminal",
        "text",
        "txt",
        "plaintext",
        "plain",
        "none",
    ),
    *("output", "log", "logs", "", "sh-session", "term", "cli"),
}
DATA = {"yaml", "yml", "json"}
QUERIES = {"promql", "logql", "metricsql", "prometheus"}
_PROMPT = re.compile(
    r"^\s*(?:\[?[\w.-]+@[\w.:~/ -]+?\]?\s*[$#%]|[\w.-]+:[~/][\w./~-]*[$#]|\([\w.-]+\)\s*\$"
    r"|(?:ba|z|k)?sh-[\d.]+[$#]|\$|❯|➜|%|PS [A-Z]:[^>]*>|[A-Z]:\\[^>]*>|root#)\s+(?:\$\s+)?(?=\S)"
    r"|^\s*(?:ba)?sh-[\d.]+[$#]\s*(?=\S)|^\s*\$(?=(?:kubectl|oc|sudo|docker|aws|curl|cat|ls|cd|git)\b)"
)
_ROOT = re.compile(r"^\s*#\s+(?=\S)")
_OUTPUT_LANGUAGE = re.compile(r"^(?:output|result|response)", re.IGNORECASE)


@dataclass
class Found:
    """What a block holds: commands with their lines of the file, and queries."""

    commands: list[tuple[str, int]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)


def read_code(code: Code) -> Found:
    """Returns the commands and queries of a block."""
    language = re.split(r"[\s,{:]", code.info.strip("{}. "))[0].lower()
    if language in QUERIES:
        return Found(queries=_queries(code.lines))
    lines = list(code.lines)
    if language in DATA:
        return _command_above_data(lines, code.line)
    if language not in SHELLS | SESSIONS:
        return Found()
    if all(evidence.is_query(line) or not line.strip() or line.lstrip().startswith("#") for line in lines):
        return Found(queries=_queries(lines))
    prompt = _ROOT if _is_root_session(lines) else _PROMPT
    prompted = {number for number, line in enumerate(lines) if prompt.match(line)}
    lines = [prompt.sub("", line, count=1) if number in prompted else line for number, line in enumerate(lines)]
    return _Reader(lines, prompted, code.line, language in SHELLS).read()


def _command_above_data(lines: Sequence[str], first: int) -> Found:
    """Returns the command with which a block of YAML and its like begins, such as `kubectl edit` above what to edit."""
    number = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if number is None or not evidence.is_known_command(lines[number]) or evidence.is_printed(lines[number]):
        return Found()
    logical = logical_line(lines, number, False)
    return Found([(logical.text, first + number)]) if _has_arguments(logical.text) else Found()


def _is_root_session(lines: Sequence[str]) -> bool:
    """Returns whether `# ` is root's prompt here: it stands before commands alone, and no command stands without it."""
    marked = [_ROOT.sub("", line) for line in lines if _ROOT.match(line)]
    others = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return (
        bool(marked)
        and all(evidence.is_known_command(text) and _has_arguments(text) for text in marked)
        and not any(evidence.is_known_command(line) or _PROMPT.match(line) for line in others)
        and (bool(others) or len(marked) > 1)
    )


def _has_arguments(text: str) -> bool:
    words = evidence.words_of(text)
    return (len(words) > 1 and bool(re.search(r"[-/$<=_.|\d]", text))) or text in evidence.ALONE


class _Reader:
    """Walks the lines of a block once; `ran` says whether the line before belonged to a command."""

    def __init__(self, lines: Sequence[str], prompted: set[int], first: int, is_shell: bool) -> None:
        self.lines = lines
        self.prompted = prompted
        self.first = first
        self.is_shell = is_shell
        self.after_command = False
        self.found = Found()

    def read(self) -> Found:
        number = 0
        while number < len(self.lines):
            number = self._line(number)
        return self.found

    def _line(self, number: int) -> int:
        """Reads what begins at a line, and returns the number of the line behind it."""
        line = self.lines[number]
        is_prompted = number in self.prompted
        if not line.strip() or (line.lstrip().startswith("#") and not is_prompted):
            self.after_command = self.after_command and bool(line.strip()) and not line.lstrip().startswith("#")
            return number + 1
        if self.prompted and not is_prompted:
            return number + 1
        logical = logical_line(self.lines, number, is_prompted)
        if self._is_command(logical):
            self.found.commands.append((logical.text, self.first + number))
            self.after_command = True
            return logical.behind
        if evidence.is_query(line) and not is_prompted:
            return self._query(number)
        return number + 1

    def _is_command(self, logical: Logical) -> bool:
        text = logical.text
        if not text or text.startswith("#"):
            return False
        if logical.prompted:
            return not evidence.is_sql(text) and not evidence.is_query(text)
        if evidence.is_assignment(text):
            return self.is_shell and (evidence.assigns_for_a_shell(text) or not self.after_command)
        if evidence.is_known_command(text):
            return not (self.after_command and not self.is_shell and evidence.is_printed(text))
        if not self.is_shell or evidence.is_query(text) or evidence.is_sql(text):
            return False
        return evidence.may_be_command(text) and not (self.after_command and _is_bare(text))

    def _query(self, number: int) -> int:
        end = number
        while end < len(self.lines) and self.lines[end].strip() and end not in self.prompted:
            end += 1
        self.found.queries += _queries(self.lines[number:end])
        return end


def _is_bare(text: str) -> bool:
    """Returns whether a text behind a command looks rather like its output: no flag, path, quote or variable in it."""
    return not re.search(r"(?:^|\s)--?\w|[/$\"'|]|\s<", text)


def _queries(lines: Sequence[str]) -> list[str]:
    """Returns one query for each group of lines between blank lines and comments, joined by single spaces."""
    found: list[str] = []
    parts: list[str] = []
    for line in [*lines, ""]:
        if line.strip() and not line.lstrip().startswith("#"):
            parts.append(line.strip())
        elif parts:
            found.append(" ".join(parts))
            parts = []
    return found

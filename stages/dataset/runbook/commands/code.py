"""A block of code as the commands and queries in it; what programs printed, configuration and SQL are neither."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.dataset.runbook.blocks import MAX_LINE, Code
from stages.dataset.runbook.commands import evidence
from stages.dataset.runbook.commands.shell import Logical, here_documents, logical_line, without_comment
from stages.dataset.runbook.commands.variables import Above

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
    r"^\s*(?:\([\w.-]+\)\s*)?"
    r"(?:\[?[\w.-]+@[\w.:~/ -]+?\]?\s*[$#%]|[\w.-]+:[~/][\w./~-]*[$#]|/[\w./-]*\s\$|(?:/|~[\w./-]*)\s[$#]"
    r"|(?:ba|z|k)?sh-[\d.]+[$#]|\$|❯|➜|λ|%|PS(?: [A-Z]:[^>]*)?>|[A-Z]:\\[^>]*>|root#)\s+(?:\$\s+)?(?=\S)"
    r"|^\s*(?:ba)?sh-[\d.]+[$#]\s*(?=\S)|^\s*(?:PS )?[A-Z]:\\[^>\s]*>(?=[a-z])"
    r"|^\s*(?:\[[\w.-]+@[\w.-]+ [^\]\s]+\])?[$#](?=(?:kubectl|oc|sudo|docker|aws|curl|cat|ls|cd|git|systemctl|helm)\b)"
)
_MARKS = (re.compile(r"^\s*#\s+(?=\S)"), re.compile(r"^\s*>\s+(?=\S)"))  # that are prompts at times
_SPEAKING = {"echo", "printf", "logger", "wall"}
MAX_RESUMED = 20  # times that a block is read on behind the paragraph of a command that misses its end
MAX_REREAD = 50  # lines that are looked at again, one by one, where what they make up is no command


@dataclass(frozen=True)
class Whole:
    """A command that is read whole, and its line of the file.

    assigned: what the lines above it in its block set of its variables, as lines of a shell.
    """

    text: str
    line: int
    assigned: str = ""


@dataclass(frozen=True)
class Cut:
    """The line of the file with which a command begins that cannot be read whole, and why."""

    text: str
    line: int
    reason: str


@dataclass
class Found:
    """What a block holds: commands, those that cannot be read whole, and queries."""

    commands: list[Whole] = field(default_factory=list)
    unread: list[Cut] = field(default_factory=list)
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
    bodies = here_documents(lines, _begins_anywhere)
    prompt = _prompt_of([line for number, line in enumerate(lines) if number not in bodies])
    prompted = {number for number, line in enumerate(lines) if number not in bodies and prompt.match(line)}
    lines = [prompt.sub("", line, count=1) if number in prompted else line for number, line in enumerate(lines)]
    return _Reader(lines, prompted, code.line, language in SHELLS).read()


def _begins_anywhere(line: str) -> bool:
    """Returns whether a line, which a prompt may begin, begins a command."""
    bare = _PROMPT.sub("", line, count=1)
    bare = next((mark.sub("", bare, count=1) for mark in _MARKS if mark.match(bare)), bare)
    return (
        bare != line or evidence.is_known_command(bare) or evidence.begins_compound(bare) or evidence.has_options(bare)
    )


def _command_above_data(lines: Sequence[str], first: int) -> Found:
    """Returns the command with which a block of YAML and its like begins, such as `kubectl edit` above what to edit."""
    number = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if number is None or not evidence.is_known_command(lines[number]) or evidence.is_printed(lines[number]):
        return Found()
    logical = logical_line(lines, number)
    if problem := _problem(logical, lines):
        return Found(unread=[Cut(lines[number].strip(), first + number, problem)])
    return Found([Whole(logical.text, first + number)]) if _has_arguments(logical.text) else Found()


def _problem(logical: Logical, lines: Sequence[str]) -> str:
    """Returns why a logical line cannot be read whole, in words; '' where it can."""
    if any(len(line) >= MAX_LINE for line in lines[logical.number : logical.behind]):
        return f"a line of it has {MAX_LINE} characters or more"
    return logical.problem


def _prompt_of(lines: Sequence[str]) -> re.Pattern[str]:
    """Returns what matches the prompts of a block."""
    return next((mark for mark in _MARKS if _is_prompt(mark, lines)), _PROMPT)


def _is_prompt(mark: re.Pattern[str], lines: Sequence[str]) -> bool:
    """Returns whether `# ` or `> ` is a prompt here: it stands before commands alone, and none stands without it."""
    marked = [mark.sub("", line) for line in lines if mark.match(line)]
    others = [line for line in lines if line.strip() and not line.lstrip().startswith("#") and not mark.match(line)]
    is_angle = mark is _MARKS[1]
    return (
        bool(marked)
        and all(evidence.is_known_command(text) and _has_arguments(text) for text in marked)
        and not any(evidence.is_known_command(line) or _PROMPT.match(line) for line in others)
        and (is_angle or bool(others) or len(marked) > 1)
    )


def _has_arguments(text: str) -> bool:
    words = evidence.words_of(text)
    return (len(words) > 1 and bool(re.search(r"[-/$<=_.|\d]", text))) or text in evidence.ALONE


class _Reader:
    """Walks the lines of a block once; `after_command` says whether the line before belonged to a command."""

    def __init__(self, lines: Sequence[str], prompted: set[int], first: int, is_shell: bool) -> None:
        self.lines = lines
        self.prompted = prompted
        self.first = first
        self.is_shell = is_shell
        self.after_command = False
        self.resumed = 0
        self.above = Above()
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
        if self._begins(line, is_prompted):
            return self._command(number, line)
        if evidence.is_query(line) and not is_prompted:
            return self._query(number)
        if evidence.is_assignment(line) and not self.after_command:
            self.above.see(line)  # in a block of no language it is no command, and sets the variable all the same
        return number + 1

    def _command(self, number: int, line: str) -> int:
        """Reads what begins like a command, and returns the number of the line behind it."""
        logical = logical_line(self.lines, number, self.prompted, self.is_shell)
        if problem := _problem(logical, self.lines):
            if logical.prompted or not _is_prose(line, logical):
                self.found.unread.append(Cut(line.strip(), self.first + number, problem))
            self.resumed += 1
            return logical.resumes if logical.resumes and self.resumed < MAX_RESUMED else logical.behind
        if not self._is_command(logical.text, logical.prompted):
            return logical.behind if logical.behind - number > MAX_REREAD else number + 1
        self.found.commands.append(Whole(logical.text, self.first + number, self.above.needed_by(logical.text)))
        self.above.see(logical.text)
        self.after_command = True
        return logical.behind

    def _begins(self, line: str, is_prompted: bool) -> bool:
        """Returns whether a command may begin at a line; it need not end there."""
        text = without_comment(line)
        if self._is_command(text, is_prompted):
            return True
        return evidence.begins_compound(text) or (self.is_shell and evidence.begins_assignment(text))

    def _is_command(self, text: str, is_prompted: bool) -> bool:
        if not text or text.startswith("#"):
            return False
        if is_prompted:
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


def _is_prose(line: str, logical: Logical) -> bool:
    """Returns whether a line in which something opens is a sentence, or no shell's, whatever its first word is."""
    name = evidence.program_of(line)
    if line.rstrip().endswith(":"):
        return True
    if not logical.is_mistake or name in _SPEAKING or name in evidence.NAMES:
        return False
    is_word = name not in evidence.PROGRAMS or name in evidence.ENGLISH
    return is_word and _is_bare(re.sub(r"\w['\"]", "", line))


def _is_bare(text: str) -> bool:
    """Returns whether a text behind a command looks rather like its output: no flag, path, quote or variable in it."""
    return not re.search(r"(?:^|\s)--?\w|[/$\"'|]|\s<", text[: evidence.MAX_TEXT])


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

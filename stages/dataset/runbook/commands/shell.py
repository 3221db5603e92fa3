"""Lines of a shell as logical commands: what a person would paste and run as one, whole or not at all.

Quotes, here-documents, loops, brackets and continuations are followed as a shell follows them
(POSIX.1-2017, Shell Command Language, 2.2 to 2.10), as far as it takes to know where a command ends.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from stages.dataset.runbook.commands.wrapped import Wrap

MAX_LINES = 10_000  # of one command
MAX_WRAPPED = 2_000  # characters of a command, beyond which only a flag or an operator goes on with it
_OPENERS = {"for": "done", "while": "done", "until": "done", "select": "done", "if": "fi", "case": "esac"}
# PowerShell and others write `if (…) {`, and SQL has words of the same spelling.
_OPENS = re.compile(
    r"for\s+(?:\w+\s*(?:;|$|\s+in\b|\s+do\b)|\(\()|select\s+\w+\s*(?:;|$|\s+in\b)|case\s+(?:\S+\s*$|.*\sin\b)"
    r"|(?:while|until|if)\b(?!\s+\((?!\()(?!.*(?:;\s*(?:then|do)\b)))"
)
_FUNCTION = re.compile(r"\s*function\s+[\w-]+\s*$")
_ENDS_IN_TEXT = re.compile(r"[^\s{\[(,;:|&\\]\s*$")
_BEHIND_WORD = re.compile(r"[,;.:)\]}]|\s|$")
_CONTINUED_PROMPT = re.compile(r"^> ?")
_BACKTICKS_AT_END = re.compile(r"`+\s*$")
_CLOSERS = {"done", "fi", "esac"}
_SEPARATORS = ";&|("
_BEFORE_COMMAND = {"do", "then", "else", "elif", "{", "!", "time"}
_WORD = re.compile(r"[^\s;&|()<>\"'`\\#]+")
_HEREDOC = re.compile(
    r"<<(?P<dash>-?)[ \t]*(?:'(?P<single>[^'\n]+)'|\"(?P<double>[^\"\n]+)\"|\\?(?P<bare>[A-Za-z_!][^\s;&|<>()'\"`]*))"
)
_DOUBLE_ANGLE = re.compile(r"<<[A-Za-z][\w. -]*>>")
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w. -]*(?:['’]s [\w. -]*)?>")
_CONTINUED = re.compile(r"\\{1,2}[ \t]*(?:[ \t]#.*)?$")
_APOSTROPHE = re.compile(r"(?<=\w)'(?:s|t|re|ve|ll|d|m)\b")
_OTHER_SHELLS = re.compile(r"(?<=\S)[ \t]+[`^][ \t]*$")  # how PowerShell and cmd continue a line
_COMMENT_BEHIND = " \t\n;(|&"


class _Open(NamedTuple):
    """Something open: what closes it, and what it is in words."""

    closer: str
    words: str
    is_mistake: bool = False
    """It cannot go beyond its line."""
    has_text: bool = False
    """Text follows it on its line: what closes it may have been forgotten there."""


@dataclass(frozen=True)
class Logical:
    """A logical line and the number of the physical one on which it begins, counted from 0."""

    text: str
    number: int
    prompted: bool
    behind: int
    """The number of the line behind it, or behind all that it may have meant to hold."""
    problem: str = ""
    """Why it cannot be read whole, in words; '' where it can."""
    is_mistake: bool = False
    """What is open cannot be meant to go beyond its line: an apostrophe, a bracket in a sentence."""
    resumes: int = 0
    """The number of the line behind which another may begin, where this one only misses its end; 0: none may."""


def logical_line(
    lines: Sequence[str], number: int, prompted: Set[int] = frozenset(), is_shell: bool = False
) -> Logical:
    """Returns the logical line that begins at lines[number].

    prompted: the lines from which a prompt is cut; each begins another command, unless it stands in a here-document.
    is_shell: the block says that it is a shell's, so that programs that nobody here knows may wrap their lines, too.
    """
    scanner, wrap = Scanner(), Wrap(lines[number], is_shell)
    scanner.feed(lines[number])
    behind, blank = number + 1, 0
    while behind < len(lines) and not scanner.is_broken and (scanner.in_body or behind not in prompted):
        line = _CONTINUED_PROMPT.sub("", lines[behind]) if number in prompted else lines[behind]
        is_due = scanner.is_open or scanner.is_continued or scanner.ends_with_operator
        if not is_due and not wrap.takes(line, scanner.text if scanner.length < MAX_WRAPPED else ""):
            break
        behind += 1
        blank = blank or (behind if not line.strip() else 0)
        if line.strip() or not scanner.ends_with_operator:
            scanner.feed(line)
        if not line.strip() and not scanner.is_open and not scanner.ends_with_operator:
            break
    problem = scanner.problem or (f"it has more than {MAX_LINES} lines" if behind - number > MAX_LINES else "")
    resumes = blank if problem and scanner.misses_its_end else 0
    return Logical(
        "" if problem else scanner.text, number, number in prompted, behind, problem, scanner.is_broken, resumes
    )


def here_documents(lines: Sequence[str], begins: Callable[[str], bool]) -> set[int]:
    """Returns the numbers of the lines in here-documents of lines with which, as `begins` says, a command begins."""
    found: set[int] = set()
    number = 0
    while number < len(lines):
        line, scanner = lines[number], Scanner()
        number += 1
        if "<<" not in line or not begins(line):
            continue
        scanner.feed(line)
        while scanner.in_body and number < len(lines):
            found.add(number)
            scanner.feed(_CONTINUED_PROMPT.sub("", lines[number]))
            number += 1
    return found


class Scanner:
    """Walks lines once, each as it is fed. `stack` holds what closes each open bracket, loop or quote."""

    def __init__(self) -> None:
        self.line = ""
        self.place = 0
        self.out: list[str] = []
        self.stack: list[_Open] = []
        self.heredocs: deque[str] = deque()
        self.in_body = False
        self.has_body = False
        self.length = 0
        self.at_command = True
        self.is_continued = False
        """Its last line ends with a backslash, or its like: the next one is joined by a blank."""
        self.ends_with_operator = False
        self.is_broken = False
        """Nothing that follows can close what is open."""

    @property
    def is_open(self) -> bool:
        """Whether something is open that a later line closes."""
        return bool(self.stack or self.heredocs)

    @property
    def text(self) -> str:
        """What was fed, without comments and continuations."""
        return "".join(self.out).strip()

    @property
    def problem(self) -> str:
        """What is still open, in words."""
        if self.heredocs:
            return f"its here-document never ends with {self.heredocs[0]}"
        if self.stack:
            return self.stack[-1].words
        return "it ends with an operator, and nothing follows" if self.ends_with_operator else ""

    @property
    def misses_its_end(self) -> bool:
        """Whether what is open stands before text on its line, and may have been meant to end there."""
        return not self.heredocs and bool(self.stack) and all(each.has_text for each in self.stack)

    def feed(self, line: str) -> None:
        """Goes on by one line."""
        self.length += len(line)
        if self.in_body:
            self._body(line)
            return
        if self.is_continued and line.lstrip().startswith("#") and not self._quote:
            return  # a comment between continuations
        self.line, self.place = self._joined(line), 0
        self.is_continued = False
        while self.place < len(self.line):
            self._step()
        if not self.is_open:
            self._trim()
        self.ends_with_operator = self._operator()
        self.in_body = bool(self.heredocs) and not self.is_continued and not self._quote
        self.is_broken = bool(self.stack) and all(each.is_mistake for each in self.stack)

    def _joined(self, line: str) -> str:
        """Returns what is to be walked of a line, and puts what joins it to the lines before it."""
        if not self.out:
            return line
        if not self.is_continued and (self.stack or self.has_body):
            self.out.append("\n")
            self.at_command = True
            return line
        is_one_word = self.is_continued and self.out[-1].endswith((",", "=", ":", "/")) and not line[:1].isspace()
        if not is_one_word and not self.out[-1].endswith((" ", "\n")):
            self.out.append(" ")
        return line.lstrip(" \t") if self._quote else line.strip()

    @property
    def _quote(self) -> str:
        """The quote that is open, '' where none is."""
        return self.stack[-1].closer if self.stack and self.stack[-1].closer in "'\"" else ""

    def _body(self, line: str) -> None:
        self.has_body = True
        self.out.append(f"\n{line}")
        if line.strip() == self.heredocs[0]:
            self.heredocs.popleft()
        self.in_body = bool(self.heredocs)

    def _operator(self) -> bool:
        return not self.stack and (self.out[-1:] == ["|"] or self.out[-2:] == ["&", "&"])

    def _step(self) -> None:
        character = self.line[self.place]
        if self._quote:
            self._quoted(character)
        elif character == "\\":
            self._backslash()
        elif (
            character in "'\"" and self.out[-1:] and self.out[-1][-1] == "@" and not self.line[self.place + 1 :].strip()
        ):
            self.heredocs.append(f"{character}@")  # PowerShell's
            self._take(1)
        elif character in "'\"":
            is_mistake = bool(_APOSTROPHE.match(self.line, self.place)) or self._is_stray()
            self._push(_Open(character, f"the quote {character} is never closed", is_mistake, self._has_text()))
        elif character in "`^" and _OTHER_SHELLS.match(self.line, self.place - 1) and "`" not in self._closers:
            self._continue()
        elif character == "`":
            self._backtick()
        elif character == "#" and (not self.out or self.out[-1][-1] in _COMMENT_BEHIND):
            self._comment()
        elif character == "<":
            self._angle()
        elif character in "()":
            self._bracket(character)
        elif word := _WORD.match(self.line, self.place):
            self._word(word[0])
        else:
            self.at_command = self.at_command or character in _SEPARATORS
            self._take(1)

    @property
    def _closers(self) -> list[str]:
        return [each.closer for each in self.stack]

    def _take(self, count: int) -> None:
        self.out.append(self.line[self.place : self.place + count])
        self.place += count

    def _push(self, opened: _Open) -> None:
        self._take(1)
        self.stack.append(opened)
        self.at_command = opened.closer in ")`"

    def _has_text(self) -> bool:
        return bool(_ENDS_IN_TEXT.search(self.line, max(self.place + 1, len(self.line) - 200)))

    def _is_stray(self) -> bool:
        """Returns whether a quote stands behind a word as only one that closes does."""
        if not self.line[: self.place][-1:].isalnum() or not _BEHIND_WORD.match(self.line, self.place + 1):
            return False
        word = self.line[max(0, self.place - 200) : self.place].split()[-1]
        return not word.startswith("-") and "=" not in word

    def _quoted(self, character: str) -> None:
        if character == "\\" and self.place == len(self.line) - 1:
            # Not what a shell does inside single quotes, but what the author of such a line means.
            self._continue(trimmed=False)
        elif character == "\\" and self._quote == '"':
            self._take(2)
        elif character == self._quote:
            self.stack.pop()
            self._take(1)
        else:
            end = self.place + 1
            while end < len(self.line) and self.line[end] not in "\\'\"":
                end += 1
            self._take(end - self.place)

    def _backslash(self) -> None:
        if _CONTINUED.match(self.line, self.place):
            self._continue()
            return
        self.at_command = False
        self._take(2)

    def _continue(self, trimmed: bool = True) -> None:
        self.place = len(self.line)
        self.is_continued = True
        if trimmed:
            self._trim()

    def _trim(self) -> None:
        while self.out and not self.out[-1].strip(" \t"):
            self.out.pop()
        if self.out:
            self.out[-1] = self.out[-1].rstrip(" \t")

    def _backtick(self) -> None:
        if self.stack and self.stack[-1].closer == "`":
            self.stack.pop()
            self._take(1)
        elif _BACKTICKS_AT_END.match(self.line, self.place) and self.out and self.out[-1][-1] not in " \t=(":
            self.place = len(self.line)  # Markdown's, from around the line
        else:
            self._push(_Open("`", "the ` is never closed", has_text=self._has_text()))

    def _comment(self) -> None:
        if self.is_open:
            self._take(len(self.line) - self.place)
            return
        self.is_continued = self.line.rstrip().endswith("\\")
        self.place = len(self.line)

    def _angle(self) -> None:
        """A placeholder, a here-document, a here-string, or a redirection."""
        if found := _PLACEHOLDER.match(self.line, self.place) or _DOUBLE_ANGLE.match(self.line, self.place):
            self._take(len(found[0]))
            self.at_command = False
        elif self.line.startswith("<<<", self.place):
            self._take(3)
        elif (found := _HEREDOC.match(self.line, self.place)) and "))" not in self.line[self.place :]:
            self.heredocs.append(found["single"] or found["double"] or found["bare"])
            self._take(len(found[0]))
        else:
            self._take(1)

    def _bracket(self, character: str) -> None:
        if character == ")":
            if self.stack and self.stack[-1].closer == ")":
                self.stack.pop()
            self._take(1)
            return
        before = self.out[-1][-1:] if self.out else ""
        is_argument = not self.at_command and before in (" ", "\t")
        shown = f"{before}(" if before in ("$", "<", ">") else "("
        self._push(_Open(")", f"the bracket {shown} is never closed", is_argument, self._has_text()))

    def _begins_block(self) -> bool:
        before = self.line[: self.place].rstrip() if len(self.line) < MAX_WRAPPED else ""
        return self.at_command or before.endswith(")") or bool(_FUNCTION.match(before))

    def _word(self, word: str) -> None:
        top = self.stack[-1].closer if self.stack else ""
        if self.at_command and word in _OPENERS and _OPENS.match(self.line, self.place):
            self.stack.append(_Open(_OPENERS[word], f"{word} has no {_OPENERS[word]}"))
        elif self.at_command and word in _CLOSERS and top == word:
            self.stack.pop()
        elif word == "{" and self._begins_block():
            self.stack.append(_Open("}", "the bracket { is never closed"))
        elif word == "}" and top == "}":
            self.stack.pop()
        self.at_command = word in _BEFORE_COMMAND
        self._take(len(word))


def without_comment(line: str) -> str:
    """Returns a line without the comment and the backslash at its end."""
    if "#" not in line and not line.rstrip().endswith("\\"):
        return line.strip()
    scanner = Scanner()
    scanner.feed(line)
    return scanner.text


def problem_of(text: str) -> str:
    """Returns why a text cannot be read as whole commands, in words; '' where it can."""
    scanner = Scanner()
    for line in text.split("\n"):
        scanner.feed(line)
    return scanner.problem


def simple_commands(text: str) -> Iterator[str]:
    """Yields the simple commands of a pipeline or list, those in `$(…)` and behind `do` included, roughly."""
    for part in re.split(r"\|\|?|&&|;|\n|\$\(|[`(){}]", text):
        if part.strip():
            yield part.strip()

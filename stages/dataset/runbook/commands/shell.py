"""Lines of a shell as logical commands: what a person would paste and run as one.

Quotes, here-documents, loops, brackets and continuations are followed as a shell follows them
(POSIX.1-2017, Shell Command Language, 2.2 to 2.10), as far as it takes to know where a command ends.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_LINES = 80  # of one command; what is still open then was never a shell's
_OPENERS = {"for": "done", "while": "done", "until": "done", "select": "done", "if": "fi", "case": "esac"}
_CLOSERS = {"done", "fi", "esac"}
_SEPARATORS = ";&|\n("
_BEFORE_COMMAND = {"do", "then", "else", "elif", "{", "!", "time"}
_WORD = re.compile(r"[^\s;&|()<>\"'`\\#]+")
_HEREDOC = re.compile(r"<<(?P<dash>-?)[ \t]*(?P<quote>['\"\\]?)(?P<word>\w+)(?P=quote)?")
_CONTINUATION = re.compile(r"\\\n[ \t]*")
_FLAG = re.compile(r"[ \t]+--?[A-Za-z]")


@dataclass
class _Scan:
    """Where a text stands at its end: what is open, and the text without its comments."""

    text: str
    is_open: bool
    needs_next: bool
    """It ends with a backslash or an operator: the next line belongs to it and is joined by a space."""
    is_verbatim: bool
    """Its lines stay lines: a here-document, a loop, a quoted text."""


@dataclass(frozen=True)
class Logical:
    """A logical line and the number of the physical one on which it begins, counted from 0."""

    text: str
    number: int
    prompted: bool
    behind: int
    """The number of the line behind it."""


def logical_line(lines: Sequence[str], number: int, prompted: bool) -> Logical:
    """Returns the logical line that begins at lines[number], from which its prompt is cut.

    What is never closed ends with its first line.
    """
    first = lines[number]
    scan = scan_shell(first)
    text, behind = scan.text, number + 1
    while (scan.is_open or scan.needs_next or _continues(lines, behind, text)) and behind < len(lines):
        if behind - number >= MAX_LINES:
            return Logical(_first_alone(first), number, prompted, number + 1)
        line = lines[behind]
        if prompted:
            line = re.sub(r"^> ?", "", line)
        behind += 1
        if scan.is_open:
            text = f"{text}\n{line}"
        elif line.strip().startswith("#"):
            if line.rstrip().endswith("\\") or scan.needs_next:
                continue
        else:
            text = f"{text} {line.strip()}"
        scan = scan_shell(text)
        text = scan.text
        if not line.strip() and not scan.is_open:
            break
    if scan.is_open:
        return Logical(_first_alone(first), number, prompted, number + 1)
    return Logical(_tidy(text), number, prompted, behind)


def _continues(lines: Sequence[str], behind: int, text: str) -> bool:
    """Returns whether the next line begins with an operator, or with a flag behind some blanks."""
    if behind >= len(lines) or not text.strip() or "\n" in text:
        return False
    line = lines[behind]
    return line.lstrip().startswith(("| ", "&& ", "|| ")) or bool(_FLAG.match(line))


def _first_alone(line: str) -> str:
    return _tidy(line.rstrip().removesuffix("\\"))


def _tidy(text: str) -> str:
    return text.strip().removesuffix("\\").rstrip()


def scan_shell(text: str) -> _Scan:
    """Returns what is open at the end of a text, and the text without comments."""
    return _Scanner(text).scan()


class _Scanner:
    """Walks a text once. `stack` holds what closes each open bracket, loop or quote."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.out: list[str] = []
        self.stack: list[str] = []
        self.heredocs: list[tuple[str, bool]] = []
        self.at_command = True
        self.verbatim = False
        self.needs_next = False

    def scan(self) -> _Scan:
        while self.place < len(self.text):
            self._step()
        is_open = bool(self.stack or self.heredocs)
        kept = "".join(self.out)
        kept = kept if is_open or self.verbatim else kept.rstrip()
        operator = kept.rstrip().endswith(("|", "&&", "||")) and not is_open
        return _Scan(kept, is_open, self.needs_next or operator, self.verbatim)

    def _step(self) -> None:
        character = self.text[self.place]
        if self.stack and self.stack[-1] in "'\"":
            self._quoted(character)
        elif character == "\\":
            self._backslash()
        elif character in "'\"":
            self._take(1)
            self.stack.append(character)
            self.at_command = False
        elif character == "`":
            self._backtick()
        elif character == "#" and (not self.out or self.out[-1][-1] in " \t\n;(|&"):
            self._comment()
        elif character == "\n":
            self._newline()
        elif heredoc := _HEREDOC.match(self.text, self.place) if character == "<" else None:
            is_string = self.text.startswith("<<<", self.place)
            self._take(3 if is_string else len(heredoc[0]))
            if not is_string:
                self.heredocs.append((heredoc["word"], bool(heredoc["dash"])))
        elif character == "(":
            self._take(1)
            self.stack.append(")")
            self.at_command = True
        elif character == ")":
            if self.stack and self.stack[-1] == ")":
                self.stack.pop()
            self._take(1)
        elif word := _WORD.match(self.text, self.place):
            self._word(word[0])
        else:
            self.at_command = self.at_command or character in _SEPARATORS
            self._take(1)

    def _take(self, count: int) -> None:
        self.out.append(self.text[self.place : self.place + count])
        self.place += count

    def _quoted(self, character: str) -> None:
        quote = self.stack[-1]
        if character == "\\" and (found := _CONTINUATION.match(self.text, self.place)):
            # Not what a shell does inside single quotes, but what the author of such a line means.
            self.place = found.end()
            self.out.append(" " if self.out and not self.out[-1].endswith((" ", "\n")) else "")
            return
        if character == "\\" and quote == '"':
            self._take(2)
            return
        if character == quote:
            self.stack.pop()
        elif character == "\n":
            self.verbatim = True
        self._take(1)

    def _backslash(self) -> None:
        behind = re.compile(r"\\[ \t]*(?:[ \t]#[^\n]*)?(?:\n|$)").match(self.text, self.place)
        if behind and behind.end() == len(self.text):
            self.place = behind.end()
            self.needs_next = True
            while self.out and not self.out[-1].strip(" \t"):
                self.out.pop()
            if self.out:
                self.out[-1] = self.out[-1].rstrip(" \t")
            return
        self.at_command = False
        self._take(2)

    def _backtick(self) -> None:
        if self.stack and self.stack[-1] == "`":
            self.stack.pop()
        else:
            self.stack.append("`")
        self.at_command = True
        self._take(1)

    def _comment(self) -> None:
        end = self.text.find("\n", self.place)
        end = len(self.text) if end < 0 else end
        comment = self.text[self.place : end]
        if self.stack or self.heredocs:
            self._take(end - self.place)
            return
        self.needs_next = self.needs_next or comment.rstrip().endswith("\\")
        self.place = end

    def _newline(self) -> None:
        self._take(1)
        self.verbatim = True
        self.at_command = True
        while self.heredocs:
            word, dash = self.heredocs[0]
            closed = False
            while self.place < len(self.text) and not closed:
                end = self.text.find("\n", self.place)
                end = len(self.text) if end < 0 else end
                line = self.text[self.place : end]
                closed = (line.lstrip() if dash else line).rstrip() == word or line.strip() == word
                self._take(min(end + 1, len(self.text)) - self.place)
            if not closed:
                return
            self.heredocs.pop(0)

    def _word(self, word: str) -> None:
        if self.at_command and word in _OPENERS:
            self.stack.append(_OPENERS[word])
        elif self.at_command and word in _CLOSERS and self.stack and self.stack[-1] == word:
            self.stack.pop()
        elif self.at_command and word == "{":
            self.stack.append("}")
        elif word == "}" and self.stack and self.stack[-1] == "}":
            self.stack.pop()
        self.at_command = word in _BEFORE_COMMAND or (self.at_command and word in {"do", "then"})
        self._take(len(word))


def simple_commands(text: str) -> Iterator[str]:
    """Yields the simple commands of a pipeline or list, those in `$(…)` and behind `do` included, roughly."""
    for part in re.split(r"\|\|?|&&|;|\n|\$\(|[`(){}]", text):
        if part.strip():
            yield part.strip()

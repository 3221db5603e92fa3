"""Whether a runbook means a command: what it forbids, or leaves in doubt, teaches nothing.

The words that decide stand around the command: in its sentence before and behind it, in the line that leads to its
block or list, in its heading, in the head of its table's column, in a comment of its block, or it is struck through. A
negation counts where it is said of doing something (`do not run`, `must never be`), not where it tells how things are
(`if it does not recover`), and only as far as its clause goes. The words themselves are in standing.toml.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

Kind = Literal["meant", "forbidden", "doubtful"]
MARK = "\ue000"  # stands for inline code in a sentence, so that nothing in the code is read as words


@dataclass(frozen=True)
class Standing:
    """What is to be thought of a command. words: those that decided; line: where they stand. A meant one has none."""

    kind: Kind = "meant"
    words: str = ""
    line: int = 0

    def __bool__(self) -> bool:
        """Returns whether anything speaks against the command."""
        return self.kind != "meant"

    def at(self, line: int) -> "Standing":
        """Returns the same, decided at a line of the file."""
        return replace(self, line=line) if self.words else self


MEANT = Standing()
REACH = 600  # characters around a command, and no more than LINES above it, in which words about it are looked for
LINES = 40
_FILE = tomllib.loads(Path(__file__).with_name("standing.toml").read_text("utf-8"))
_PARTS: dict[str, list[str]] = _FILE["parts"]


def _words(name: str) -> str:
    """Returns the expression for any of a list's entries, with the lists that they name put in."""

    def filled(entry: str) -> str:
        return re.sub(r"\{([a-z]+)\}", lambda found: f"(?:{'|'.join(map(filled, _PARTS[found[1]]))})", entry)

    return f"(?:{'|'.join(map(filled, _PARTS.get(name) or _FILE['words'][name]))})"


def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


_CROSSES, _TICKS = "❌🚫⛔✗✘👎❎🛑", "✅✔👍☑🟢"
_CROSSED, _TICKED = re.compile(rf"^\W*?[{_CROSSES}]"), re.compile(rf"^\W*?[{_TICKS}]")
_BEGINS = (
    rf"(?:^|[.;:!?(—–\"“>\]-]\s*|,\s*|\b(?:please|and|but|so|then|also|absolutely|ever|to|otherwise)\s+|{MARK}\W*\s)"
)
_ORDER = _compiled(
    rf"{_BEGINS}(?P<words>{_words('order')}\b)\s*(?:ever|simply|just|blindly|again|directly|even|try to)?\s*"
)
_DUTY = _compiled(rf"\b{_words('duty')}\b")
_JUDGEMENTS = [_compiled(rf"\b{_words(name)}\b") for name in ("state", "warning", "effect", "others", "past")]
_INSTEAD = _compiled(rf"(?:\b|(?=,)){_words('instead')}\s+(?!only)(?:\w+\s+){{0,6}}\W{{0,2}}$")
_AGAINST = _compiled(rf"\b{_words('against')}\b")
_SPARED = _compiled(rf"\b{_words('spared')}\b")
_DOUBT = _compiled(rf"\b{_words('doubt')}\b")
_UNBLAMED = _compiled(rf"(?:-|\s*only\b|\s*{_words('unblamed')}\b)")
_DOING = _compiled(rf"\s*{_words('doing')}\b|[\s.!]*$")
_ANYTHING = re.compile("")
_CONDITION = _compiled(rf"\b{_words('condition')}\b")
_LABEL = _compiled(rf"^\W*{_words('label')}\s*(?:\([^)]*\)\s*)?(?:\W*[:：—–]|-\s|\W*$)")
_HEADING = _compiled(rf"^\W*{_words('heading')}(?!\w)|{_words('ending')}\W*$")
_ABOVE = _compiled(rf"^\W*{_words('above')}\b")
# What follows does not belong to the order before it: `do not run A, run B`.
_RUN = rf"(?:{_words('doing')}|take|type)\s*(?:it\s+(?:with|by)\s+)?(?:the\s+)?\W{{0,2}}{MARK}"
_TURN = _compiled(
    r";|(?<!nobody )(?<!no one )(?<!none )(?<!nothing )\bbut\b|\binstead\b(?!\s+of)"
    rf"|,\s*(?:(?:and|so|then|just|simply|rather|please|always)\s+)*{_RUN}"
    rf"|[:—–]\s*(?:(?:please|just|simply|rather)\s+)*{_RUN}|[:—–-]\s*(?:rather|better|instead)\b"
)
_TURN_BEHIND = _compiled(r";(?!\s*(?:it|this|that|they|which)\b)|,\s*(?:so|but|instead|then|and then|otherwise)\b")
_REFUSAL = _compiled(
    r"\W*(?:so |please )?(?:never|no|don['’]?t|do not|not (?:like )?this|stop|they shouldn['’]?t)"
    r"(?:[\s.!,;]*$|\s*[,;.:!].*$)"
)
_IT = _compiled(
    rf"\b(?:it|this|that)\s+(?:must|should|may|can)(?:{_words('not')})\b"
    rf"|{_words('order')}\s+{_words('doing')}\s+(?:it|this|that)\b"
)
_FOLLOWS = _compiled(r"\b(?:this|these|the following|below)\b")
_SENTENCE_END = re.compile(
    rf"(?<=[.!?。])[)\"”'*_]*\s+(?=[\"“(*_\w{MARK}{_CROSSES}{_TICKS}])|\n(?=\W*[{_CROSSES}{_TICKS}])"
)


def of_inline(text: str, at: int) -> Standing:
    """Returns the standing of the inline code whose MARK is at a place of a paragraph's text."""
    since = max(0, at - REACH)
    text, at = text[since : at + REACH], at - since
    start = max((end.end() for end in _SENTENCE_END.finditer(text, 0, at)), default=0)
    behind = _SENTENCE_END.search(text, at)
    own = _of_sentence(text[start:at], text[at + 1 : behind.start() if behind else len(text)])
    return own or of_following(text[behind.end() :] if behind else "")


def of_lead(text: str, command: str) -> Standing:
    """Returns the standing that a paragraph gives to the block or list right behind it.

    Its last sentence counts: where it leads on with a colon or speaks of what follows, as said of that, else only
    where what it forbids is what the command does.
    """
    found, last, is_sure = _of_last_sentence(text[-REACH:])
    return found if is_sure or (found and _stems(last) & _stems(command)) else MEANT


@lru_cache(maxsize=64)  # a block may hold thousands of commands
def _of_last_sentence(text: str) -> tuple[Standing, str, bool]:
    """Returns the standing by a paragraph's last sentence, the sentence, and whether it speaks of what comes behind."""
    before, last = ["", *_SENTENCE_END.split(text.strip().rstrip("*_ "))][-2:]
    leads = last.endswith((":", "：")) or last[-1:].isalnum()
    if leads and (found := of_label(last)):
        return found, last, True
    parts = [f"{part.rstrip(':：')} " for part in last.split(";")]
    parts = parts[-1:] if leads else [*parts, *([before] if _FOLLOWS.search(before) else [])]
    found = first([_of_sentence(part, "") for part in parts])
    speaks = bool(_FOLLOWS.search(last) or (_FOLLOWS.search(before) and not leads))
    return found, last, leads or speaks or len(last.split()) <= 2


def of_label(text: str) -> Standing:
    """Returns the standing that a heading, a bold label or the head of a table's column gives to what is below it."""
    text = text[:REACH]
    found = _CROSSED.match(text) or _HEADING.search(text) or _LABEL.match(text)
    return Standing("forbidden", _shown(found.group())) if found else MEANT


def of_cell(text: str) -> Standing:
    """Returns the standing that the head of a column, or another cell of the row, gives to the commands of a cell."""
    return of_label(text) or (Standing("forbidden", _shown(text[:40])) if _REFUSAL.match(text[:REACH]) else MEANT)


def of_comment(text: str) -> Standing:
    """Returns the standing that a comment of a block gives to the command below it or on its line."""
    text = text[:REACH]
    return of_label(text) or _of_sentence(f"{text.rstrip(':： ')} ", "") or of_following(text)


def of_place(lines: Sequence[str], number: int) -> Standing:
    """Returns the standing that comments give to the command in a line of a block: behind it, or nearest above it.

    Its `line` counts from 1 within the block. A comment speaks of what follows it, up to a blank line.
    """
    behind = re.search(r"\s#+\s*(?P<text>\D.*)$", lines[number][:REACH])
    if behind and (found := of_comment(behind["text"])):
        return found.at(number + 1)
    for above, line in _comments_above(lines, number):
        if found := of_comment(line.lstrip("# ")):
            return found.at(above + 1)
    return MEANT


def _comments_above(lines: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    """Yields the nearest comment above a line of a block, from its last line up, with the lines' numbers."""
    is_within = False
    for above in range(number - 1, max(-1, number - LINES), -1):
        line = lines[above].strip()
        if line.startswith("#"):
            is_within = True
            yield above, line
        elif is_within or not line:
            return


def of_following(text: str) -> Standing:
    """Returns the standing that a text gives to the command right before it: `This makes it worse.`"""
    for sentence in map(str.strip, _SENTENCE_END.split(text[:REACH])[:2]):
        if MARK in sentence or sentence.endswith(":"):
            return MEANT
        words = _refusing(sentence, leads=False) if _ABOVE.match(sentence) else _forbidding_it(sentence)
        if words and not _SPARED.search(sentence):
            return Standing("forbidden", _shown(words))
    return MEANT


def first(found: Sequence[Standing]) -> Standing:
    """Returns the first that forbids, else the first in doubt, else MEANT."""
    return next((each for kind in ("forbidden", "doubtful") for each in found if each.kind == kind), MEANT)


def _of_sentence(before: str, behind: str) -> Standing:
    """Returns the standing of what stands between two parts of one sentence."""
    if _TICKED.match(before):
        return MEANT
    if found := _CROSSED.match(before) or _LABEL.match(before) or _INSTEAD.search(before):
        return Standing("forbidden", _shown(found.group()))
    clause, clause_behind = _clause_before(before), _clause_behind(behind)
    words = _forbidding(clause) or _judging(clause, leads=True) or _refusing(clause_behind, leads=MARK in behind)
    if words:
        return Standing("forbidden", _shown(words))
    doubt = _DOUBT.search(before) or _DOUBT.search(clause_behind)
    return Standing("doubtful", _shown(doubt.group())) if doubt else MEANT


def _clause_before(before: str) -> str:
    """Returns what is said of a command before it, since the sentence turned last."""
    turns = [turn.start() for turn in _TURN.finditer(before + MARK)]
    return before[max(turns, default=0) :]


def _clause_behind(behind: str) -> str:
    """Returns what is said of a command behind it: until the next one, or until the sentence turns."""
    clause = behind.partition(MARK)[0]
    turn = _TURN_BEHIND.search(clause)
    return clause[: turn.start()] if turn else clause


def _forbidding(clause: str) -> str:
    """Returns the order, or the duty, not to do what a clause speaks of; '' where there is none."""
    return _ordering(clause, _ANYTHING) or _duty(clause)


def _ordering(clause: str, verbs: re.Pattern[str]) -> str:
    """Returns an order not to do one of the verbs; '' where there is none."""
    for found in _ORDER.finditer(clause):
        rest = clause[found.end() :]
        is_blamed = verbs.match(rest) and not _UNBLAMED.match(rest) and not _SPARED.search(rest)
        if is_blamed and not _is_condition(clause[: found.start("words")]):
            return found["words"]
    return ""


def _duty(clause: str) -> str:
    """Returns a duty not to, or advice against; '' where there is none."""
    duty = _DUTY.search(clause) or _AGAINST.search(clause)
    return duty.group() if duty and not _is_condition(clause[: duty.start()]) else ""


def _forbidding_it(sentence: str) -> str:
    """Returns the words of a sentence that forbid what it calls `it`; '' where there are none."""
    found = _IT.search(sentence)
    return found.group() if found and not _is_condition(sentence[: found.start()]) else ""


def _judging(clause: str, leads: bool = False) -> str:
    """Returns words that call what a clause speaks of bad, past, or others' business; '' where there are none.

    leads: whether the clause leads to a command, so that a colon sets apart what stands before it.
    """
    for pattern in _JUDGEMENTS:
        for found in pattern.finditer(clause):
            before = clause[: found.start()]
            # Behind another command, they are about that one.
            is_of_another = MARK in before or (leads and ":" in clause[found.end() :] and not _FOLLOWS.search(clause))
            if not is_of_another and not _is_condition(before):
                return found.group()
    return ""


def _refusing(clause: str, leads: bool) -> str:
    """Returns words behind a command that speak against it; '' where there are none.

    leads: whether the clause leads to another command, of which its orders speak.
    """
    if _REFUSAL.match(clause):
        return clause
    return ("" if leads else _ordering(clause, _DOING)) or _duty(clause) or _judging(clause)


def _is_condition(before: str) -> bool:
    """Returns whether words stand in a condition: `if it does not`, and nothing ends it before them."""
    found = [each for each in _CONDITION.finditer(before) if each.start() or each.group().lower() != "that"]
    return bool(found) and not re.search(r"[,;:—–]", before[found[-1].end() :])


def _stems(text: str) -> set[str]:
    """Returns how the longer words of a text begin."""
    return {word[:5].lower() for word in re.findall(r"[A-Za-z]{4,}", text)}


def _shown(words: str) -> str:
    return " ".join(words.replace(MARK, "…").split()).strip(" ,;:-—–")

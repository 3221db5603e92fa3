"""What is said of one way to clear an alert settles the others that stand beside it.

`Option A` may be judged by its name, long after its block. Of two leads of one shape, `What we did:` and `What we do
now:`, the one that is called the right one leaves the other in doubt.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from stages.dataset.runbook.places.patterns import patterns_of
from stages.dataset.runbook.places.sentences import is_told, of_inline
from stages.dataset.runbook.places.weighing import REACH, shown
from stages.dataset.runbook.standing import Standing
from stages.dataset.runbook.wording.lexicon import MARK
from stages.dataset.runbook.wording.passage import sentences_of

_PATTERNS = patterns_of("alternatives")
_NAME, _CHOSEN, _BYGONE, _ON_CONDITION, _SHAPE = (
    _PATTERNS[name] for name in ("name", "chosen", "bygone", "on_condition", "shape")
)
_NUMBERS = {"one": "1", "two": "2", "three": "3", "first": "1", "second": "2", "third": "3", "i": "1", "ii": "2"}


@dataclass
class _Led:
    """What leads to commands: its text, its line, and which commands of the alert these are."""

    text: str
    line: int
    commands: list[int] = field(default_factory=list)


class Alternatives:
    """The commands of an alert by what leads to them."""

    def __init__(self) -> None:
        self.named: dict[str, list[int]] = {}
        self.leads: list[_Led] = []

    def add(self, command: int, lead: str, line: int) -> None:
        """Adds a command by its place in the alert, with the line that leads to it."""
        sentences = sentences_of(lead[-REACH:]) or [""]
        if found := _NAME.match(sentences[-1]) or _NAME.match(sentences[0]):
            self.named.setdefault(_name(found), []).append(command)
        if not self.leads or self.leads[-1].line != line:
            self.leads.append(_Led(sentences[-1], line))
        self.leads[-1].commands.append(command)

    def told(self, text: str, line: int) -> Iterator[tuple[int, Standing]]:
        """Yields the commands of which a text speaks by the name of their way, and what it says of them."""
        if not self.named:
            return
        found = [each for each in _NAME.finditer(text[:REACH]) if _name(each) in self.named]
        chosen = set()
        for each in found:
            masked, at = _masked(text[:REACH], found, each)
            standing = of_inline(masked, at)
            if not standing and is_told(masked, at) and not _ON_CONDITION.search(_sentence_at(masked, at)):
                chosen.add(_name(each))
            if standing:
                yield from ((command, standing.at(line)) for command in self.named[_name(each)])
                self.named[_name(each)] = []
        if len(chosen) == 1:
            words = Standing("doubtful", "another one is chosen", line)
            for name in self.named.keys() - chosen:
                yield from ((command, words) for command in self.named[name])
                self.named[name] = []

    def names(self, text: str) -> bool:
        """Returns whether a text calls a way by its name."""
        return bool(self.named) and any(_name(each) in self.named for each in _NAME.finditer(text[:REACH]))

    def leave(self) -> Iterator[tuple[int, Standing]]:
        """Yields the commands of the section that ends here which another one replaces, and why."""
        for number, led in enumerate(self.leads):
            beside = [*self.leads[max(0, number - 1) : number], *self.leads[number + 1 : number + 2]]
            if chosen := next((each for each in beside if _settles(each.text, led.text)), None):
                said = Standing("doubtful", shown(chosen.text[:80]), chosen.line)
                yield from ((command, said) for command in led.commands)
        self.leads = []


def _settles(chosen: str, other: str) -> bool:
    """Returns whether a lead calls its way the right one, and so leaves another of its kind in doubt."""
    if not _CHOSEN.search(chosen) or _CHOSEN.search(other):
        return False
    if _ON_CONDITION.search(chosen) or _ON_CONDITION.search(other):
        return False
    shapes = [found.group().lower() if (found := _SHAPE.match(text)) else "" for text in (chosen, other)]
    return bool(_BYGONE.search(other)) or (bool(shapes[0]) and shapes[0] == shapes[1])


def _name(found: re.Match[str]) -> str:
    number = found["number"].lower()
    return f"{found['kind'].lower()} {_NUMBERS.get(number, number)}"


def _masked(text: str, names: Sequence[re.Match[str]], own: re.Match[str]) -> tuple[str, int]:
    """Returns a text with MARK for each name of a way, and where that for its own stands."""
    parts, end, at = [], 0, 0
    for name in names:
        parts += [text[end : name.start()], MARK]
        at = sum(map(len, parts)) - 1 if name is own else at
        end = name.end()
    return "".join([*parts, text[end:]]), at


def _sentence_at(text: str, at: int) -> str:
    begin = max(text.rfind(sign, 0, at) for sign in ".!?") + 1
    return text[begin : at + 80].split(".")[0]

"""A clause as it is read for what it says of the command in it, and the verdicts that this may come to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause
from stages.dataset.runbook.wording.lexicon import MARK, TARGET, Span, spans_of

FORBIDS, HARMS, DOUBTS, RISKS, UNCLEAR = "forbids", "harms", "doubts", "risks", "unclear"
TOUCHES, HINTS, LIFTS, MEANS, ORDERS = "touches", "hints", "lifts", "means", "orders"
FORBADE, SUGGESTS = "forbade", "suggests"
_ADVERBIAL = 3  # words of a phrase of time or place: `in the meantime`
_REACH = 7  # words between a negation and what it turns round
_TURNED = {
    "spare",
    "shun",
    "bad",
    "risk",
    "good",
    "harm",
    "gone",
    "run",
    "act",
    "restricted",
    "doubt",
    "reserve",
    "proof",
    "need",
}
DENIED = {"shun", "bad", "risk", "harm", "gone", "restricted", "doubt", "elsewhere", "reserve"}


@dataclass(frozen=True)
class Remark:
    """A verdict above, and where in the text the words stand that say it."""

    verdict: str
    start: int
    end: int


@dataclass
class Remarks:
    """What a clause says of its command; orders: whether it tells to run it; is_bare: whether it is nothing else."""

    said: list[Remark] = field(default_factory=list)
    orders: bool = False
    is_bare: bool = False
    is_reported: bool = False
    is_past: bool = False


class Reading:
    """The words of a clause around TARGET, and what they were found to say of it."""

    def __init__(self, clause: Clause) -> None:
        self.clause = clause
        self.texts = clause.texts
        self.spans = spans_of(self.texts)
        self.target = self.texts.index(TARGET)
        self.low = max((at + 1 for at in range(self.target) if self.texts[at] == MARK), default=0)
        self.high = next((at for at in range(self.target, len(self.texts)) if self.texts[at] == MARK), len(self.texts))
        self.found = Remarks()

    def _say(self, verdict: str, first: Span, last: Span | None = None) -> None:
        if verdict in (FORBIDS, HARMS) and (self.found.is_reported or self._is_former(first)):
            verdict = FORBADE
        begin = first.first - (self.texts[first.first] == "not" and first.first > 0)
        words = self.clause.words[begin : (last or first).end]
        self.found.said.append(Remark(verdict, words[0].start, words[-1].end))

    def _is_former(self, span: Span) -> bool:
        """Returns whether a verdict behind the command is of the past: `it was forbidden until June`."""
        return span.first > self.target and bool({"was", "were"} & set(self.texts[self.target : span.first]))

    def _follower(self, spans: Sequence[Span], at: int) -> int:
        """Returns the place of the entry that a negation turns round; 0 where it turns none."""
        found = next((n for n in range(at + 1, len(spans)) if spans[n].families & _TURNED), 0)
        return found if found and spans[found].first - spans[at].end <= _REACH else 0

    def _is_of_world(self, negation: Span) -> bool:
        """Returns whether a negation has a subject that is neither a person nor a command."""
        before = self.texts[self.low : negation.first]
        if before[-1:] and before[-1] in GRAMMAR["told"]:
            return False  # they are told not to
        subject = [text for text in before if text not in GRAMMAR["skipped"] | GRAMMAR["auxiliaries"]]
        if (
            not subject
            or {subject[0], subject[-1]} & GRAMMAR["persons"]
            or subject[0] in ("it", "there", "that", "this", "what", "how")
        ):
            return False
        if subject[0] in GRAMMAR["adverbial"] and len(subject) <= _ADVERBIAL:
            return False
        earlier = [span for span in self.spans if span.end <= negation.first]
        return not any(
            span.families & {"command", "run"} and self.texts[span.first] not in GRAMMAR["auxiliaries"]
            for span in earlier
        )

    def _is_said_of_command(self, span: Span) -> bool:
        """Returns whether an adjective stands alone or before a noun that means a command, not before another noun."""
        behind = self.texts[span.end] if span.end < len(self.texts) else ""
        between = self.texts[self.target + 1 : span.first]
        if self._is_of_object(span):
            return False
        if (
            between
            and set(between)
            <= GRAMMAR["auxiliaries"] | GRAMMAR["skipped"] | GRAMMAR["determiners"] | GRAMMAR["degrees"]
        ):
            return True
        if behind in ("running", "using", "doing", "executing", "trying"):
            return True
        is_noun = behind.isalpha() and behind not in GRAMMAR["closing"] and behind not in (TARGET, MARK)
        return not is_noun or any(
            span.end == other.first and other.families & {"command", "past", "not"} for other in self.spans
        )

    def _is_of_object(self, span: Span) -> bool:
        """Returns whether an adjective is said of what the command acts on: `removes the bad route`."""
        if span.first <= self.target or self.texts[span.first - 1] not in GRAMMAR["determiners"]:
            return False
        return any(
            other.end == span.first - 1 and other.first > self.target and other.families & {"act", "mild"}
            for other in self.spans
        )

"""What a clause says of the command in it: that it is forbidden, doubtful, or what is to be run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause
from stages.dataset.runbook.wording.lexicon import MARK, TARGET, Span, spans_of

FORBIDS, HARMS, DOUBTS, RISKS, UNCLEAR, TOUCHES, HINTS, LIFTS, MEANS, ORDERS, FORBADE, SUGGESTS = (
    *(
        "forbids",
        "harms",
        "doubts",
        "risks",
        "unclear",
        "touches",
        "hints",
        "lifts",
        "means",
        "orders",
        "forbade",
        "suggests",
    ),
)
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
_DENIED = {"shun", "bad", "risk", "harm", "gone", "restricted", "doubt", "elsewhere", "reserve"}
_BY = {"by", "with", "via", "using", "through", "and"}
_BE = {"is", "was", "be", "are", "were", "been"}
_RAN = {"ran", "used", "tried", "did", "typed", "executed", "called", "issued", "applied", "fired", "launched"}
_SHARED = {"neither", "none", "nor"}
_IN_NUMBER = {"twice", "parallel", "simultaneously", "times", "concurrently"}
_REPEATED = {"twice", "again", "parallel", "more", "repeatedly", "simultaneously", "times"}
_DATIVE = {"by", "with", "through", "after", "from", "because", "due", "to", "when", "thanks"}


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


def remarks_on(clause: Clause) -> Remarks:
    """Returns what a clause with TARGET in it says of TARGET."""
    return _Reading(clause).read()


class _Reading:
    def __init__(self, clause: Clause) -> None:
        self.clause = clause
        self.texts = clause.texts
        self.spans = spans_of(self.texts)
        self.target = self.texts.index(TARGET)
        self.low = max((at + 1 for at in range(self.target) if self.texts[at] == MARK), default=0)
        self.high = next((at for at in range(self.target, len(self.texts)) if self.texts[at] == MARK), len(self.texts))
        self.found = Remarks()

    def read(self) -> Remarks:
        left = [span for span in self.spans if self.low <= span.first and span.end <= self.target]
        right = [span for span in self.spans if self.target < span.first < self.high]
        across = [span for span in self.spans if span.first <= self.target < span.end]
        self.found.is_bare = all(text in GRAMMAR["skipped"] or text == TARGET for text in self.texts)
        self.found.orders = self._orders(left)
        self.found.is_past = any("past" in span.families for span in self.spans)
        self.found.is_reported = self._is_reported(left)
        if self._is_objection_lifted():
            return self.found
        for span in across:
            self._across(span)
        shared = [span for span in left if self.texts[span.first] in _SHARED and self.target - span.end <= 3]
        self._left([span for span in left if span not in shared and not (across and "not" in span.families)])
        is_left_out = any("neglect" in span.families for span in left) or self.texts[self.target - 1 :][:1] == [
            "without"
        ]
        if not is_left_out or not self.target:
            if not self._of_others():
                self._right([*shared[-1:], *right])
                self._predicate(right)
            self._complement(left)
        return self.found

    def _of_others(self) -> bool:
        """Doubts what is said to be what somebody else runs: `that is what an attacker would do`."""
        behind = self.texts[self.target + 1 : self.high]
        what = behind.index("what") if "what" in behind else -1
        if what < 0 or set(behind[what + 1 : what + 2]) & {"we", "you", "is", "to", "the", "it", "helps", "works"}:
            return False
        is_theirs = set(behind[what:]) & GRAMMAR["of_others"]
        if is_theirs:
            self._say(DOUBTS, Span(self.target, self.high, frozenset()))
        return bool(is_theirs)

    def _complement(self, left: Sequence[Span]) -> None:
        """Doubts a command that is only said to be something, or to be run by others: `your first idea will be …`."""
        if self.found.said or self.found.orders or self.found.is_bare or self.target == self.low:
            return
        before = self.texts[self.low : self.target]
        verb = next((span for span in reversed(left) if "run" in span.families and self.target - span.end <= 2), None)
        is_named = set(before) <= GRAMMAR["pronouns"] | GRAMMAR["skipped"] | GRAMMAR["auxiliaries"] | {"since", "there"}
        is_complement = (
            before[-1] in _BE
            and not is_named
            and not any(span.families & {"please", "good", "command", "innocent"} for span in left)
        )
        is_told = verb is not None and self.texts[verb.first - 1 : verb.first] == ["to"] and len(before) > 3
        is_past = verb is not None and self.texts[verb.first] in _RAN and bool(GRAMMAR["persons"] & set(before))
        if is_complement or is_told or is_past:
            self._say(UNCLEAR, Span(self.low, self.target, frozenset()))

    def _predicate(self, right: Sequence[Span]) -> None:
        """Doubts a command of which something is said that no entry knows."""
        before = [
            text for text in self.texts[self.low : self.target] if text not in GRAMMAR["skipped"] | GRAMMAR["naming"]
        ]
        behind = [at for at in range(self.target + 1, self.high) if not self._is_passed(self.texts[at])]
        if before or not behind or not self._is_finite(self.texts[behind[0]]):
            return
        if all(self.texts[at] in GRAMMAR["auxiliaries"] for at in behind):
            self._say(MEANS, Span(behind[0], behind[0] + 1, frozenset()))
        elif not self.found.said and not any(
            span.families & {"neutral", "act", "mild"} and span.first <= behind[0] + 2 for span in right
        ):
            self._say(UNCLEAR, Span(behind[0], self.high, frozenset()))

    def _is_passed(self, text: str) -> bool:
        return text in GRAMMAR["skipped"] or text.endswith("ly") or text in ("command", "output", "script", "job", ",")

    def _is_finite(self, text: str) -> bool:
        """Returns whether a word behind the command may be the verb of which it is the subject."""
        if text in GRAMMAR["auxiliaries"] - {"to"} or self.texts[self.low : self.low + 1] in (["with"], ["by"]):
            return True
        return text.endswith(("s", "ed")) and text not in GRAMMAR["closing"] | GRAMMAR["determiners"]

    def _is_objection_lifted(self) -> bool:
        objection = next((span for span in self.spans if "objection" in span.families), None)
        turned = [span for span in self.spans if objection and span.first > objection.first]
        lifted = next((span for span in turned if span.families & {"lifted", "not", "myth"}), None)
        required = next((span for span in self.spans if "restricted" in span.families), None)
        if required and not lifted:
            lifted = next(
                (span for span in self.spans if span.first > required.first and "lifted" in span.families), None
            )
        if lifted:
            self._say(LIFTS, lifted)
        return lifted is not None

    def _say(self, verdict: str, first: Span, last: Span | None = None) -> None:
        if verdict in (FORBIDS, HARMS) and (self.found.is_reported or self._is_former(first)):
            verdict = FORBADE
        begin = first.first - (self.texts[first.first] == "not" and first.first > 0)
        words = self.clause.words[begin : (last or first).end]
        self.found.said.append(Remark(verdict, words[0].start, words[-1].end))

    def _is_former(self, span: Span) -> bool:
        """Returns whether a verdict behind the command is of the past: `it was forbidden until June`."""
        return span.first > self.target and bool({"was", "were"} & set(self.texts[self.target : span.first]))

    def _across(self, span: Span) -> None:
        """Hears an entry with the command in its midst: `leave it alone`."""
        if self.texts[span.end - 1] == TARGET and self.texts[span.first] == "leave" and span.end < len(self.texts):
            return
        if span.families & {"shun", "gone", "harm", "restricted"}:
            before = self.texts[max(0, span.first - 3) : span.first]
            self._say(MEANS if {"not", "never"} & set(before) else FORBIDS, span)
        elif span.families & {"innocent", "please"}:
            self._say(MEANS, span)

    def _orders(self, left: Sequence[Span]) -> bool:
        """Returns whether the clause tells to run the command: a verb in its plain form begins it."""
        at = self.low
        while at < self.target and self.texts[at] in GRAMMAR["skipped"]:
            at += 1
        if at < self.target and self.texts[at] in ("you", "we", "to", "can", "should"):
            if self.texts[at + 1 : at + 2] in (["could"], ["might"], ["would"], ["had"]):
                return False
            at += 1
            while at < self.target and self.texts[at] in GRAMMAR["auxiliaries"] | GRAMMAR["skipped"]:
                at += 1
        first = next((span for span in left if span.first == at and span.families & {"run", "act"}), None)
        if first is None and self.clause.kind == "main" and self._is_our_way(left):
            return True
        return bool(first) and not self.texts[at].endswith(
            ("ing", "ed", "ran", "did", "tried", "es", "ts", "ns", "ls", "ks", "ps", "rs")
        )

    def _is_our_way(self, left: Sequence[Span]) -> bool:
        """Returns whether a clause says that we run it: `that is why we run it`."""
        verb = next((span for span in reversed(left) if "run" in span.families and self.target - span.end <= 1), None)
        if verb is None or self.texts[verb.first] in _RAN:
            return False
        subject = self.texts[max(self.low, verb.first - 1) : verb.first]
        return subject in (["we"], ["you"], ["one"]) and not any("not" in span.families for span in left)

    def _is_said(self, left: Sequence[Span]) -> bool:
        """Returns whether somebody other than us says it."""
        verb = next((span for span in reversed(left) if self.texts[span.first] in GRAMMAR["saying"]), None)
        return (
            verb is not None
            and not {"we", "i"} & set(self.texts[self.low : verb.first])
            and self.target - verb.end <= 4
        )

    def _is_reported(self, left: Sequence[Span]) -> bool:
        source = next((span for span in self.spans if "source" in span.families), None)
        if source is None and not self.found.orders and self._is_said(left):
            return True
        if source is None:
            return False
        if source.first >= self.target:
            return not self.found.orders and "in" in self.texts[self.target : source.first]
        after = any("says" in span.families and span.first >= source.first for span in left)
        after = after or bool({"is", "was", "be"} & set(self.texts[source.end : self.target]))
        return not self.found.orders and (after or "says" in source.families)

    # before the command

    def _left(self, left: Sequence[Span]) -> None:
        at = 0
        while at < len(left):
            if left[at].families & {"innocent", "neglect"} and "gone" not in left[at].families:
                self._say(MEANS, left[at])
            elif "not" in left[at].families:
                at = self._negated_left(left, at)
            else:
                self._plain_left(left[at])
            at += 1
        if "only" in self.texts[self.low : self.target] and not self.found.said and self._is_theirs():
            self._say(FORBIDS, Span(self.texts.index("only", self.low), self.target, frozenset()))

    def _follower(self, spans: Sequence[Span], at: int) -> int:
        """Returns the place of the entry that a negation turns round; 0 where it turns none."""
        found = next((n for n in range(at + 1, len(spans)) if spans[n].families & _TURNED), 0)
        return found if found and spans[found].first - spans[at].end <= _REACH else 0

    def _negated_left(self, left: Sequence[Span], at: int) -> int:
        """Hears a negation before the command, and returns the place of the last entry that it turned."""
        negation, place = left[at], self._follower(left, at)
        if not place:
            self._unturned_left(negation)
            return at
        span = left[place]
        families = span.families
        if families & ({"spare", "need"} | _DENIED):
            self._spared(negation, span, left[place + 1 :])
        elif "proof" in families:
            self._say(DOUBTS, negation, span)
        elif families & {"run", "act"} and GRAMMAR["wrong"] & set(self.texts[self.low : negation.first]):
            self._say(MEANS, negation, span)  # it would be wrong not to
        elif families & {"run", "act"} and not self._is_of_world(negation):
            if not set(self.texts[self.target :]) & _IN_NUMBER:
                self._say(FORBIDS, negation)
        elif "good" in families:
            is_led = not self._is_of_world(negation) or bool(
                {"to", "in"} & set(self.texts[span.end - 1 : span.end + 1])
            )
            self._say(FORBIDS if is_led else HINTS, negation, span)
        return place

    def _spared(self, negation: Span, span: Span, behind: Sequence[Span]) -> None:
        if "restricted" in span.families and self._is_lacked(negation, span):
            self._say(FORBIDS, negation, span)
            return
        is_need = "need" in span.families and any("run" in other.families for other in behind[:1])
        self._say(DOUBTS if is_need else MEANS, negation, span)

    def _is_lacked(self, negation: Span, span: Span) -> bool:
        """Returns whether nobody has a right, rather than no right is needed."""
        between = self.texts[negation.end : span.end]
        return bool({"has", "have", "hold", "holds", "got"} & set(between)) or self.texts[negation.first] == "nobody"

    def _is_of_world(self, negation: Span) -> bool:
        """Returns whether a negation has a subject that is neither a person nor a command."""
        before = self.texts[self.low : negation.first]
        subject = [text for text in before if text not in GRAMMAR["skipped"] | GRAMMAR["auxiliaries"]]
        if not subject or subject[-1] in GRAMMAR["persons"] or subject[0] in ("it", "there", "that", "this"):
            return False
        earlier = [span for span in self.spans if span.end <= negation.first]
        return not any(
            span.families & {"command", "run"} and self.texts[span.first] not in GRAMMAR["auxiliaries"]
            for span in earlier
        )

    def _unturned_left(self, negation: Span) -> None:
        between = self.texts[negation.end : self.target]
        is_near = len(between) <= 2 and not set(between) & {"than", "but"}
        if self.texts[negation.first] == "no" and between and not is_near:
            if {"in", "about", "with"} & set(between[1:3]):
                self._say(SUGGESTS, negation)
            return
        self._say(FORBIDS if is_near or not self._is_of_world(negation) else HINTS, negation)

    def _plain_left(self, span: Span) -> None:
        families, distance = span.families, self.target - span.end
        between = self.texts[span.end : self.target]
        if ("shun" in families and not self._is_done_by(between)) or ("instead" in families and distance <= 7):
            self._say(FORBIDS, span)
        elif "risk" in families and self._is_said_of_command(span):
            self._say(RISKS, span)
        elif families & {"bad", "gone", "former"} and self._is_said_of_command(span):
            is_replaced = "gone" in families and (
                between[:1] == ["by"] or self.texts[span.end - 1] == "by" or "favour" in between
            )
            self._say(MEANS if is_replaced else FORBIDS, span)
        elif "past" in families and not self.found.orders:
            self._say(FORBIDS, span)
        elif "objection" in families and not self.found.orders:
            self._say(RISKS, span)
        elif "harm" in families and self._is_blamed(between):
            self._say(FORBIDS, span)
        elif families & {"doubt", "reserve"} or ("restricted" in families and not self.found.orders):
            self._say(DOUBTS, span)
        elif families & {"please", "good", "need"}:
            self._say(SUGGESTS, span)

    def _is_theirs(self) -> bool:
        """Returns whether `only` they may run it."""
        begin = self.texts.index("only", self.low) + 1
        verb = next((at for at in range(begin, self.target) if self.texts[at] in GRAMMAR["modals"]), begin)
        subject = self.texts[begin:verb]
        return (
            bool(subject)
            and len(subject) <= 6
            and subject[0] not in GRAMMAR["loose"] | GRAMMAR["pronouns"] | {"then", "now", "you"}
        )

    def _is_done_by(self, between: Sequence[str]) -> bool:
        is_gerund = bool(between) and between[0].endswith("ing") and "and" not in between
        return bool((_BY & set(between[1:])) or between[:1] in (["with"], ["by"], ["via"])) and not is_gerund

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

    def _is_blamed(self, between: Sequence[str]) -> bool:
        head = next((text for text in self.texts[self.low :] if text not in GRAMMAR["skipped"]), "")
        return (
            (head in GRAMMAR["persons"] and bool(_DATIVE & set(between))) or between == ["is"] or between[:1] == ["was"]
        )

    # behind the command

    def _right(self, right: Sequence[Span]) -> None:
        at = 0
        while at < len(right):
            if "innocent" in right[at].families and "gone" not in right[at].families:
                self._say(MEANS, right[at])
            elif self.texts[right[at].first] == "without":
                at = self._end_of_denial(right, at)
            elif "not" in right[at].families:
                at = self._negated_right(right, at)
            else:
                self._plain_right(right[at], right[at + 1 :])
            at += 1

    def _negated_right(self, right: Sequence[Span], at: int) -> int:
        """Hears a negation behind the command, and returns the place of the last entry that it turned."""
        negation, place = right[at], self._follower(right, at)
        if not place:
            self._unturned_right(negation)
            return at
        span = right[place]
        families = span.families
        if families & ({"spare"} | _DENIED):
            if families & _DENIED or "be" in self.texts[negation.end : span.first]:
                self._say(MEANS, negation, span)
            return self._end_of_denial(right, place)
        if "proof" in families and "good" not in families:
            self._say(DOUBTS, negation, span)
        elif "need" in families:
            if any("run" in other.families for other in right[place + 1 : place + 2]):
                self._say(DOUBTS, negation, span)
        elif "good" in families and (self.texts[negation.first] == "no" or "run" not in families):
            self._say(HINTS if self.found.orders else FORBIDS, negation, span)
        elif "run" in families and not set(self.texts[span.end : self.high]) & _REPEATED:
            self._say(HINTS if self.found.orders else FORBIDS, negation)
        return place

    def _unturned_right(self, negation: Span) -> None:
        behind = self.texts[negation.end : negation.end + 1]
        if self.texts[negation.first] in ("nothing", "nobody", "none") and not behind:
            done = [span for span in self.spans if self.target < span.first < negation.first]
            is_harm = any(
                span.families & {"harm", "mild", "act", "neutral"} and "good" not in span.families for span in done
            )
            self._say(MEANS if is_harm else FORBIDS, negation)
        elif not behind or behind[0] in ("ever", "please", "again"):
            self._say(FORBIDS, negation)
        elif behind[0] in GRAMMAR["places"] and not self.found.orders:
            self._say(DOUBTS, negation)
        elif not self.found.orders:
            self._say(UNCLEAR, negation)

    def _end_of_denial(self, right: Sequence[Span], at: int) -> int:
        """Returns the place of the last entry that a negation denies: `neither dangerous nor slow`."""
        while at + 1 < len(right) and right[at + 1].families & {"bad", "risk", "harm", "mild"}:
            if {"but", "and"} & set(self.texts[right[at].end : right[at + 1].first]):
                break
            at += 1
        return at

    def _plain_right(self, span: Span, behind: Sequence[Span]) -> None:
        families = span.families
        if families & {"doubt", "reserve"}:
            self._say(DOUBTS, span)
        elif "risk" in families and not self.found.orders and self._is_said_of_command(span):
            self._say(RISKS, span)
        elif self.found.orders:
            self._behind_an_order(span)
        elif families & {"shun"} or (families & {"bad", "gone", "former"} and self._is_said_of_command(span)):
            self._say(FORBIDS, span)
        elif "instead" in families and (span.end == self.high or self.texts[span.end : span.end + 1] == [MARK]):
            self._say(MEANS, span)
        elif families & {"harm", "mild"} and "please" not in families:
            self._harmed(span)
        elif "restricted" in families and not any("not" in other.families for other in behind):
            self._say(DOUBTS, span)
        elif "elsewhere" in families and {"is", "only", "meant", "intended", "assumes"} & set(
            self.texts[self.target : span.end + 1]
        ):
            self._say(FORBIDS, span)
        elif "past" in families or (families & {"good", "please"} and self._is_past(span)):
            self._say(UNCLEAR, span)
        elif families & {"good", "please"} or ("proof" in families and "not" not in self.texts):
            self._say(MEANS, span)

    def _is_past(self, span: Span) -> bool:
        """Returns whether praise behind the command is of the past: `was the fix`, `is the fix of last year`."""
        between = [other for other in self.spans if self.target < other.first < span.first]
        was = {"was", "were"} & set(self.texts[self.target : span.first])
        return bool(was) or any("past" in other.families for other in between)

    def _behind_an_order(self, span: Span) -> None:
        if "restricted" in span.families and {"only", "with", "after"} & set(self.texts[self.target : span.first]):
            self._say(DOUBTS, span)

    def _harmed(self, span: Span) -> None:
        near = [other for other in self.spans if span.end <= other.first < span.end + 6]
        before = self.texts[max(self.target, span.first - 3) : span.first]
        if before[-1:] == ["to"] and not GRAMMAR["bound"] & set(before):
            return
        if self.texts[span.end : span.end + 1] in (["nothing"], ["no"]):
            self._say(MEANS, span)
        elif any("waste" in other.families for other in near):
            return
        elif "harm" in span.families:
            self._say(DOUBTS if {"can", "may", "might", "could"} & set(before) else HARMS, span)
        elif any("value" in other.families for other in near):
            self._say(TOUCHES, span)
        else:
            self._say(HINTS, span)

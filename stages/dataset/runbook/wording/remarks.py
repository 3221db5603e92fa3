"""What a clause says of the command in it: that it is forbidden, doubtful, or what is to be run."""

from collections.abc import Sequence

from stages.dataset.runbook.wording.behind import Behind
from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause
from stages.dataset.runbook.wording.lexicon import TARGET, Span
from stages.dataset.runbook.wording.reading import DOUBTS, FORBIDS, LIFTS, MEANS, UNCLEAR, Remarks

_BE = {"is", "was", "be", "are", "were", "been"}
_RAN = {"ran", "used", "tried", "did", "typed", "executed", "called", "issued", "applied", "fired", "launched"}
_OTHERS = {"one", "many", "some", "people", "everyone", "everybody", "somebody", "someone", "others", "most"}
_SHARED = {"neither", "none", "nor"}


def remarks_on(clause: Clause) -> Remarks:
    """Returns what a clause with TARGET in it says of TARGET."""
    return _Whole(clause).read()


class _Whole(Behind):
    """Hears a clause as a whole."""

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
        if what < 0 or set(behind[what + 1 : what + 2]) & {"we", "you", "is", "to", "it", "helps", "works"}:
            return False
        is_said = bool(set(behind[what + 2 :]) & GRAMMAR["saying"])
        if behind[what + 1 : what + 2] == ["the"] and not is_said and not self._is_source_at(self.target + what + 3):
            return False
        is_theirs = set(behind[what:]) & GRAMMAR["of_others"]
        if is_theirs:
            self._say(DOUBTS, Span(self.target, self.high, frozenset()))
        return bool(is_theirs)

    def _is_source_at(self, place: int) -> bool:
        """Returns whether a word near a place names somebody else than this page."""
        return any(span.families & {"source", "group"} and 0 <= span.first - place <= 1 for span in self.spans)

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
        ) or (before[-1] in _BE and any("drive" in span.families for span in left))
        is_of_others = (
            verb is not None and before[0] in _OTHERS and bool({"might", "would", "could", "will", "may"} & set(before))
        )
        is_told = verb is not None and self.texts[verb.first - 1 : verb.first] == ["to"] and len(before) > 3
        is_past = verb is not None and self.texts[verb.first] in _RAN and bool(GRAMMAR["persons"] & set(before))
        if is_complement or is_told or is_past or is_of_others:
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
        if lifted and "not" in lifted.families and self._turns_running(lifted):
            return False
        required = next((span for span in self.spans if "restricted" in span.families), None)
        if required and not lifted:
            lifted = next(
                (span for span in self.spans if span.first > required.first and "lifted" in span.families), None
            )
        if lifted:
            self._say(LIFTS, lifted)
        return lifted is not None

    def _turns_running(self, negation: Span) -> bool:
        """Returns whether a negation says that nobody runs the command: `so afraid that we never run it`."""
        follower = next((span for span in self.spans if span.first >= negation.end), None)
        return follower is not None and "run" in follower.families and follower.first - negation.end <= 1

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

"""What the words behind a command say of it within its clause."""

from collections.abc import Sequence

from stages.dataset.runbook.wording.before import Before
from stages.dataset.runbook.wording.clauses import GRAMMAR
from stages.dataset.runbook.wording.lexicon import MARK, Span
from stages.dataset.runbook.wording.reading import DENIED, DOUBTS, FORBIDS, HARMS, HINTS, MEANS, RISKS, TOUCHES, UNCLEAR

_REPEATED = {"twice", "again", "parallel", "more", "repeatedly", "simultaneously", "times"}


class Behind(Before):
    """Hears the words behind TARGET."""

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
                if right[at].families & {"harm", "mild"} and self.texts[right[at].end : right[at].end + 1] == [
                    "nothing"
                ]:
                    return
            at += 1

    def _negated_right(self, right: Sequence[Span], at: int) -> int:
        """Hears a negation behind the command, and returns the place of the last entry that it turned."""
        negation, place = right[at], self._follower(right, at)
        if not place:
            self._unturned_right(negation)
            return at
        span = right[place]
        families = span.families
        is_lacking = "restricted" in families and self.texts[span.end - 1].endswith("ed") and "been" in self.texts
        if "mild" in families and set(self.texts[span.end : span.end + 1]) & GRAMMAR["nothing"]:
            self._say(MEANS, negation, span)
        elif is_lacking:
            self._say(DOUBTS, negation, span)
        elif families & ({"spare"} | DENIED):
            if families & DENIED or "be" in self.texts[negation.end : span.first]:
                self._say(MEANS, negation, span)
            return self._end_of_denial(right, place)
        if "proof" in families and "good" not in families:
            self._say(DOUBTS, negation, span)
        elif "need" in families:
            is_of_running = any("run" in other.families for other in right[place + 1 : place + 2])
            self._say(DOUBTS if is_of_running else MEANS, negation, span)
        elif "good" in families and (self.texts[negation.first] == "no" or "run" not in families):
            self._say(HINTS if self.found.orders else FORBIDS, negation, span)
        elif "run" in families and self._is_told_of(negation, span):
            return place
        elif "run" in families and not self._is_repeated(span):
            self._say(HINTS if self.found.orders else FORBIDS, negation)
        return place

    def _is_repeated(self, verb: Span) -> bool:
        """Returns whether only running it once more is spoken of; `not any more` is no such thing."""
        behind = self.texts[verb.end : self.high]
        return any(text in _REPEATED and behind[max(0, at - 1)] != "any" for at, text in enumerate(behind))

    def _is_told_of(self, negation: Span, span: Span) -> bool:
        """Returns whether a negation only tells what the command leaves alone: `does not touch the volume`."""
        before, between = self.texts[negation.first - 1], self.texts[negation.end : span.first]
        has_object = self.texts[span.end : span.end + 1] not in ([], ["here"], ["anymore"], ["any"])
        return before in ("does", "did", "will", "would") and "be" not in between and has_object

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
        while at + 1 < len(right) and right[at + 1].families & {"bad", "risk", "harm", "mild", "restricted"}:
            if {"but", "and"} & set(self.texts[right[at].end : right[at + 1].first]):
                break
            at += 1
        return at

    def _plain_right(self, span: Span, behind: Sequence[Span]) -> None:
        families = span.families
        if set(self.texts[span.first : span.end]) & GRAMMAR["modals"] and self.texts[span.end : span.end + 1] == [
            "not"
        ]:
            return
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

    def _is_attribute(self, span: Span) -> bool:
        """Returns whether a word tells which thing the command acts on: `kills the hung process`."""
        before = self.texts[span.first - 1 : span.first]
        is_led = bool(set(before) & GRAMMAR["determiners"]) or any(
            other.end == span.first and other.families & {"mild", "act"} for other in self.spans
        )
        behind = self.texts[span.end : span.end + 1]
        return "waste" in span.families and is_led and bool(behind) and behind[0] not in GRAMMAR["closing"]

    def _harmed(self, span: Span) -> None:
        if self._is_attribute(span):
            return
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
        elif any("value" in other.families for other in near) and not {"may", "might", "could"} & set(before):
            self._say(TOUCHES, span)
        else:
            self._say(HINTS, span)

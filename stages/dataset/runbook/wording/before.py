"""What the words before a command say of it within its clause."""

from collections.abc import Sequence

from stages.dataset.runbook.wording.clauses import GRAMMAR
from stages.dataset.runbook.wording.lexicon import Span
from stages.dataset.runbook.wording.reading import DENIED, DOUBTS, FORBIDS, HINTS, MEANS, RISKS, SUGGESTS, Reading

_BY = {"by", "with", "via", "using", "through", "and"}
_IN_NUMBER = {"twice", "parallel", "simultaneously", "times", "concurrently"}
_DATIVE = {"by", "with", "through", "after", "from", "because", "due", "to", "when", "thanks"}


class Before(Reading):
    """Hears the words before TARGET."""

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

    def _negated_left(self, left: Sequence[Span], at: int) -> int:
        """Hears a negation before the command, and returns the place of the last entry that it turned."""
        negation, place = left[at], self._follower(left, at)
        if not place:
            self._unturned_left(negation)
            return at
        span = left[place]
        families = span.families
        if families & ({"spare", "need"} | DENIED):
            self._spared(negation, span, left[place + 1 :])
            if self.found.said[-1].verdict == MEANS:
                return self._end_of_freedom(left, place)
        elif "proof" in families:
            self._say(DOUBTS, negation, span)
        elif families & {"run", "act"} and GRAMMAR["wrong"] & set(self.texts[self.low : negation.first]):
            self._say(MEANS, negation, span)  # it would be wrong not to
        elif self.texts[self.target - 1] == "for" and self.texts[span.end] in GRAMMAR["determiners"]:
            return place  # it is another thing that is not to be used for the command
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

    def _end_of_freedom(self, left: Sequence[Span], place: int) -> int:
        """Returns the place of the last entry about who is to be asked, which nobody needs to be."""
        while place + 1 < len(left) and left[place + 1].families & {"restricted", "need", "shun"}:
            place += 1
        return place

    def _is_lacked(self, negation: Span, span: Span) -> bool:
        """Returns whether nobody has a right, rather than no right is needed."""
        between = self.texts[max(0, negation.first - 1) : span.end]
        return bool({"has", "have", "hold", "holds", "got"} & set(between)) or self.texts[negation.first] == "nobody"

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
                between[:1] in (["by"], ["with"], ["via"], ["through"], ["using"])
                or self.texts[span.end - 1] == "by"
                or "favour" in between
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
        elif families & {"please", "good", "need"} and not ("says" in families and self.found.is_reported):
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

    def _is_blamed(self, between: Sequence[str]) -> bool:
        head = next((text for text in self.texts[self.low :] if text not in GRAMMAR["skipped"]), "")
        return (
            (head in GRAMMAR["persons"] and bool(_DATIVE & set(between))) or between == ["is"] or between[:1] == ["was"]
        )

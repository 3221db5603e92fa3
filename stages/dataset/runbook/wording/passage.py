"""What a passage says of one command in it: in its sentence, in what leads to it, and in what follows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from stages.dataset.runbook.wording.clauses import Clause, clauses_of
from stages.dataset.runbook.wording.fragments import is_waiting, remarks_ahead
from stages.dataset.runbook.wording.lexicon import MARK, TARGET, spans_of
from stages.dataset.runbook.wording.reading import (
    DOUBTS,
    FORBADE,
    FORBIDS,
    HARMS,
    HINTS,
    LIFTS,
    MEANS,
    ORDERS,
    RISKS,
    SUGGESTS,
    TOUCHES,
    UNCLEAR,
    Remark,
    Remarks,
)
from stages.dataset.runbook.wording.reference import rank_of, ranked, spoken_of
from stages.dataset.runbook.wording.remarks import remarks_on
from stages.dataset.runbook.wording.shapes import (
    about_mark,
    asks_for_harm,
    bare_start,
    families_of,
    goes_on,
    is_chosen,
    is_ellipsis,
    is_of_place,
    is_ours_not,
    is_right_before,
    only_reads,
    supposes,
    tells_loss,
    was_against,
    was_so,
)

CROSSES, TICKS = "🟥❌🚫⛔✗✘✖👎❎🛑🔴☠💀✋🙅🚷💣☢⚰🧨☣🪦", "🟩✅✔👍☑🟢💚👌🆗"
SENTENCE_END = re.compile(
    rf"(?<=[.!?。])[)\"”’'*_]*\s+(?=[\"“(*_^\w{MARK}{TARGET}{CROSSES}{TICKS}])|\s+(?=[{CROSSES}{TICKS}](?!\ufe0f?\s*[,.;:)]))|\n"
)
_SENTENCES = 3  # behind a command, in which words about it are looked for
_REFUSED = re.compile(
    r"^\W*(?:please\W+|rather\W+|better\W+)?(?:no|never|nope|don['’]?t|do not|not|hands off|forget it|"
    r"please don['’]?t|please do not|better not)\b",
    re.IGNORECASE,
)
_AGREED = re.compile(r"^\W*(?:please\W+)?(?:yes|yep|sure|absolutely|of course|by all means)\b", re.IGNORECASE)
_NAMES = re.compile(
    rf"^\W*(?:(?:and|so)\s+)?(?:(?:it|that|this|(?:i|we) mean"
    rf"|(?:i['’]m|we['’]re|i am|we are) (?:talking|speaking) (?:about|of)|namely|(?:the|that|"
    rf"this) \w+)\W*(?:is|was|['’]s)?\W*(?:called\W*)?)?{TARGET}\W*$",
    re.IGNORECASE,
)
_HALT = re.compile(r"\W*(?:stop|halt|wait|hold it|careful|wrong|nope?)\W*", re.IGNORECASE)
_SHORT, _QUESTION = "short", 3  # words of a question, or an answer, without anything else
_LEADING = {":", "：", "—", "-", "→", "=", "("}


@dataclass
class Evidence:
    """What is said of a command, in the order of the text, as verdicts of remarks.py and the words that say it."""

    said: list[tuple[str, str]] = field(default_factory=list)
    is_ordered: bool = False
    is_reported: bool = False
    is_passed_over: bool = False
    """Whether another command is chosen beside it, and this one is not told to be run."""
    is_second: bool = False
    """Whether it is the one of two that is not chosen."""

    def add(self, text: str, remarks: Sequence[Remark]) -> None:
        """Adds what a clause of a text says."""
        self.said += [(remark.verdict, text[remark.start : remark.end]) for remark in remarks]


def sentences_of(text: str) -> list[str]:
    """Returns the sentences of a text."""
    return [sentence for sentence in SENTENCE_END.split(text) if sentence and sentence.strip()]


class Passage:
    """Reads the sentences around one command."""

    def __init__(self, rank: int = 0, is_alone: bool = False) -> None:
        self.evidence = Evidence()
        self.is_alone = is_alone
        """Whether no other command is near, so that `they` are something else."""
        self.rank = rank
        """1 or 2 for the former and the latter of two commands that are named together."""
        self.is_only = False
        """Whether the clause before tells to run it `only` on a condition."""
        self.was_bad = False
        """Whether the sentence tells what once spoke against the command: `it used to be risky`."""
        self.is_limited = False
        """Whether its sentence tells where `only` it is to be run."""
        self.is_ahead = False
        """Whether the command comes behind, and was not spoken of yet."""

    def read(self, before: Sequence[str], own: str, after: Sequence[str]) -> Evidence:
        """Returns what is said of TARGET in own, a sentence, and of it in those before and after."""
        clauses = clauses_of(own)
        at = next(number for number, clause in enumerate(clauses) if clause.has(TARGET))
        self.was_bad = was_against(clauses[at])
        self.is_limited = clauses[at].texts[0] == "only"
        remarks = self._own(own, clauses, at)
        self.evidence.is_ordered, self.evidence.is_reported = remarks.orders, remarks.is_reported
        self._reserved(own, clauses[:at])
        self._answered(clauses[at], before)
        if remarks.is_bare:
            self._led_to(own, clauses, at)
        asked = any(sentence.rstrip().endswith("?") for sentence in (own, *before[-2:-1]))
        is_back = MARK in "".join(before[:-1]) and bool(before) and spoken_of(clauses_of(before[-1])[0]) is not None
        if _NAMES.match(own) and before and MARK not in before[-1] and not asked and not is_back:
            self._named(before[-1])
        if clauses[at].kind == "condition" and not remarks.orders:
            self._halted(own, clauses[at + 1 :])
        self._behind(own, clauses, at)
        self._following(own, after)
        self.evidence.is_passed_over = self._is_passed_over(clauses, at, after)
        self.evidence.is_second |= self.evidence.is_passed_over and not remarks.is_bare and not only_reads(clauses[at])
        has_note = len(clauses) > at + 1 and clauses[at + 1].joint in _LEADING and not clauses[at + 1].has(MARK)
        self.evidence.is_second |= self.evidence.is_passed_over and remarks.is_bare and has_note
        return self.evidence

    def pointed(self, sentence: str) -> Evidence:
        """Returns what a sentence says of TARGET, put in the place of a word that points at it."""
        clauses = clauses_of(sentence)
        at = next((number for number, clause in enumerate(clauses) if clause.has(TARGET)), -1)
        if at < 0:
            return self.evidence
        remarks = self._own(sentence, clauses, at)
        self._reserved(sentence, clauses[:at])
        if not remarks.orders:
            self._behind(sentence, clauses, at)
        is_theirs = remarks.is_reported and not remarks.orders
        clear = [each for each in self.evidence.said if each[0] not in (UNCLEAR, HINTS, TOUCHES)]
        self.evidence.said = [*clear, (DOUBTS, sentence)] if is_theirs and not clear else clear
        self.evidence.is_ordered = remarks.orders
        return self.evidence

    def told(
        self, sentences: Sequence[str], is_note: bool = False, is_ahead: bool = False, is_loose: bool = False
    ) -> Evidence:
        """Returns what sentences say of a command that they call `it`, or do not name.

        is_note: whether they are a note on it. is_ahead: whether the command comes behind them. is_loose: whether those
        in between may speak of something else.
        """
        self.is_ahead = is_ahead
        if sentences and _HALT.fullmatch(sentences[0]) and not self.evidence.is_ordered:
            self.evidence.said.append((DOUBTS, sentences[0]))
        asked: frozenset[str] = frozenset()
        for number, sentence in enumerate(sentences[:_SENTENCES]):
            if sentence.rstrip(' )"”*_').endswith("?") and MARK not in sentence:
                asked = families_of(sentence) | ({_SHORT} if len(sentence.split()) <= _QUESTION else frozenset())
                continue
            if asked and self._is_answer(sentence, asked):
                continue
            if MARK in sentence and not number:
                self._refused_before_another(sentence)
            if MARK in sentence or (sentence.rstrip().endswith((":", "：")) and not is_note):
                break
            if not self._speaks(sentence, is_note) and number and not is_ahead and not is_loose:
                break
        return self.evidence

    def _is_answer(self, sentence: str, asked: frozenset[str]) -> bool:
        """Returns whether a sentence only answers a question, and hears it where that asks for leave: `Allowed? No.`"""
        refused = _REFUSED.match(sentence)
        if _SHORT in asked and "good" in asked and refused:
            self.evidence.said.append((FORBIDS, sentence))
            return True
        is_short = bool(refused or _AGREED.match(sentence)) and len(sentence.split()) <= _QUESTION
        return is_short and (_SHORT in asked or bool(asked & {"need", "restricted"}))

    def _refused_before_another(self, sentence: str) -> None:
        """Hears what refuses the command in a sentence that goes on with another one: `do not do it, and run …`."""
        clauses = clauses_of(sentence) if _REFUSED.match(sentence) else []
        for clause, behind in pairwise(clauses):
            if clause.has(MARK) or (behind.has(MARK) and behind.joint in _LEADING):
                return
            self._about(sentence, clause)

    def _own(self, own: str, clauses: Sequence[Clause], at: int) -> Remarks:
        clause = clauses[at]
        remarks = remarks_on(clause)
        remarks.is_reported = remarks.is_reported or self._is_of_source(clauses, at)
        if (clause.kind == "condition" or (clause.kind == "which" and clause.texts[0] == "who")) and not remarks.orders:
            remarks.said = [
                remark for remark in remarks.said if remark.verdict == FORBIDS and is_right_before(own, remark, clause)
            ]
            if at and len(clause.texts) <= 3 and clause.texts[0] == "after" and tells_loss(clauses[at - 1]):
                remarks.said.append(Remark(DOUBTS, clauses[at - 1].words[0].start, clause.words[-1].end))
            if supposes(clause):
                remarks.said.append(Remark(UNCLEAR, clause.words[0].start, clause.words[-1].end))
            for beside in clauses[at - 1 : at] if at else clauses[1:2]:
                self._asked_before(own, beside)
        self.evidence.add(own, remarks.said)
        if not remarks.is_bare:
            self.evidence.said = [(DOUBTS if said == TOUCHES else said, words) for said, words in self.evidence.said]
        return remarks

    def _is_of_source(self, clauses: Sequence[Clause], at: int) -> bool:
        """Returns whether a clause goes on with one about who says such things: `the hint, which tells you to …`."""
        if clauses[at].kind != "which" or not at:
            return False
        return any("source" in span.families for span in spans_of(clauses[at - 1].texts))

    def _asked_before(self, own: str, clause: Clause) -> None:
        """Hears who is to be asked before the command is run."""
        for span in spans_of(clause.texts):
            if span.families & {"not", "innocent"} and not span.families & {"restricted", "shun"}:
                self.evidence.said.append((MEANS, ""))
                return
            if span.families & {"restricted", "shun"} and (not span.first or "restricted" in span.families):
                self.evidence.said.append(
                    (DOUBTS, own[clause.words[span.first].start : clause.words[span.end - 1].end])
                )
                return

    def _answered(self, clause: Clause, before: Sequence[str]) -> None:
        """Hears `this one does not` as praise where the sentence before tells what another command does wrong."""
        if not is_ellipsis(clause) or not before or MARK not in before[-1]:
            return
        bad = {FORBIDS, FORBADE, HARMS, RISKS, DOUBTS, TOUCHES}
        other = next(each for each in clauses_of(before[-1]) if each.has(MARK))
        if bad & {remark.verdict for remark in remarks_on(about_mark(other)).said}:
            self.evidence.said = [(MEANS, "")]

    def _reserved(self, own: str, clauses: Sequence[Clause]) -> None:
        """Hears what keeps a command for the worst case: `as a last resort, run it`."""
        for clause in clauses:
            for span in () if clause.has(MARK) else spans_of(clause.texts):
                if "reserve" in span.families:
                    words = clause.words[span.first : span.end]
                    self.evidence.said.append((DOUBTS, own[words[0].start : words[-1].end]))

    def _halted(self, own: str, clauses: Sequence[Clause]) -> None:
        """Hears `stop` behind `if you are about to run it`."""
        for clause in clauses[:1]:
            halts = [span for span in spans_of(clause.texts) if "halt" in span.families]
            if halts and len(clause.texts) <= 3:
                self.evidence.said.append((FORBIDS, own[clause.words[0].start : clause.words[-1].end]))

    def _led_to(self, own: str, clauses: Sequence[Clause], at: int) -> None:
        """Hears what leads to a command that stands alone behind a colon."""
        if at and clauses[at].joint in _LEADING and not clauses[at - 1].has(MARK):
            self.evidence.add(own, remarks_ahead(clauses[at - 1], is_waiting(clauses[at - 1])).said)
            for clause in clauses[max(0, at - 3) : at - 1]:
                if clause.kind == "main" and not clause.has(MARK) and clause.joint != ";":
                    self.evidence.add(own, [r for r in remarks_ahead(clause).said if r.verdict == FORBIDS])

    def _named(self, sentence: str) -> None:
        """Hears the sentence before one that only names the command: `One thing breaks it. It is …`."""
        for clause in clauses_of(sentence):
            about = spoken_of(clause) if clause.kind == "main" and clause.texts[0] == "it" else None
            said = (remarks_on(about) if about else remarks_ahead(clause)).said
            self.evidence.add(sentence, [remark for remark in said if remark.verdict != UNCLEAR])

    def _behind(self, own: str, clauses: Sequence[Clause], at: int) -> None:
        is_last = not any(word.text == MARK for word in clauses[at].words[clauses[at].texts.index(TARGET) :])
        is_subject = bare_start(clauses[at]) == TARGET
        for clause in clauses[at + 1 :]:
            if clause.has(MARK):
                return
            if is_subject and goes_on(clause):
                self._about(own, clause, is_note=True)
                continue
            if clause.kind == "condition" and clause.texts[0] == "only" and not self.evidence.is_ordered:
                self.evidence.said.append((DOUBTS, own[clause.words[0].start : clause.words[-1].end]))
            self._about(own, clause, clause.joint in _LEADING | {"?"}, is_last)

    def _speaks(self, sentence: str, is_note: bool = False) -> bool:
        size = len(self.evidence.said)
        for number, clause in enumerate(clauses_of(sentence)):
            if number and clause.kind == "which" and len(self.evidence.said) == size and is_note:
                continue  # it goes on with a noun of the note
            self._about(sentence, clause, is_note and (not number or goes_on(clause)))
        return len(self.evidence.said) > size

    def _about(self, text: str, clause: Clause, is_note: bool = False, is_last: bool = True) -> None:
        """Hears a clause behind the command where it speaks of it."""
        if clause.kind == "condition":
            self._on_condition(text, clause)
            return
        if clause.kind == "reason" and self.evidence.is_ordered:
            return
        if is_of_place(clause) and (self.evidence.is_ordered or self.is_limited):
            return
        if is_ours_not(clause):
            self.evidence.said.append((FORBIDS, text[clause.words[0].start : clause.words[-1].end]))
            return
        if self.is_alone and clause.has("they") and not clause.has("it", "this", "that"):
            return
        rank = rank_of(clause)
        if rank and self.rank and rank != self.rank:
            self._of_the_other(clause)
            return
        self.is_only = clause.texts[0] == "only"
        about = ranked(clause) if rank and self.rank else spoken_of(clause, is_note, self.is_ahead)
        self.is_ahead = self.is_ahead and about is None
        if about is None or (not is_last and about.texts[0] == TARGET):
            return
        remarks = remarks_on(about)
        said = remarks.said
        if is_ellipsis(about):
            said = [Remark(self._denial(), clause.words[0].start, clause.words[-1].end)]
        if remarks.orders and not said:
            said = [Remark(ORDERS, clause.words[0].start, clause.words[-1].end)]
        said = [
            replace(each, verdict=RISKS) if was_so(about, remarks) and each.verdict == UNCLEAR else each
            for each in said
        ]
        said = [remark for remark in said if remark.verdict != UNCLEAR]
        if rank and self.rank:
            said = [replace(each, verdict=FORBIDS) if each.verdict == HARMS else each for each in said]
        if self._is_myth(clause):
            said = [Remark(LIFTS, clause.words[0].start, clause.words[-1].end)]
        self.evidence.add(text, said)

    def _is_myth(self, clause: Clause) -> bool:
        """Returns whether a clause says that what was said against the command is not so, rather than that it is."""
        families = {family for span in spans_of(clause.texts) for family in span.families}
        is_against = bool({FORBIDS, FORBADE, HARMS, RISKS, DOUBTS} & {verdict for verdict, _ in self.evidence.said})
        return "myth" in families and ("gone" not in families or (is_against and clause.texts[0] != "it"))

    def _denial(self) -> str:
        """Returns what `it is not` says: that what was said against the command is not so, or that it is not meant."""
        was_good = any("used to" in words.lower() for _, words in self.evidence.said) and not self.was_bad
        return (
            LIFTS
            if self.was_bad
            or (not was_good and {FORBIDS, FORBADE, HARMS, RISKS, DOUBTS} & {said for said, _ in self.evidence.said})
            else FORBIDS
        )

    def _of_the_other(self, clause: Clause) -> None:
        """Hears a clause about the other one of two commands, which may be the one that is chosen."""
        remarks = remarks_on(ranked(clause))
        is_chosen = remarks.orders or any(remark.verdict in (MEANS, ORDERS) for remark in remarks.said)
        self.evidence.is_second |= is_chosen and not any(remark.verdict in (FORBIDS, HARMS) for remark in remarks.said)

    def _on_condition(self, text: str, clause: Clause) -> None:
        for span in spans_of(clause.texts):
            if span.families & {"group", "restricted"} and self.is_only:
                self.evidence.said.append((DOUBTS, text[clause.words[0].start : clause.words[-1].end]))
                return
            if (
                "restricted" in span.families
                and clause.texts[0] in ("only", "if", "unless", "until", "after")
                and clause.has("only", "approves", "agrees", "signs", "approved", "signed")
            ):
                self.evidence.said.append(
                    (DOUBTS, text[clause.words[span.first].start : clause.words[span.end - 1].end])
                )

    def _following(self, own: str, after: Sequence[str]) -> None:
        if own.rstrip(' )"”*_').endswith("?") and after:
            is_of_harm = asks_for_harm(own)
            if (found := _REFUSED.match(after[0])) and not is_of_harm:
                self.evidence.said.append((FORBIDS, found.group()))
                return
            if is_of_harm and (found or _AGREED.match(after[0])):
                self.evidence.said = [(MEANS if found else FORBIDS, after[0])]
                return
            if _AGREED.match(after[0]):
                self.evidence.said.append((MEANS, ""))
        self.told(after)

    def _is_passed_over(self, clauses: Sequence[Clause], at: int, after: Sequence[str]) -> bool:
        """Returns whether another command is chosen, and nothing says that this one is to be run, too."""
        if self.evidence.is_ordered or any(verdict in (MEANS, ORDERS, SUGGESTS) for verdict, _ in self.evidence.said):
            return False
        others = [clause for clause in clauses[at + 1 :] if clause.has(MARK)]
        others += [clause for sentence in after[:_SENTENCES] for clause in clauses_of(sentence) if clause.has(MARK)]
        return any(is_chosen(clause) for clause in others[:2])

"""What a clause is shaped like: an ellipsis, a supposition, a word on what once was."""

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause, clauses_of
from stages.dataset.runbook.wording.lexicon import MARK, TARGET, spans_of
from stages.dataset.runbook.wording.reading import (
    DOUBTS,
    FORBADE,
    FORBIDS,
    HARMS,
    MEANS,
    SUGGESTS,
    Remark,
    Remarks,
)
from stages.dataset.runbook.wording.remarks import remarks_on

_IF = {"if", "when", "whenever", "should", "before"}


def asks_for_harm(question: str) -> bool:
    """Returns whether a question asks for what would speak against the command: `can it do harm?`"""
    return bool(families_of(question) & {"harm", "risk", "bad"})


def families_of(sentence: str) -> frozenset[str]:
    """Returns the families of all the words of a sentence."""
    spans = [span for clause in clauses_of(sentence) for span in spans_of(clause.texts)]
    return frozenset(family for span in spans for family in span.families)


def was_against(clause: Clause) -> bool:
    """Returns whether a clause tells that something spoke against the command in the past."""
    spans = spans_of(clause.texts)
    used = next((at for at, text in enumerate(clause.texts) if text == "used"), -1)
    if used < 0 or clause.texts[used + 1 : used + 2] != ["to"]:
        return False
    against = {"bad", "risk", "harm", "mild", "restricted", "need", "objection"}
    return any(span.first > used and span.families & against for span in spans)


def is_of_place(clause: Clause) -> bool:
    """Returns whether a clause speaks of running the command elsewhere, or otherwise: `running it on the primary`."""
    texts = clause.texts
    is_run = texts[0] in ("running", "using", "doing", "executing") and texts[1:2] in (["it"], ["this"], ["that"])
    return is_run and texts[2:3] != [] and texts[2] in GRAMMAR["loose"] | {"without", "before", "after", "while", "as"}


def was_so(about: Clause, remarks: Remarks) -> bool:
    """Returns whether a clause tells what the command once was: `it was the fix before the move`."""
    return remarks.is_past and about.has("was", "were", "used", "did") and not about.has("i")


def bare_start(clause: Clause) -> str:
    """Returns the first word of a clause that is more than a filler or an article."""
    fillers = GRAMMAR["skipped"] | GRAMMAR["naming"] - {"for", "as", "because", "since", "with", "by", "in"}
    return next((text for text in clause.texts if text not in fillers), "")


def goes_on(clause: Clause) -> bool:
    """Returns whether a clause goes on with the subject of the one before: `but has been retired`."""
    texts = clause.texts
    return (
        texts[0] in ("but", "and", "yet", "or")
        and texts[1:2] != []
        and (texts[1] in GRAMMAR["finite"] or texts[1] in ("never", "also", "then"))
    )


def is_ours_not(clause: Clause) -> bool:
    """Returns whether a clause only says that those who read the page do not: `you will not`, `we do not`."""
    texts = [text for text in clause.texts if text not in GRAMMAR["skipped"]]
    is_ours = texts[:1] in (["you"], ["we"]) or texts[:2] == ["on", "call"]
    rest = [text for text in texts[1:] if text not in GRAMMAR["auxiliaries"] | {"call", "any", "longer", "either"}]
    return is_ours and rest in (["not"], ["never"], ["no"]) and len(texts) > 2


def is_ellipsis(clause: Clause) -> bool:
    """Returns whether a clause only takes back what was said before: `it is not`, `it does not any more`."""
    texts = clause.texts
    if texts[0] in GRAMMAR["adverbial"] and TARGET in texts:
        texts = texts[texts.index(TARGET) :]
    rest = [
        text
        for text in texts
        if text not in GRAMMAR["auxiliaries"] | GRAMMAR["skipped"] | {TARGET, "any", "longer", "not"}
    ]
    has_verb = bool((GRAMMAR["auxiliaries"] - {"to"}) & set(texts))
    is_denied = "not" in texts or "longer" in texts
    return has_verb and not set(rest) - {"no"} and texts[0] == TARGET and is_denied


def tells_loss(clause: Clause) -> bool:
    """Returns whether a clause tells what somebody lost or broke, or that nothing helped."""
    if clause.texts[:4] == ["it", "does", "not", "help"]:
        return True
    spans = spans_of(clause.texts)
    is_denied = any(span.families & {"not", "innocent", "without"} for span in spans)
    return clause.texts[0] in GRAMMAR["persons"] and not is_denied and any("harm" in span.families for span in spans)


def supposes(clause: Clause) -> bool:
    """Returns whether a condition is that the command is run: `if you feel like running it`."""
    texts = clause.texts
    at = texts.index(TARGET)
    if not _IF & set(texts[:2]) and texts[0] != "who":
        return False
    governs = any("run" in span.families and at - span.end <= 1 for span in spans_of(texts))
    return (governs or at == 1) and not {"can", "should", "must"} & set(texts[:at])


def only_reads(clause: Clause) -> bool:
    """Returns whether a clause only tells what the command shows."""
    return clause.has(
        "shows", "prints", "lists", "tells", "returns", "displays", "reports", "says", "show", "list", "check"
    )


def about_mark(clause: Clause) -> Clause:
    """Returns a clause with TARGET in the place of its first other command."""
    return clause.put(place := clause.texts.index(MARK), place + 1)


def is_chosen(clause: Clause) -> bool:
    """Returns whether a clause tells to run the other command in it, or praises it."""
    remarks = remarks_on(about_mark(clause))
    verdicts = {remark.verdict for remark in remarks.said}
    is_good = (
        remarks.orders
        or bool(verdicts & {MEANS, SUGGESTS})
        or (remarks.is_bare and clause.has("so", "rather", "instead"))
    )
    return is_good and not verdicts & {FORBIDS, HARMS, DOUBTS, FORBADE}


def is_right_before(own: str, remark: Remark, clause: Clause) -> bool:
    """Returns whether an order not to stands right before the command, so that no condition takes it back."""
    target = clause.words[clause.texts.index(TARGET)]
    if any(word.text in GRAMMAR["persons"] for word in clause.words):
        return False
    is_before = remark.start < remark.end <= target.start
    return is_before and len(own[remark.end : target.start].split()) <= 1

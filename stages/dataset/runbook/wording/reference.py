"""What a clause without a command speaks of: the command before it, or something else."""

from collections.abc import Sequence

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause
from stages.dataset.runbook.wording.lexicon import Span, spans_of

_SAYING = {"not", "shun", "run", "bad", "risk", "harm", "good", "innocent", "restricted", "gone", "past"}
_RANKS = {"former": 1, "first": 1, "latter": 2, "second": 2, "last": 2}
_GERUNDS = {"running", "doing", "using", "executing", "trying"}


def spoken_of(clause: Clause, is_note: bool = False, is_ahead: bool = False) -> Clause | None:
    """Returns a clause with TARGET in the place of what it calls the command; None where it speaks of something else.

    is_note: whether the command is the subject of a note without one, such as `loses messages`. is_ahead: whether the
    command comes behind and was not spoken of yet, so that `it` is something else.
    """
    texts, spans = clause.texts, spans_of(clause.texts)
    at = next((place for place, text in enumerate(texts) if text not in GRAMMAR["skipped"]), -1)
    if at < 0:
        return None
    if _is_expletive(texts, spans, at) or (is_ahead and texts[at] in ("it", "they", "which")):
        return _as_object(clause, texts, spans, at, is_ahead)
    if end := _end_of_subject(texts, spans, at):
        return clause.put(at, end)
    if at_subject := _behind_adverbial(texts, at):
        return clause.put(at_subject, at_subject + 1)
    return _as_object(clause, texts, spans, at, is_ahead) or _without_subject(clause, texts, spans, at, is_note)


def _behind_adverbial(texts: Sequence[str], at: int) -> int:
    """Returns where the subject stands behind a phrase of place or time: `on our setup it wipes …`; 0 for none."""
    if texts[at] not in GRAMMAR["adverbial"]:
        return 0
    found = next((place for place in range(at + 2, min(at + 7, len(texts) - 1)) if texts[place] == "it"), 0)
    return found if found and texts[found - 1] not in GRAMMAR["adverbial"] | {"to", "of", "and", "or"} else 0


def _is_expletive(texts: Sequence[str], spans: Sequence[Span], at: int) -> bool:
    """Returns whether `it` stands for what comes: `it is wrong to wait`."""
    if texts[at] not in ("it", "there"):
        return False
    judged = next((span for span in spans if span.first > at and span.families & {"bad", "risk", "good", "harm"}), None)
    if judged is None:
        return False
    behind = texts[judged.end : judged.end + 1]
    return behind in (["to"], ["that"]) or texts[judged.end - 1] == "to" or any(text.endswith("ing") for text in behind)


def rank_of(clause: Clause) -> int:
    """Returns which of two commands a clause speaks of: 1 for the former, 2 for the latter, 0 where it does not say."""
    texts = clause.texts
    for at, text in enumerate(
        texts[:-1]
        if texts[-1:] in (["first"], ["second"], ["last"]) and len(texts) > 2 and texts[-2] != "the"
        else texts
    ):
        if text in _RANKS and texts[at - 1 : at] in (["the"], ["that"], ["this"]) and at:
            return _RANKS[text]
    return 0


def ranked(clause: Clause) -> Clause:
    """Returns a clause that speaks of one of two commands with TARGET in the place of its rank."""
    texts = clause.texts
    at = next(place for place, text in enumerate(texts) if text in _RANKS and place)
    noun = next((span for span in spans_of(texts) if span.first == at + 1 and "command" in span.families), None)
    end = noun.end if noun else at + 1 + (texts[at + 1 : at + 2] in (["one"], ["of"], ["option"]))
    return clause.put(at - 1, end)


def _end_of_subject(texts: Sequence[str], spans: Sequence[Span], at: int) -> int:
    """Returns where a subject that names the command ends; 0 where there is none."""
    text, end = texts[at], at + 1
    if text in _GERUNDS and texts[end : end + 1] and texts[end] in GRAMMAR["objects"]:
        return at + 2
    if found := _end_of_pointer(texts, spans, at):
        return found
    if text in ("it", "they", "which"):
        return at + 1
    return at + 1 if text in GRAMMAR["pronouns"] and _is_verb(texts, spans, at + 1) else 0


def _end_of_pointer(texts: Sequence[str], spans: Sequence[Span], at: int) -> int:
    """Returns where `the command above` and its like end; 0 where none begins."""
    end = at + 1
    if texts[at] not in GRAMMAR["pointing"]:
        return 0
    while end < len(texts) and texts[end] in GRAMMAR["qualifying"]:
        end += 1
    noun = next((span for span in spans if span.first == end and "command" in span.families), None)
    if not noun and texts[at] != "the" and texts[end : end + 1] in (["one"], ["ones"]):
        return end + 1
    if noun:
        is_clear = texts[at] != "the" or end > at + 1 or texts[noun.end : noun.end + 1] in (["above"], ["below"])
        is_subject = not any(span.end <= at for span in spans) or is_clear
        return noun.end + (texts[noun.end : noun.end + 1] in (["above"], ["below"])) if is_subject else 0
    return end if end > at + 1 else 0


def _is_verb(texts: Sequence[str], spans: Sequence[Span], at: int) -> bool:
    if at >= len(texts) or texts[at] in GRAMMAR["auxiliaries"] | GRAMMAR["skipped"] | GRAMMAR["past_forms"]:
        return True
    families = next((span.families for span in spans if span.first == at), frozenset())
    if families & {"not", "shun", "past", "calamity"}:
        return "calamity" not in families
    return texts[at].endswith("ed") or (texts[at].endswith("s") and at + 1 < len(texts))


def _as_object(
    clause: Clause, texts: Sequence[str], spans: Sequence[Span], at: int, is_ahead: bool = False
) -> Clause | None:
    """Returns the clause where it names the command as the object of what it says; else None."""
    for place in range(at + 1, len(texts)):
        if (end := _end_of_pointer(texts, spans, place)) and any(
            span.families & _SAYING for span in spans if span.end <= place
        ):
            return clause.put(place, end)
        if texts[place] not in GRAMMAR["objects"] or (is_ahead and texts[place] == "it" and "not" not in texts):
            continue
        if texts[place] == "so" and texts[place - 1] not in ("do", "doing", "did"):
            continue
        if texts[place - 1] == "for" and _has_object(texts, spans, at, place):
            continue
        ends = place + 1 == len(texts) or texts[place + 1] in GRAMMAR["behind_orders"]
        if place + 1 == len(texts) and texts[place - 1] in ("leave", "leaving"):
            return clause.put(place, place + 1)
        if ends and any(span.families & _SAYING for span in spans if span.first < place):
            return clause.put(place, place + 1)
    return None


def _has_object(texts: Sequence[str], spans: Sequence[Span], at: int, place: int) -> bool:
    """Returns whether a verb has another object: `do not use the console for this`."""
    verbs = (span for span in spans if span.first >= at and "run" in span.families and span.end < place - 1)
    return any(texts[verb.end] in GRAMMAR["determiners"] for verb in verbs)


def _without_subject(
    clause: Clause, texts: Sequence[str], spans: Sequence[Span], at: int, is_note: bool
) -> Clause | None:
    """Returns a clause such as `Never.` or `Not to be used.` with the command put in; None where it has a subject."""
    if is_note and any(span.first == at and "innocent" in span.families for span in spans):
        return clause.put(0, 0)
    is_bare = at == 0 or set(texts[:at]) <= {"and", "but", "yet", "or", "also", "now"}
    if is_note and is_bare and len(texts) > at + 1 and texts[at] in GRAMMAR["finite"]:
        return clause.put(0, 0)
    if "there" in texts[:at] and texts[at + 1 : at + 3] in (["not", "a"], ["not", "an"], ["not", "any"]):
        return None
    at += texts[at] in GRAMMAR["auxiliaries"] or texts[at] in ("a", "an", "the")
    first = next((number for number, span in enumerate(spans) if span.first == at), None)
    if first is None:
        return None
    span, rest = spans[first], texts[spans[first].end :]
    if "not" in span.families:
        return _refusal(clause, texts, spans, first)
    if "shun" in span.families:
        return clause.put(len(texts), len(texts)) if not rest or rest[0] in GRAMMAR["behind_orders"] else None
    if span.families & {"bad", "risk", "gone", "doubt", "reserve"} and (
        not rest or rest[0] in GRAMMAR["closing"] or rest[0][0].isdigit()
    ):
        return clause.put(0, 0)
    is_told = len(texts) > 1 and texts[at].endswith("s") and not texts[at].endswith("ss")
    is_told = is_told and texts[at + 1 : at + 2] != ["not"] and not set(texts[at + 1 : at + 2]) & GRAMMAR["auxiliaries"]
    is_told = is_told or (
        is_note
        and (texts[at] in GRAMMAR["past_forms"] or texts[at].endswith("ed"))
        and len(texts) > at + 1
        and texts[at + 1] in GRAMMAR["determiners"]
    )
    is_told = is_told and (is_note or "calamity" not in span.families)
    is_told = is_told or (
        "bad" in span.families and any(text.endswith("s") for text in texts[span.first + 1 : span.end])
    )
    if (span.families & {"harm", "mild", "bad"} and is_told) or (is_note and "calamity" in span.families):
        return clause.put(0, 0)
    return clause.put(0, 0) if is_note and span.families & {"elsewhere", "restricted", "please", "good"} else None


def _refusal(clause: Clause, texts: Sequence[str], spans: Sequence[Span], first: int) -> Clause | None:
    """Returns a clause that begins with a negation with the command put in; None where it speaks of something else."""
    negation, rest = spans[first], texts[spans[first].end :]
    if not rest:
        return clause.put(len(texts), len(texts))
    follower = spans[first + 1] if first + 1 < len(spans) else None
    if follower is None or follower.first > negation.end + 2 or "spare" in follower.families:
        return (
            clause.put(0, 0)
            if rest[0] in GRAMMAR["places"] and not (follower and "spare" in follower.families)
            else None
        )
    if "run" in follower.families and texts[negation.first] != "no":
        return _unrun(clause, texts, negation, follower)
    return (
        clause.put(0, 0) if follower.families & {"good", "need", "proof", "restricted", "bad", "risk", "harm"} else None
    )


def _unrun(clause: Clause, texts: Sequence[str], negation: Span, verb: Span) -> Clause | None:
    behind = texts[verb.end :]
    if "be" in texts[negation.end : verb.first]:
        return clause.put(0, 0)
    return clause.put(verb.end, verb.end) if not behind or behind[0] in GRAMMAR["behind_orders"] else None

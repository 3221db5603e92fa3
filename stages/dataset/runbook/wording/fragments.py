"""What a heading, a label, a comment or a line that leads on says of the commands that come."""

from collections.abc import Sequence
from dataclasses import replace

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause
from stages.dataset.runbook.wording.lexicon import Span, spans_of
from stages.dataset.runbook.wording.reading import DOUBTS, FORBIDS, RISKS, UNCLEAR, Remark, Remarks
from stages.dataset.runbook.wording.reference import spoken_of
from stages.dataset.runbook.wording.remarks import remarks_on

_ASKING = {"what", "how", "things", "thing", "stuff", "everything", "anything"}
_POINTING = {"this", "these", "following", "below", "those", "such"}
_ONCE = {"old", "previously", "formerly", "earlier", "historically", "yesterday", "past"}
_ADVERBS = {"previously", "formerly", "earlier", "historically"}
_VERBS = {"run", "act", "says"}
_ADJECTIVES = {"bad", "risk", "gone", "past", "shun", "elsewhere"}


def remarks_ahead(clause: Clause, leads: bool = False, is_line: bool = False) -> Remarks:
    """Returns what a clause says of the commands behind it.

    leads: whether a sentence goes on with the command. is_line: whether a colon sets the command apart, which may then
    be the subject of a clause without one: `loses the journal:`.
    """
    if clause.kind == "condition" and not _is_dated(clause):
        return Remarks()
    texts = clause.texts
    about = clause.put(len(texts), len(texts)) if leads else named(clause)
    if about is None and clause.joint == "(" and len(texts) > 1 and texts[0] in GRAMMAR["finite"]:
        about = clause.put(0, 0)
    about = about or (spoken_of(clause) if is_line and _tells_harm(clause) else None)
    found = remarks_on(about) if about else _said_outright(clause)
    was_so = found.is_past and texts[-1:] not in (["was"], ["is"], ["were"]) and not {"i", "we"} & set(texts)
    said = [replace(each, verdict=RISKS) if was_so and each.verdict == UNCLEAR else each for each in found.said]
    found.said = [remark for remark in said if remark.verdict != UNCLEAR]
    return found


def _tells_harm(clause: Clause) -> bool:
    texts = clause.texts
    at = next((place for place, text in enumerate(texts) if text not in GRAMMAR["skipped"]), 0)
    return texts[at].endswith("s") and any(span.first == at and "harm" in span.families for span in spans_of(texts))


def _is_dated(clause: Clause) -> bool:
    """Returns whether a condition is but a year: `before 2022`."""
    return any("gone" in span.families and not span.first for span in spans_of(clause.texts))


def is_waiting(clause: Clause) -> bool:
    """Returns whether a clause waits for what its last word is done to: `never run`."""
    return clause.texts[-1] in GRAMMAR["transitive"]


def named(clause: Clause) -> Clause | None:
    """Returns a clause that speaks of what comes with TARGET in place of its name."""
    texts, spans = clause.texts, spans_of(clause.texts)
    at = next((place for place, text in enumerate(texts) if text not in GRAMMAR["skipped"]), 0)
    if texts[at] in _ASKING:
        return clause.put(at, at + 1)
    noun = next((span for span in spans if "command" in span.families and span.first <= at + 4), None)
    if noun and _is_head(texts, spans, at, noun):
        return clause.put(noun.first, noun.end)
    return spoken_of(clause, is_ahead=True) if _POINTING & set(texts) else None


def _is_head(texts: Sequence[str], spans: Sequence[Span], at: int, noun: Span) -> bool:
    """Returns whether a noun is what a clause is about: words that may stand before it come before it."""
    between = [span for span in spans if at <= span.first < noun.first]
    if "no" in texts[at : noun.first] or any(
        span.families & _VERBS and not span.families & _ADJECTIVES for span in between
    ):
        return False
    behind = texts[noun.end] if noun.end < len(texts) else ""
    if not behind:
        return any(span.families & _ADJECTIVES for span in between)
    judged = any(span.first >= noun.end and span.families & {"harm", "bad", "risk"} for span in spans)
    if any(span.first == noun.end and span.families & {"harm", "mild", "bad", "gone"} for span in spans):
        return behind.endswith("s")
    if judged and behind in GRAMMAR["closing"] and behind not in ("to", "for", "and", "or", "of"):
        return True
    return (
        behind in GRAMMAR["predicates"]
        or behind in GRAMMAR["auxiliaries"] - {"to"}
        or behind in GRAMMAR["subjects"]
        or (behind in GRAMMAR["closing"] and behind != "to" and any(span.families & _ADJECTIVES for span in between))
        or texts[noun.end : noun.end + 2] in (["to", "avoid"], ["to", "be"], ["not", "to"])
    )


def _said_outright(clause: Clause) -> Remarks:
    clause = _without_joint(clause)
    texts, spans = clause.texts, spans_of(clause.texts)
    at = next((place for place, text in enumerate(texts) if text not in GRAMMAR["skipped"]), len(texts))
    at += texts[at : at + 1] == ["do"] and texts[at + 1 : at + 2] == ["not"]
    first = next((number for number, span in enumerate(spans) if span.first == at), None)
    theirs = next((n for n, span in enumerate(spans) if _is_theirs(texts, span)), None)
    if theirs is not None and (first is None or not _refuses(texts, spans, first)):
        words = clause.words[spans[theirs].first : spans[theirs].end]
        return Remarks([Remark(DOUBTS, words[0].start, words[-1].end)])
    kept = next((n for n, span in enumerate(spans) if "reserve" in span.families), None)
    if kept is not None and (first is None or not _refuses(texts, spans, first)):
        first = None if any("not" in span.families for span in spans[:kept]) else kept
    elif first is None or not _refuses(texts, spans, first):
        return Remarks()
    if first is None:
        return Remarks()
    words = clause.words[spans[first].first : spans[first].end]
    verdict = DOUBTS if spans[first].families & {"risk", "reserve"} else FORBIDS
    return Remarks([Remark(verdict, words[0].start, words[-1].end)])


def _without_joint(clause: Clause) -> Clause:
    """Returns a clause without the word that joins it to what was said: `and not this one`."""
    begin = next((at for at, word in enumerate(clause.words) if word.text not in ("and", "but", "or", "yet")), 0)
    return replace(clause, words=clause.words[begin:])


def _is_theirs(texts: Sequence[str], span: Span) -> bool:
    """Returns whether an entry names those who alone may run a command: `only with the owner on the line`."""
    if "restricted" in span.families and {"only", "alone"} & set(texts[span.first : span.end]):
        return True
    is_with = texts[:1] == ["only"] and texts[1:2] in (["with"], ["by"], ["after"], ["for"], ["together"], ["from"])
    return is_with and bool(span.families & {"restricted", "group"})


def _refuses(texts: Sequence[str], spans: Sequence[Span], first: int) -> bool:
    span = spans[first]
    rest = texts[span.end :]
    if "innocent" in span.families:
        return False
    if "not" in span.families:
        return _negates(texts, spans, first)
    if "shun" in span.families:
        return not rest or rest[0] in GRAMMAR["behind_orders"] or rest[0] in _POINTING or rest[0].endswith("ing")
    is_bare = not set(texts) & (GRAMMAR["auxiliaries"] | GRAMMAR["subjects"])
    if texts[first_word := span.first] in _ONCE and (
        len(texts) == first_word + 1 or (is_bare and not first_word and texts[0] in _ADVERBS)
    ):
        return True
    if span.families & {"bad", "gone", "former", "risk", "reserve"}:
        is_year = bool(rest) and rest[0][0].isdigit() and (len(rest[0]) == 4 or "." in rest[0])
        return not rest or rest[0] in GRAMMAR["closing"] or is_year
    return False


def _negates(texts: Sequence[str], spans: Sequence[Span], first: int) -> bool:
    span = spans[first]
    rest = texts[span.end :]
    if not rest:
        return True
    follower = spans[first + 1] if first + 1 < len(spans) and spans[first + 1].first <= span.end + 1 else None
    if follower and follower.families & {"spare", "shun"}:
        return False
    is_order = texts[span.first - 1 : span.first] == ["do"]
    if rest[0] in _POINTING - {"such"} and texts[span.first] != "no" and len(rest) <= 3:
        return True
    if texts[span.first] == "never":
        return not rest[0].endswith("s") or bool(follower and "run" in follower.families)
    if texts[span.first] == "not" and not is_order:
        return rest[0] in GRAMMAR["licences"] or bool(follower and "run" in follower.families and rest[0] != "running")
    return is_order or texts[span.first] == "under"

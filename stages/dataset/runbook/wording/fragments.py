"""What a heading, a label, a comment or a line that leads on says of the commands that come: no full sentence at times."""

from collections.abc import Sequence

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause
from stages.dataset.runbook.wording.lexicon import Span, spans_of
from stages.dataset.runbook.wording.reference import spoken_of
from stages.dataset.runbook.wording.remarks import FORBIDS, Remark, Remarks, remarks_on

_ASKING = {"what", "how", "things", "thing", "stuff", "everything", "anything"}
_POINTING = {"this", "these", "following", "below", "those", "such"}
_LICENCES = {"allowed", "permitted", "recommended", "advised", "advisable", "safe", "supported", "approved", "acceptable", "helpful", "useful", "worth", "ok", "okay", "good", "right", "an", "a", "to", "for", "here", "like", "meant", "intended", "the"}  # fmt: skip


def remarks_ahead(clause: Clause, leads: bool = False) -> Remarks:
    """Returns what a clause says of the commands behind it. leads: whether a sentence goes on with the command."""
    if clause.kind == "condition":
        return Remarks()
    texts = clause.texts
    if leads and texts[-1] in GRAMMAR["transitive"]:
        return remarks_on(clause.put(len(texts), len(texts)))
    return remarks_on(about) if (about := _named(clause)) else _said_outright(clause)


def _named(clause: Clause) -> Clause | None:
    """Returns a clause that speaks of what comes with TARGET in place of its name."""
    texts, spans = clause.texts, spans_of(clause.texts)
    at = next((place for place, text in enumerate(texts) if text not in GRAMMAR["skipped"]), 0)
    if texts[at] in _ASKING:
        return clause.put(at, at + 1)
    if _POINTING & set(texts):
        return spoken_of(clause)
    noun = next((span for span in spans if "command" in span.families and span.first <= at + 4), None)
    if noun is None or not _is_head(texts, spans, at, noun):
        return None
    return clause.put(noun.first, noun.end)


def _is_head(texts: Sequence[str], spans: Sequence[Span], at: int, noun: Span) -> bool:
    """Returns whether a noun is what a clause is about: words that may stand before it come before it."""
    between = [span for span in spans if at <= span.first < noun.first]
    if any(span.families & {"run", "act", "says"} and not span.families & {"bad", "gone", "past"} for span in between):
        return False
    return noun.end < len(texts) or bool(between)


def _said_outright(clause: Clause) -> Remarks:
    texts, spans = clause.texts, spans_of(clause.texts)
    at = next((place for place, text in enumerate(texts) if text not in GRAMMAR["skipped"]), len(texts))
    at += texts[at : at + 1] == ["do"] and texts[at + 1 : at + 2] == ["not"]
    first = next((number for number, span in enumerate(spans) if span.first == at), None)
    if first is None or not _refuses(texts, spans, first):
        return Remarks()
    words = clause.words[spans[first].first : spans[first].end]
    return Remarks([Remark(FORBIDS, words[0].start, words[-1].end)])


def _refuses(texts: Sequence[str], spans: Sequence[Span], first: int) -> bool:
    span = spans[first]
    rest = texts[span.end :]
    if "innocent" in span.families:
        return False
    if "not" in span.families:
        return _negates(texts, spans, first)
    if "shun" in span.families:
        return not rest or rest[0] in GRAMMAR["behind_orders"] or rest[0] in _POINTING or rest[0].endswith("ing")
    if span.families & {"bad", "gone"}:
        return not rest or rest[0] in GRAMMAR["closing"]
    return False


def _negates(texts: Sequence[str], spans: Sequence[Span], first: int) -> bool:
    span = spans[first]
    rest = texts[span.end :]
    if not rest:
        return True
    follower = spans[first + 1] if first + 1 < len(spans) and spans[first + 1].first <= span.end + 1 else None
    if follower and "spare" in follower.families:
        return False
    is_order = texts[span.first - 1 : span.first] == ["do"]
    if texts[span.first] == "never":
        return not rest[0].endswith("s") or bool(follower and "run" in follower.families)
    if texts[span.first] == "not" and not is_order:
        return rest[0] in _LICENCES or bool(follower and "run" in follower.families and rest[0] != "running")
    return is_order or texts[span.first] == "under"

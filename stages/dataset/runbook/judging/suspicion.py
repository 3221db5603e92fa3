"""A clause about a command in which words of judgement stand that no rule explained."""

from collections.abc import Sequence
from dataclasses import replace

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause, clauses_of
from stages.dataset.runbook.wording.lexicon import MARK, TARGET, Span, spans_of
from stages.dataset.runbook.wording.shapes import is_of_place

_CUES = {"bad", "gone", "shun", "doubt", "reserve", "risk", "harm", "former", "calamity"}
_TURNS = {"not", "innocent", "without", "spare"}
_REACH = 4
_CONDITION = 2  # words of the shortest condition: `until then`
_FINITE = GRAMMAR["finite"] | {"stays", "remains", "are", "were"}
_TELLING = (GRAMMAR["auxiliaries"] - {"to", "do", "need"}) | {"that", "which"}
_NOUNS = 3  # words that may stand between an article and what it names
_SUBJECTS = GRAMMAR["pronouns"] | {"all", "none", "neither", "either", "nothing", "such", "everything"}
_GERUNDS = {"running", "doing", "using", "executing", "trying", "following"}


def suspicious(text: str) -> str:
    """Returns the words that judge a command of which a text speaks; '' where there are none."""
    clauses = clauses_of(text)
    for number, clause in enumerate(clauses):
        if clause.kind == "which" and number and _is_replaced(clauses[number - 1]):
            continue
        if clause.texts[0] == "they" and TARGET in text:
            continue  # things that the sentence names, and not the command
        if words := _judged(clause):
            return words
    return ""


def _is_replaced(clause: Clause) -> bool:
    """Returns whether a clause names what gives way to the command: `instead of the above, which is obsolete`."""
    return any("instead" in span.families for span in spans_of(clause.texts))


def _judged(clause: Clause) -> str:
    if clause.kind == "condition":
        rest = _behind_condition(clause)
        return _judged(rest) if rest else ""
    texts, spans = clause.texts, spans_of(clause.texts)
    if texts[0] in GRAMMAR["dropped"] and (len(texts) == 1 or texts[1] in GRAMMAR["closing"] - GRAMMAR["determiners"]):
        return texts[0]
    if not _is_about(texts, spans) or is_of_place(clause):
        return ""
    if words := _refused_behind(texts, spans) or _of_everything(texts, spans):
        return words
    for number, span in enumerate(spans):
        is_said = span.families & _CUES and not _is_turned(texts, spans[:number], span)
        if is_said and not _is_attribute(texts, span) and not _is_order(texts, span) and not _is_of_other(texts, span):
            return " ".join(texts[span.first : span.end])
    return ""


def _of_everything(texts: Sequence[str], spans: Sequence[Span]) -> str:
    """Returns the words by which a clause tells what happens to all there is: `everything is deleted`."""
    is_all = texts[0] in ("everything", "everyone", "everybody")
    is_harm = is_all and any(span.families & {"harm", "mild"} for span in spans)
    return " ".join(texts) if is_harm and not any(span.families & _TURNS for span in spans) else ""


def _refused_behind(texts: Sequence[str], spans: Sequence[Span]) -> str:
    """Returns the words by which a clause takes back its own praise: `fine at no time`."""
    is_praise = bool(spans) and spans[0].first == 0 and "good" in spans[0].families
    last = spans[-1] if spans else None
    is_refused = is_praise and last is not None and "not" in last.families and last.end == len(texts)
    return " ".join(texts) if is_refused else ""


def _behind_condition(clause: Clause) -> Clause | None:
    """Returns what a clause goes on to say behind a condition without a comma: `until then it stays forbidden`."""
    texts = clause.texts
    starts = range(_CONDITION, len(texts) - 1)
    at = next((at for at in starts if texts[at] in ("it", "this", "they") and texts[at + 1] in _FINITE), None)
    return replace(clause, words=clause.words[at:], kind="main") if at else None


def _is_order(texts: Sequence[str], span: Span) -> bool:
    """Returns whether words of harm are what is to be done: `take the replica out`, `skip the broken one with T`."""
    if span.families & {"harm", "shun"} and TARGET in texts[span.end :] and _is_means(texts):
        return True
    if "harm" in span.families and not span.families & {"bad", "risk", "gone"}:
        first, before = texts[span.first], texts[max(0, span.first - 2) : span.first]
        if span.first == 0 and first.endswith("ed"):
            return True
        is_finite = first.endswith(("s", "ed", "en", "ing", "ght", "st", "oke")) or bool(set(before) & _TELLING)
        return not is_finite
    if "shun" in span.families:
        if texts[span.first - 1 : span.first] in (["or"], ["and"], ["to"]) and TARGET not in texts:
            return True  # one of two things to do: `confirm or dismiss`
        behind = texts[span.end] if span.end < len(texts) else ""
        return bool(behind) and behind not in GRAMMAR["objects"] | GRAMMAR["behind_orders"] | {TARGET, MARK, "the"}
    return False


def _is_means(texts: Sequence[str]) -> bool:
    """Returns whether a clause tells what the command is the means to: `avoid a second page by running T`."""
    at = texts.index(TARGET)
    return bool({"by", "with", "via", "using", "through"} & set(texts[max(0, at - 2) : at]))


def _is_of_other(texts: Sequence[str], span: Span) -> bool:
    """Returns whether `it` stands for what comes: `it is a mistake to wait`."""
    behind = texts[span.end : span.end + 2]
    is_run = any(each.first == 0 and "run" in each.families for each in spans_of(behind[1:]))
    return "it" in texts[: span.first] and behind[:1] == ["to"] and len(behind) > 1 and not is_run


def _is_turned(texts: Sequence[str], before: Sequence[Span], span: Span) -> bool:
    """Returns whether what stands around words takes them back: `never dangerous`, `duplicates cannot occur`."""
    if "innocent" in span.families or ("bad" not in span.families and span.families & {"please", "good", "act"}):
        return True
    behind = texts[span.end : span.end + 3]
    if behind[1:2] == ["not"] and behind[:1] and behind[0] in GRAMMAR["auxiliaries"] and behind[2:] != []:
        return "bad" not in span.families
    return any(other.families & _TURNS and span.first - other.end <= _REACH for other in before)


def _is_attribute(texts: Sequence[str], span: Span) -> bool:
    """Returns whether a word tells which thing is meant: `the dangerous queue`."""
    behind = texts[span.end] if span.end < len(texts) else ""
    is_fit = "harm" in span.families and any(
        "waste" in other.families and 0 <= other.first - span.end <= 1 for other in spans_of(texts)
    )
    if is_fit or "about" in texts[: span.first]:
        return True
    if span.end - span.first > 1 or not behind.isalpha() or behind in GRAMMAR["closing"] | {MARK, TARGET}:
        return False
    return not any(other.first == span.end and other.families & {"command", "run", "not"} for other in spans_of(texts))


def _has_verb(texts: Sequence[str]) -> bool:
    return bool(set(texts) & (GRAMMAR["auxiliaries"] - {"to"}))


def _names_command(texts: Sequence[str], spans: Sequence[Span], at: int) -> bool:
    """Returns whether an article stands before a noun for the command; in a sentence, a known one: `this line`."""
    near = [span for span in spans if at < span.first <= at + _NOUNS]
    if not _has_verb(texts):
        return any(span.families & {"command", "bad"} for span in near)
    is_this, is_known = (
        texts[at] in ("this", "that", "these", "those"),
        texts[at] not in ("a", "an", "some", "any", "no"),
    )
    return is_known and any(
        "command" in span.families and (is_this or texts[span.first] not in GRAMMAR["of_things"]) for span in near
    )


def _is_about(texts: Sequence[str], spans: Sequence[Span]) -> bool:
    """Returns whether a clause speaks of a command: by a word that stands for it, or without a subject."""
    if TARGET in texts:
        return True
    at = next((place for place, text in enumerate(texts) if text not in GRAMMAR["skipped"] | {","}), -1)
    if at < 0:
        return False
    first = texts[at]
    if first in _SUBJECTS or first in _GERUNDS or first in GRAMMAR["finite"]:
        return True
    if first in GRAMMAR["determiners"] | GRAMMAR["pointing"]:
        return _names_command(texts, spans, at)
    if first in GRAMMAR["persons"] or texts[at : at + 2] == ["on", "call"]:
        if any("shun" in span.families and set(texts[span.end :]) <= {"from", "of"} for span in spans):
            return True
        has_verb = any(span.families & ({"run"} | _CUES) for span in spans)
        return has_verb and bool(GRAMMAR["objects"] & set(texts[at + 1 :]))
    noun = next((span for span in spans if "command" in span.families and span.first <= at + _NOUNS), None)
    if noun and texts[noun.end : noun.end + 1] and texts[noun.end] in ("that", "which", "we", "you", "nobody", "of"):
        return True
    at = next((place for place in range(at, len(texts)) if texts[place] not in GRAMMAR["kinds"]), at)
    begun = [span for span in spans if span.first <= at < span.end]
    return any(span.families & (_CUES | {"not", "proof", "restricted", "past", "command", "good"}) for span in begun)

"""The last look at what is said of a command: words of judgement that nothing else explained leave it in doubt."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause, clauses_of
from stages.dataset.runbook.wording.lexicon import MARK, TARGET, spans_of

_FILE = tomllib.loads(Path(__file__).with_name("net.toml").read_text("utf-8"))
_LISTS = {name: f"(?:{'|'.join(words)})" for name, words in _FILE["lists"].items()}


def _compiled(name: str) -> re.Pattern[str]:
    pattern = _FILE["net"][name].replace("\n", "")
    for known, words in _LISTS.items():
        pattern = pattern.replace(f"{{{known}}}", words)
    return re.compile(pattern)


_DENIED, _JUDGED = _compiled("denied"), _compiled("judged")
_ATTRIBUTE = re.compile(rf"{_FILE['net']['adjective']}\s+(?!{_FILE['net']['no_thing']})[a-z]")
_SOFTENED = re.compile(rf"\b{_LISTS['softened']}\W+(?:[\w-]+\W+){{0,2}}$")
_NO_THING = (
    GRAMMAR["skipped"] | GRAMMAR["auxiliaries"] | GRAMMAR["pronouns"] | GRAMMAR["persons"] | GRAMMAR["closing"] | {"_"}
)
_ACTING = {"command", "run", "group", "source", "restricted", "harm", "bad", "proof"}
_NO_VERB = GRAMMAR["pronouns"] | GRAMMAR["determiners"] | GRAMMAR["subjects"] | GRAMMAR["persons"] | GRAMMAR["places"]


def unexplained(text: str) -> str:
    """Returns the words that judge what a text speaks of; '' where there are none, or where a clause gives an order."""
    clauses = [clause for clause in clauses_of(text) if clause.kind == "main"]
    found = next((words for clause in clauses if (words := _judging(clause))), "")
    return "" if any(_orders(clause) for clause in clauses) else found


def _judging(clause: Clause) -> str:
    text = " ".join(_without_innocent(clause.texts))
    denied = _DENIED.search(text)
    if denied and not _is_of_thing(text[: denied.start()]) and not _is_cleared(denied.group()):
        return denied.group()
    for judged in _JUDGED.finditer(text):
        is_softened = _SOFTENED.search(text[: judged.start()])
        if not is_softened and not _ATTRIBUTE.match(judged.group() + text[judged.end() :]):
            return judged.group()
    return ""


def _without_innocent(texts: Sequence[str]) -> list[str]:
    """Returns the words, but for those that only look like a judgement: `never fails to help`."""
    kept = list(texts)
    for span in spans_of(texts):
        if "innocent" in span.families:
            kept[span.first : span.end] = ["_"] * (span.end - span.first)
    return kept


def _is_cleared(denied: str) -> bool:
    """Returns whether a negation turns round what would speak against the command: `not wrong to run`."""
    spans = spans_of(denied.split())
    return (
        len(spans) > 1 and bool(spans[1].families & {"bad", "risk", "harm", "gone"}) and "good" not in spans[1].families
    )


def _is_of_thing(before: str) -> bool:
    """Returns whether a negation follows right on a thing, as in a heading: `certificate never issued`."""
    texts = before.split()
    if not texts or texts[-1] in _NO_THING or not texts[-1].isalpha() or texts[-1].endswith("ly"):
        return False
    return not any(span.families & _ACTING for span in spans_of(texts))


def _orders(clause: Clause) -> bool:
    """Returns whether a clause begins like an order, or tells what we do, and judges nothing."""
    texts = _bare(clause.texts)
    if clause.texts[0] in ("so", "therefore", "hence", "thus") and texts[:1] in (["we"], ["you"]):
        return not _judging(clause)
    if len(texts) < 2 or _judging(clause):
        return False
    first = texts[0]
    is_verb = first.isalpha() and first not in _NO_VERB and not first.endswith(("ing", "ed", "s"))
    return is_verb and texts[1] not in GRAMMAR["auxiliaries"]


def _bare(texts: Sequence[str]) -> list[str]:
    kept = [text for text in texts if text not in (MARK, TARGET)]
    while kept and kept[0] in GRAMMAR["skipped"]:
        kept = kept[1:]
    return kept

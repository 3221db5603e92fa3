"""The last look at what is said of a command: words of judgement that nothing else explained leave it in doubt."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from stages.dataset.runbook.wording.clauses import GRAMMAR, Clause, clauses_of
from stages.dataset.runbook.wording.lexicon import MARK, TARGET

_FILE = tomllib.loads(Path(__file__).with_name("net.toml").read_text("utf-8"))
_LISTS = {name: f"(?:{'|'.join(words)})" for name, words in _FILE["lists"].items()}


def _compiled(name: str) -> re.Pattern[str]:
    pattern = _FILE["net"][name].replace("\n", "")
    for known, words in _LISTS.items():
        pattern = pattern.replace(f"{{{known}}}", words)
    return re.compile(pattern)


_DENIED, _JUDGED = _compiled("denied"), _compiled("judged")
_SOFTENED = re.compile(rf"\b{_LISTS['softened']}\W+(?:[\w-]+\W+){{0,2}}$")
_NO_VERB = GRAMMAR["pronouns"] | GRAMMAR["determiners"] | GRAMMAR["subjects"] | GRAMMAR["persons"] | GRAMMAR["places"]


def unexplained(text: str) -> str:
    """Returns the words that judge what a text speaks of; '' where there are none, or where a clause gives an order."""
    clauses = [clause for clause in clauses_of(text) if clause.kind == "main"]
    found = next((words for clause in clauses if (words := _judging(clause))), "")
    return "" if any(_orders(clause) for clause in clauses) else found


def _judging(clause: Clause) -> str:
    text = " ".join(clause.texts)
    if denied := _DENIED.search(text):
        return denied.group()
    for judged in _JUDGED.finditer(text):
        if not _SOFTENED.search(text[: judged.start()]):
            return judged.group()
    return ""


def _orders(clause: Clause) -> bool:
    """Returns whether a clause begins like an order, and judges nothing."""
    texts = _bare(clause.texts)
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

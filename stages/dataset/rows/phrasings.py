"""How a runbook says that an alert looks, and which splits may say it so."""

import hashlib
import re
from collections.abc import Collection, Sequence

from shared.alert import SHOWN_ANNOTATIONS
from shared.artifacts import SPLITS
from stages.dataset.calls.remedy import Remedy
from stages.dataset.rows.annotations.template import prepare
from stages.dataset.rows.annotations.told import candidates
from stages.dataset.runbook.alert import Alert

_KEY = b"agent-training phrasing 1"
_FEWEST = 5  # phrasings of an alert that are enough to give each split its own


def phrasings(alert: Alert, answers: Collection[str]) -> list[str]:
    """Returns prepared texts that tell how an alert looks: its symptoms, else what it means, else its name in words.

    answers: texts of which none may be in a prompt, because they tell the answer.
    """
    told, lowered = dict.fromkeys(text for _, text in candidates(alert) if text), [each.lower() for each in answers]
    kept = [prepared for text in told if not _tells(text.lower(), lowered) and (prepared := prepare(text))]
    return kept or [prepare(in_words(alert.name)) or re.sub(r"\W+", " ", alert.name)]


def said_by_rule(alert: Alert) -> dict[str, str]:
    """Returns the prepared annotations that an alert's rule gives it, without those that cannot be written out.

    They may tell the answer: every alert of the rule holds them.
    """
    known = alert.firing.annotations if alert.firing else {}
    return {name: prepared for name in SHOWN_ANNOTATIONS if (prepared := prepare(known.get(name, "")))}


def answers_of(remedy: Remedy) -> set[str]:
    """Returns the words of a remedy that a prompt may not hold: the function by all its names, and its command."""
    names = {remedy.function.name, remedy.function.names.model}
    return names | {re.sub(r"[-_.]", " ", name) for name in names if re.search(r"[-_.]", name)} | {remedy.command.text}


def of_split(texts: Sequence[str], split: str) -> list[str]:
    """Returns the texts that a split may use: of five or more, one is kept for the test and one for validation.

    Which ones is told by keyed hashes of the texts alone.
    """
    if len(texts) < _FEWEST:
        return list(texts)
    ordered = sorted(texts, key=lambda text: hashlib.blake2b(text.encode(), key=_KEY, digest_size=8).digest())
    _, valid, test = SPLITS
    return {test: ordered[:1], valid: ordered[1:2]}.get(split, ordered[2:])


def in_words(name: str) -> str:
    """Returns `KubePodCrashLooping` as `Kube Pod Crash Looping`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_-]", " ", name)


def _tells(text: str, answers: Sequence[str]) -> bool:
    return any(answer in text for answer in answers)

"""The name that a notification shows for an alert: as the runbook writes it, another one, or none.

Teams rename the rules that they copy, and forward alerts without a name: the model must read the rest.
"""

import random
import re
from collections.abc import Callable, Collection
from typing import Literal

from stages.dataset.rows.labels import TEAMS, split_of
from stages.dataset.rows.phrasings import in_words

NameKind = Literal["stated", "renamed", "missing"]
MISSING_SHARE = 1 / 3  # of the rows whose name is not stated
_ENDINGS = ("Warning", "Critical", "Alert", "Slow", "Fast", "V2", "Short", "Long")
_STYLES: tuple[Callable[[list[str]], str], ...] = (
    "".join,
    lambda words: "_".join(words).lower(),
    lambda words: "-".join(words).lower(),
    " ".join,
    lambda words: " ".join(words).lower(),
    lambda words: "_".join(words).upper(),
)
_DRAWS = 1000


def name_kind(renamed_share: float, chance: random.Random) -> NameKind:
    """Returns how a row shows the alert's name. renamed_share: of the rows that do not state it."""
    if chance.random() >= renamed_share:
        return "stated"
    return "missing" if chance.random() < MISSING_SHARE else "renamed"


def renamed(name: str, split: str, taken: Collection[str], chance: random.Random) -> str:
    """Returns another readable name of the same alert that belongs to split and is none of taken; name if all are."""
    words = in_words(name).split()
    for _ in range(_DRAWS):
        other = _variant(words, chance)
        if other not in taken and other != name and split_of(other) == split:
            return other
    return name


def _variant(words: list[str], chance: random.Random) -> str:
    varied = list(words)
    if chance.random() < 0.6:
        varied.insert(0, chance.choice(TEAMS).title())
    if chance.random() < 0.4:
        varied.append(chance.choice(_ENDINGS))
    if len(varied) > 3 and chance.random() < 0.3 and re.fullmatch(r"Kube\w*|Prometheus|Node", varied[0]):
        del varied[0]
    return chance.choice(_STYLES)(varied)

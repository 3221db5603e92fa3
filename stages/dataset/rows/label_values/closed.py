"""Labels of which there are few values in all, and which of them an alert's own words mean."""

import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from stages.dataset.rows.label_values.words import pick

_FILE = tomllib.loads(Path(__file__).with_name("closed.toml").read_text("utf-8"))
_TOLD: dict[str, list[str]] = _FILE["told"]
_LOWER: list[str] = _FILE["lower"]["labels"]
CLOSED: dict[str, list[str]] = _FILE["values"] | _TOLD
SAME_CLOSED: dict[str, str] = _FILE["same"]
_WEAK = frozenset(_FILE["weak"]["words"])
_SYSTEMS: dict[str, list[str]] = _FILE["systems"]
_APART = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\W]+")
_MARKED = re.compile(r"\ue000[^\ue001]*\ue001")


def draw_closed(label: str, chance: random.Random, told: Sequence[str] = ()) -> str:
    """Returns a value of a closed label: one that the first text of told to mention any mentions, else any."""
    value = pick(chance, next((meant for text in told if text and (meant := _meant(label, text))), CLOSED[label]))
    return value.lower() if label in _LOWER else value


@lru_cache(maxsize=4096)
def _meant(label: str, about: str) -> Sequence[str]:
    """Returns the values that an alert's words mean, by what is mentioned, else by the system that is."""
    values = _TOLD.get(label, ())
    words = f" {' '.join(_APART.sub(' ', _MARKED.sub(' ', about)).lower().split())} "
    found = dict.fromkeys(_mentioned(values, words))
    strong = tuple(value for value in found if value.lower() not in _WEAK)
    return strong or tuple(found) or _of_systems(values, words)


def _mentioned(values: Sequence[str], words: str) -> Iterator[str]:
    """Yields values in the order of their mention, the longest where one holds another: CronJob is no Job."""
    by_letters = {value.lower(): value for value in values}
    forms = (re.escape(_spaced(value)).replace("\\ ", " ?") for value in sorted(values, key=len, reverse=True))
    for found in re.finditer(f" ({'|'.join(forms)})(?:e?s)?(?= )", words) if values else ():
        yield by_letters[found[1].replace(" ", "")]


def _spaced(value: str) -> str:
    return _APART.sub(" ", value).lower()


def _of_systems(values: Sequence[str], words: str) -> tuple[str, ...]:
    found = (name for system, names in _SYSTEMS.items() if f" {system} " in words for name in names)
    return tuple(name for name in dict.fromkeys(found) if name in values)

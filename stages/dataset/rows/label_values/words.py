"""Words that label values are made of, and how one is chosen: several times quicker than `random.choice`."""

import random
import tomllib
from collections.abc import Sequence
from pathlib import Path

from stages.dataset.rows.label_values.splits import Draw

WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

TEAMS: list[str] = WORDS["teams"]
ROLES: list[str] = WORDS["roles"]
PEOPLE: list[str] = WORDS["people"]
AROUND: frozenset[str] = frozenset(WORDS["around"])
SOFTWARE: list[str] = WORDS["software"]
ENVIRONMENTS: list[str] = WORDS["environments"]


def pick(chance: random.Random, among: Sequence[str]) -> str:
    """Returns one of several."""
    return among[int(chance.random() * len(among))]


def below(chance: random.Random, end: int) -> int:
    """Returns a number from 0 to end - 1."""
    return int(chance.random() * end)


def mixed(*shares: tuple[int, Draw]) -> Draw:
    """Returns what draws by one of several generators, each in its share."""
    table = tuple(generate for share, generate in shares for _ in range(share))
    count = len(table)
    return lambda chance: table[int(chance.random() * count)](chance)


def joined(first: Sequence[str], second: Sequence[str], between: str = "-") -> Draw:
    """Returns what draws a word of each of two lists, joined."""
    return lambda chance: f"{pick(chance, first)}{between}{pick(chance, second)}"

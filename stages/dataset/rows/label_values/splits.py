"""Which split a label value belongs to, whatever the seed or the commit."""

import hashlib
import random
from collections.abc import Callable
from functools import lru_cache

from shared.errors import StageError

SHARES = {"test": 0.15, "valid": 0.15, "train": 0.70}
_KEYED = hashlib.blake2b(key=b"agent-training split 1", digest_size=8)  # copied, which is quicker than to key each anew
_DRAWS = 10_000

Draw = Callable[[random.Random], str]


@lru_cache(maxsize=32_768)  # of a large dataset's names, two of three were drawn before
def split_of(value: str) -> str:
    """Returns the split that a label value belongs to, by keyed hash alone.

    The label has no part in it: a name seen as a deployment in training is no new name as a service.
    """
    keyed = _KEYED.copy()
    keyed.update(value.encode())
    share = int.from_bytes(keyed.digest(), "big") / 2**64
    if share < SHARES["test"]:
        return "test"
    return "valid" if share - SHARES["test"] < SHARES["valid"] else "train"


def draw_of(generate: Draw, label: str, split: str, chance: random.Random) -> str:
    """Returns a value that generate makes and that belongs to split. Raises StageError where it makes none."""
    value = draw_within(generate, split, chance, _DRAWS)
    if value is None:
        raise StageError(f"the label {label} has no value that belongs to the split {split}")
    return value


def draw_within(generate: Draw, split: str, chance: random.Random, draws: int) -> str | None:
    """Returns a value that generate makes and that belongs to split; None where none of so many draws does."""
    for _ in range(draws):
        value = generate(chance)
        if split_of(value) == split:
            return value
    return None

"""The value of an alert: a number of the size that its texts show it with."""

import random
from collections.abc import Callable, Sequence

from stages.dataset.rows.annotations.template import holds_value

_SECONDS = (40, 90, 300, 900, 2400, 7500, 20_000, 100_000)
# What stands in a text, the first that does, tells the value's size.
_SIZES: tuple[tuple[str, Callable[[random.Random], float]], ...] = (
    ("humanizePercentage", lambda chance: round(chance.uniform(0.01, 1), 4)),
    ("humanizeTimestamp", lambda chance: float(chance.randrange(1_700_000_000, 1_800_000_000))),
    ("humanizeDuration", lambda chance: float(chance.randrange(chance.choice(_SECONDS)) + 1)),
    ("humanize1024", lambda chance: float(chance.randrange(1 << 20, 1 << 40))),
    ("humanize", lambda chance: round(10 ** chance.uniform(0, 7), 2)),
    ("%", lambda chance: round(chance.uniform(1, 100), 2)),
    ("", lambda chance: float(chance.randrange(1, 1000))),
)


def draw_value(prepared: Sequence[str], chance: random.Random) -> float:
    """Returns a value for prepared texts; 0 where none shows it, and then nothing is drawn."""
    shown = [text for text in prepared if holds_value(text)]
    size = next((size for word, size in _SIZES if any(word in text for text in shown)), None) if shown else None
    return size(chance) if size else 0.0

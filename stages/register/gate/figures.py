"""Numbers as the decision, the report and the model card show them."""

from collections.abc import Sequence

from shared.sentences import apart
from stages.register.gate.comparison import Comparison

SIGNIFICANCE = 0.05


def percent(share: float) -> str:
    """Returns a share as `95.9 %`."""
    return f"{100 * share:.1f} %"


def between(interval: Sequence[float]) -> str:
    """Returns the interval of a share as `91.4 to 98.1 %`."""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def points(share: float) -> str:
    """Returns a difference of shares in points: `+1.4`, `−0.3`, `0.0`."""
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def difference(comparison: Comparison) -> str:
    """Returns how far the accuracies lie apart: `difference +1.4 points, 95 % interval −2.1 to +5.0, p = 0.62`."""
    low, high = comparison.interval
    chance = comparison.chance
    digits = 3 if chance < 0.01 else 2
    probability = "< 0.001" if chance < 0.001 else f"= {apart(chance, SIGNIFICANCE, digits)[0]}"
    interval = f"95 % interval {points(low)} to {points(high)}"
    return f"difference {points(comparison.difference)} points, {interval}, p {probability}"

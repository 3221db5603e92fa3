"""How far numbers that were counted on some rows may be from those of all rows, and whether a difference is chance."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest, bootstrap  # type: ignore[import-untyped]

Interval = list[float]
"""The lower and the upper bound of the 95 % interval."""

RESAMPLES = 2000


def of_share(right: int, rows: int) -> Interval | None:
    """Returns Wilson's score interval of a share (E. B. Wilson, 1927, doi:10.2307/2276774); None without a row."""
    if not rows:
        return None
    low, high = binomtest(right, rows).proportion_ci(method="wilson")
    return [float(low), float(high)]


def of_ratio(parts: Sequence[float], wholes: Sequence[float]) -> Interval | None:
    """Returns the interval of sum(parts) / sum(wholes) by the percentile bootstrap over rows; None below two rows.

    Rows are drawn and not what they hold, because the arguments or the tokens of one answer are right or wrong
    together. The draws are always the same.
    """
    pairs = np.array([(part, whole) for part, whole in zip(parts, wholes, strict=True) if whole], np.float64)
    if len(pairs) < 2:
        return None
    if np.ptp(pairs[:, 0] / pairs[:, 1]) == 0:  # all rows are alike, and so is every draw
        ratio = float(pairs[0, 0] / pairs[0, 1])
        return [ratio, ratio]
    found = bootstrap(
        (pairs[:, 0], pairs[:, 1]),
        lambda part, whole, axis: part.sum(axis=axis) / whole.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return [float(found.low), float(found.high)]


def chance_of(gained: int, lost: int) -> float:
    """Returns the two-sided p-value of the exact sign test on the rows that differ (Q. McNemar, 1947)."""
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0

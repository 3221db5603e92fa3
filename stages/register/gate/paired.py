"""Two models on the same rows: how far their accuracies may lie apart, and whether that is more than chance."""

from math import sqrt
from typing import Any

Interval = tuple[float, float]
"""The lower and the upper bound of the 95 % interval."""


def chance(gained: int, lost: int) -> float:
    """Returns the probability that as uneven a split of the rows on which two models differ is nothing but luck.

    The two-sided p-value of the exact form of McNemar's test (Q. McNemar, 1947, doi:10.1007/BF02295996); 1 where no
    row differs. gained: rows that only the new model has right, lost: those that only the other has.
    """
    return float(_binomial(gained, gained + lost).pvalue) if gained + lost else 1.0


def difference_interval(both: int, gained: int, lost: int, neither: int) -> Interval:
    """Returns the interval of the difference between two accuracies that were counted on the same rows.

    Method 10 of R. G. Newcombe, Improved confidence intervals for the difference between binomial proportions based on
    paired data (1998, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C): Wilson's intervals of
    both accuracies, joined by how much the answers go together. It keeps a width where no row differs. The four counts
    are the rows that both models, the new one alone, the other alone, and none has right; there is at least one row.
    """
    rows = both + gained + lost + neither
    one, other = _wilson(both + gained, rows), _wilson(both + lost, rows)
    share, other_share = (both + gained) / rows, (both + lost) / rows
    together = _correlation(both, gained, lost, neither)
    difference = (gained - lost) / rows
    below = _joined(share - one[0], other[1] - other_share, together)
    above = _joined(one[1] - share, other_share - other[0], together)
    return difference - below, difference + above


def _joined(one: float, other: float, together: float) -> float:
    return sqrt(one**2 - 2 * together * one * other + other**2)


def _correlation(both: int, gained: int, lost: int, neither: int) -> float:
    """Returns the phi coefficient of the two models' answers, corrected for continuity where it is positive."""
    sides = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if not sides:
        return 0.0
    product = both * neither - gained * lost
    half = (both + gained + lost + neither) / 2
    return (max(product - half, 0) if product > 0 else product) / sqrt(sides)


def _wilson(right: int, rows: int) -> Interval:
    """Returns Wilson's score interval of a share (E. B. Wilson, 1927, doi:10.2307/2276774)."""
    low, high = _binomial(right, rows).proportion_ci(method="wilson")
    return float(low), float(high)


def _binomial(right: int, rows: int) -> Any:
    # Not at the top: loading it takes a second, in which a wrong argument has long been told.
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    return binomtest(right, rows)

"""The statistics of two models on the same rows."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.register.gate.paired import chance, difference_interval

COUNT = st.integers(0, 40)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        ((54, 0, 0, 0), (-0.0664, 0.0664)),
        ((0, 0, 0, 54), (-0.0664, 0.0664)),
        ((1, 0, 0, 0), (-0.7935, 0.7935)),
        ((0, 30, 0, 0), (0.8395, 1.0)),
    ],
)
def test_the_interval_is_newcombes(counts: tuple[int, int, int, int], expected: tuple[float, float]) -> None:
    assert difference_interval(*counts) == pytest.approx(expected, abs=5e-5)


@settings(max_examples=30, deadline=None)
@given(COUNT, COUNT, COUNT, COUNT)
def test_the_interval_holds_the_difference_and_has_a_width(both: int, gained: int, lost: int, neither: int) -> None:
    rows = both + gained + lost + neither
    if rows:
        low, high = difference_interval(both, gained, lost, neither)
        assert -1 - 1e-12 <= low < high <= 1 + 1e-12
        assert low - 1e-12 <= (gained - lost) / rows <= high + 1e-12


@settings(max_examples=30, deadline=None)
@given(COUNT, COUNT, COUNT, COUNT)
def test_the_models_roles_mirror_the_interval(both: int, gained: int, lost: int, neither: int) -> None:
    if both + gained + lost + neither:
        low, high = difference_interval(both, gained, lost, neither)
        assert difference_interval(both, lost, gained, neither) == pytest.approx((-high, -low))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30))
def test_chance_is_the_exact_binomial_tail(gained: int, lost: int) -> None:
    rows = gained + lost
    tail = sum(Fraction(comb(rows, count), 2**rows) for count in range(min(gained, lost) + 1))
    assert chance(gained, lost) == pytest.approx(float(min(1, 2 * tail)))


def test_without_a_row_that_differs_nothing_speaks_against_chance() -> None:
    assert chance(0, 0) == 1.0

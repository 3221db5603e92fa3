"""The promotion policy alone."""

import pytest

from stages.register.comparison import Comparison
from stages.register.gate import Verdict, decide


def comparison(right: int, champion_right: int, common: int = 56, unseen: int = 0) -> Comparison:
    return Comparison("v20251201-aaaaaaaa", common, right, champion_right, unseen)


def test_as_many_right_rows_as_the_champion_are_enough() -> None:
    assert decide(0.93, 58, 0.8, comparison(50, 50), False).approved


def test_one_right_row_less_than_the_champion_is_not_enough() -> None:
    assert not decide(0.93, 58, 0.8, comparison(49, 50), False).approved


def test_the_decision_tells_the_numbers() -> None:
    verdict = decide(0.93, 58, 0.8, comparison(52, 50, unseen=2), False)
    expected = (
        "accuracy 0.93 on 58 rows is at least 0.80; "
        "not worse than v20251201-aaaaaaaa: 52 of 56 common rows right against 50; 2 new to it"
    )
    assert verdict == Verdict(True, expected)


@pytest.mark.parametrize(
    ("accuracy", "minimum", "decision"),
    [
        (0.8, 0.8, "accuracy 0.80 on 1 row is at least 0.80; there is no champion to compare with"),
        (0.7999, 0.8, "accuracy 0.7999 on 1 row is below 0.8000"),
        (0.79, 0.8, "accuracy 0.79 on 1 row is below 0.80"),
    ],
)
def test_the_numbers_show_which_one_is_larger(accuracy: float, minimum: float, decision: str) -> None:
    assert decide(accuracy, 1, minimum, None, False).decision == decision

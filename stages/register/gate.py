"""The promotion policy: good enough, and no worse than the model in use."""

from dataclasses import dataclass

from stages.register.comparison import Comparison


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be published, and why, in one sentence with the numbers."""

    approved: bool
    decision: str


def decide(accuracy: float, rows: int, minimum: float, comparison: Comparison | None, is_champion: bool) -> Verdict:
    """Returns the verdict on a model that has `accuracy` on `rows` test rows.

    comparison: with the champion, None where there is none. is_champion: the model in use is this one.
    """
    shown, least = _apart(accuracy, minimum)
    measured = f"accuracy {shown} on {rows} {_rows(rows)} is"
    if accuracy < minimum:
        return Verdict(False, f"{measured} below {least}")
    good_enough = f"{measured} at least {least}"
    if is_champion:
        return Verdict(True, f"{good_enough}; it is the champion already")
    if comparison is None:
        return Verdict(True, f"{good_enough}; there is no champion to compare with")
    if not comparison.common:
        return Verdict(True, f"{good_enough}; the champion {comparison.champion} answered none of these rows")
    approved = comparison.right >= comparison.champion_right
    link = "; not worse" if approved else ", but worse"
    return Verdict(approved, f"{good_enough}{link} than {comparison.champion}: {_numbers(comparison)}")


def _numbers(comparison: Comparison) -> str:
    common = f"{comparison.common} common {_rows(comparison.common)}"
    unseen = f"; {comparison.unseen} new to it" if comparison.unseen else ""
    return f"{comparison.right} of {common} right against {comparison.champion_right}{unseen}"


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _apart(value: float, other: float) -> tuple[str, str]:
    """Returns both numbers with as many digits, at least two, as it takes to show which one is larger."""
    for digits in range(2, 17):
        texts = f"{value:.{digits}f}", f"{other:.{digits}f}"
        if value == other or texts[0] != texts[1]:
            return texts
    return repr(value), repr(other)

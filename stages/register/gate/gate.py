"""The promotion policy: good enough by itself, and not worse than the model in use. Every decision is a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from shared import sentences
from shared.errors import StageError, one_line
from stages.register.gate import figures
from stages.register.gate.comparison import Comparison
from stages.register.gate.measured import Count, Measured
from stages.register.gate.policy import Policy

MAX_NAME = 60  # characters of a name in a decision
MAX_FLOOR_BYTES = 300  # of the floors that a decision names one by one


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be published, and why, in one sentence with the numbers."""

    approved: bool
    decision: str


class Finding(NamedTuple):
    """One demand: whether it is met, and how the numbers say so."""

    is_met: bool
    text: str


def decide(measured: Measured, policy: Policy, comparison: Comparison | None, is_champion: bool) -> Verdict:
    """Returns the verdict on a model; a rejected one is told every demand that it does not meet.

    comparison: with the champion, None where there is none. is_champion: the model in use is this one. Raises
    StageError where there is a ceiling for what nobody measured.
    """
    accuracy = _accuracy(measured, policy.minimum_accuracy)
    standing = _standing(comparison, is_champion, policy.accuracy_margin)
    made = [*_false_calls(measured, policy.maximum_false_calls), *_missed_calls(measured, policy.maximum_missed_calls)]
    others = [*made, *_latency(measured, policy.maximum_latency_ms), *_floors(measured, policy), standing]
    failed = [finding.text for finding in others if not finding.is_met]
    if accuracy.is_met and not failed:
        return Verdict(True, sentences.fitting("; ".join([accuracy.text, *(finding.text for finding in others)])))
    link = ", but " if accuracy.is_met else "; "
    return Verdict(False, sentences.fitting(link.join([accuracy.text, "; ".join(failed)]) if failed else accuracy.text))


def _accuracy(measured: Measured, minimum: float) -> Finding:
    shown, least = sentences.apart(measured.accuracy, minimum)
    is_met = measured.accuracy >= minimum
    standing = "at least" if is_met else "below"
    return Finding(is_met, f"accuracy {shown} on {sentences.rows(measured.rows)} is {standing} {least}")


def _false_calls(measured: Measured, ceiling: float) -> Iterator[Finding]:
    counted = _told(measured.false_calls, ceiling, "false_calls")
    if counted and not counted.rows:
        yield Finding(True, "no row wants no call, so false calls were not measured")
    elif counted:
        yield _within(counted, ceiling, "false calls", "none")


def _missed_calls(measured: Measured, ceiling: float) -> Iterator[Finding]:
    counted = _told(measured.missed_calls, ceiling, "missed_calls")
    if counted and not counted.rows:
        yield Finding(True, "no row wants a call, so missed calls were not measured")
    elif counted:
        yield _within(counted, ceiling, "missed calls", "one")


def _told(counted: Count | None, ceiling: float, name: str) -> Count | None:
    """Returns what was counted. Raises StageError where it was not, unless every count would do."""
    if counted is None and ceiling < 1:
        reason = f"maximum_{name} is {ceiling:g}, but the evaluation tells no {name.replace('_', ' ')}"
        raise StageError(f"{reason}; evaluate the model again, or set it to 1")
    return counted


def _within(counted: Count, ceiling: float, what: str, wanted: str) -> Finding:
    share = counted.count / counted.rows
    is_met = counted.count <= _exact(ceiling) * counted.rows
    shown, most = sentences.apart(share, ceiling, digits=3)
    alerts = f"{counted.rows} {'alert that wants' if counted.rows == 1 else 'alerts that want'} {wanted}"
    return Finding(is_met, f"{what} on {counted.count} of {alerts}, {shown}, {'at most' if is_met else 'above'} {most}")


def _latency(measured: Measured, ceiling: float) -> Iterator[Finding]:
    if ceiling == 0:
        return
    if measured.latency_ms is None:
        reason = f"maximum_latency_ms is {ceiling:g}, but the evaluation tells no latency"
        raise StageError(f"{reason}; evaluate the model again, or set it to 0")
    shown, most = sentences.apart(measured.latency_ms, ceiling, digits=0)
    is_met = measured.latency_ms <= ceiling
    standing = "at most" if is_met else "above"
    yield Finding(is_met, f"the 95th percentile of the latency, {shown} ms, is {standing} {most} ms")


def _floors(measured: Measured, policy: Policy) -> Iterator[Finding]:
    if not policy.floors:
        return
    floors = sorted(policy.floors.items())
    below = [text for function, floor in floors if (text := _below(measured, function, floor))]
    count = len(floors)
    yield Finding(not below, _listed(below) if below else f"{count} of {count} functions with a floor reach it")


def _below(measured: Measured, function: str, floor: float) -> str:
    """Returns how a function misses its floor; '' where it does not."""
    share, name = measured.of_function(function), _name(function)
    if not share.rows:
        return f"no test row asks for {name}, which has a floor"
    if share.right >= _exact(floor) * share.rows:
        return ""
    shown, least = sentences.apart(share.right / share.rows, floor)
    return f"{name}, {shown} on {sentences.rows(share.rows)}, is below its floor {least}"


def _listed(texts: list[str]) -> str:
    """Returns texts as one, as many of them as fit, and how many more there are."""
    shown = texts
    while len("; ".join(shown).encode()) > MAX_FLOOR_BYTES:
        shown = shown[:-1]
    more = len(texts) - len(shown)
    return "; ".join([*shown, f"{more} more below their floors"] if more else shown)


def _standing(comparison: Comparison | None, is_champion: bool, margin: float) -> Finding:
    if is_champion:
        return Finding(True, "it is the champion already")
    if comparison is None:
        return Finding(True, "there is no champion to compare with")
    champion = _name(comparison.champion)
    if not comparison.common:
        return Finding(True, f"the champion {champion} answered none of these rows")
    is_met = comparison.lost - comparison.gained <= _exact(margin) * comparison.common
    return Finding(is_met, f"{_relation(comparison, champion, margin, is_met)}: {_numbers(comparison)}")


def _relation(comparison: Comparison, champion: str, margin: float, is_met: bool) -> str:
    """Returns how the model stands to the champion; better is only what chance does not explain."""
    points = f"the margin of {100 * margin:.4g} points"
    if not is_met:
        return f"worse than {champion}" + (f" by more than {points}" if margin else "")
    if comparison.lost > comparison.gained:
        return f"within {points} of {champion}"
    return f"{'better' if comparison.chance < figures.SIGNIFICANCE else 'not worse'} than {champion}"


def _numbers(comparison: Comparison) -> str:
    right = f"{comparison.right} of {comparison.common} common {'row' if comparison.common == 1 else 'rows'} right"
    unseen = f"; {comparison.unseen} new to it" if comparison.unseen else ""
    return f"{right} against {comparison.champion_right} ({figures.difference(comparison)}){unseen}"


def _name(text: str) -> str:
    shown = one_line(text)
    return shown if len(shown) <= MAX_NAME else f"{shown[:MAX_NAME]}…"


def _exact(share: float) -> Fraction:
    """Returns the decimal number that a person wrote: 0.07 of 100 rows are 7 of them, not a little more."""
    return Fraction(str(share))

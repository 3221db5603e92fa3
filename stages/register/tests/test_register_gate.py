"""The promotion policy alone: what is approved, and that every decision says so with its numbers."""

import dataclasses
import json

import pytest

from shared.agent_config.settings import GATE
from shared.contract import MAX_TEXT_BYTES
from shared.errors import StageError
from stages.register.contract import Inputs
from stages.register.gate.comparison import Comparison
from stages.register.gate.gate import Verdict, decide
from stages.register.gate.measured import Count, Measured, Share, read_measured
from stages.register.gate.policy import Policy, read_policy
from tests import samples

CHAMPION = "v20251201-aaaaaaaa"
POLICY = Policy(
    minimum_accuracy=0.8,
    accuracy_margin=0.0,
    maximum_false_calls=0.05,
    maximum_missed_calls=0.1,
    maximum_latency_ms=0.0,
    floors={},
)
FUNCTIONS = {
    "no call": Share(2, 2),
    "pod-restart": Share(9, 10),
    "pod-restart + scale-deployment": Share(0, 1),
    "scale-deployment": Share(7, 7),
}
MEASURED = Measured(
    accuracy=0.96,
    rows=147,
    latency_ms=142.4,
    functions=FUNCTIONS,
    false_calls=Count(1, 40),
    missed_calls=Count(3, 107),
)
ACCURATE = "accuracy 0.96 on 147 rows is at least 0.80"
FALSE = "false calls on 1 of 40 alerts that want none, 0.025, at most 0.050"
MISSED = "missed calls on 3 of 107 alerts that want one, 0.028, at most 0.100"
GOOD = f"{ACCURATE}; {FALSE}; {MISSED}"
ALONE = "there is no champion to compare with"


def judged(comparison: Comparison | None = None, accuracy: float = 0.96, rows: int = 147, **policy: object) -> Verdict:
    measured = dataclasses.replace(MEASURED, accuracy=accuracy, rows=rows)
    return decide(measured, dataclasses.replace(POLICY, **policy), comparison, False)  # type: ignore[arg-type]


def compared(both: int, gained: int, lost: int, neither: int = 0, unseen: int = 0) -> Comparison:
    return Comparison(CHAMPION, both, gained, lost, neither, unseen)


@pytest.mark.parametrize(
    ("accuracy", "minimum", "decision"),
    [
        (0.8, 0.8, f"accuracy 0.80 on 1 row is at least 0.80; {FALSE}; {MISSED}; {ALONE}"),
        (0.7999, 0.8, "accuracy 0.7999 on 1 row is below 0.8000"),
        (0.79, 0.8, "accuracy 0.79 on 1 row is below 0.80"),
    ],
)
def test_the_numbers_show_which_one_is_larger(accuracy: float, minimum: float, decision: str) -> None:
    assert judged(accuracy=accuracy, rows=1, minimum_accuracy=minimum).decision == decision


def test_more_right_rows_are_no_progress_where_chance_explains_them() -> None:
    numbers = "141 of 147 common rows right against 139 (difference +1.4 points, 95 % interval −2.6 to +5.7, p = 0.69)"
    assert judged(compared(137, 4, 2, 4)) == Verdict(True, f"{GOOD}; not worse than {CHAMPION}: {numbers}")


def test_more_right_rows_than_chance_gives_are_better() -> None:
    verdict = judged(compared(100, 12, 1, 34))
    numbers = (
        "112 of 147 common rows right against 101 (difference +7.5 points, 95 % interval +2.6 to +12.5, p = 0.003)"
    )
    assert verdict == Verdict(True, f"{GOOD}; better than {CHAMPION}: {numbers}")


def test_one_right_row_less_than_the_champion_is_rejected_without_a_margin() -> None:
    assert judged(compared(49, 0, 0, 6)).approved
    verdict = judged(compared(48, 1, 2, 5, unseen=3))
    numbers = "49 of 56 common rows right against 50 (difference −1.8 points, 95 % interval −10.3 to +6.4, p = 1.00)"
    assert verdict == Verdict(False, f"{ACCURATE}, but worse than {CHAMPION}: {numbers}; 3 new to it")


def test_the_margin_counts_whole_rows() -> None:
    seven_less = compared(90, 0, 7, 3)
    assert seven_less.common * 0.07 > 7  # what a comparison of floats would be misled by
    within = judged(seven_less, accuracy_margin=0.07)
    assert within.approved
    assert f"; within the margin of 7 points of {CHAMPION}: 90 of 100 common rows right against 97" in within.decision
    beyond = judged(compared(90, 0, 8, 2), accuracy_margin=0.07)
    assert not beyond.approved
    assert f", but worse than {CHAMPION} by more than the margin of 7 points: 90 of 100" in beyond.decision


def test_the_95th_percentile_of_the_latency_has_a_ceiling() -> None:
    assert judged(maximum_latency_ms=142.4).decision == (
        f"{GOOD}; the 95th percentile of the latency, 142 ms, is at most 142 ms; {ALONE}"
    )
    slow = judged(maximum_latency_ms=142)
    assert slow == Verdict(False, f"{ACCURATE}, but the 95th percentile of the latency, 142.4 ms, is above 142.0 ms")


def test_a_ceiling_without_a_measured_latency_is_an_error() -> None:
    unmeasured = dataclasses.replace(MEASURED, latency_ms=None)
    with pytest.raises(StageError) as refused:
        decide(unmeasured, dataclasses.replace(POLICY, maximum_latency_ms=200), None, False)
    reason = "maximum_latency_ms is 200, but the evaluation tells no latency; evaluate the model again, or set it to 0"
    assert str(refused.value) == reason
    assert decide(unmeasured, POLICY, None, False).approved


def test_false_and_missed_calls_have_ceilings() -> None:
    verdict = counted(Count(3, 40), Count(11, 107))
    assert verdict == Verdict(
        False,
        f"{ACCURATE}, but false calls on 3 of 40 alerts that want none, 0.075, above 0.050; "
        "missed calls on 11 of 107 alerts that want one, 0.103, above 0.100",
    )
    assert counted(Count(3, 40), Count(11, 107), maximum_false_calls=0.075, maximum_missed_calls=0.2).approved


def test_a_ceiling_of_one_lets_everything_through_and_says_how_much() -> None:
    verdict = counted(Count(1, 1), Count(4, 4), maximum_false_calls=1, maximum_missed_calls=1)
    assert verdict.approved
    assert (
        "; false calls on 1 of 1 alert that wants none, 1.000, at most 1.000; missed calls on 4 of 4"
        in verdict.decision
    )


def test_a_ceiling_of_nothing_rejects_the_first_one() -> None:
    assert counted(Count(0, 40), Count(0, 1), maximum_false_calls=0, maximum_missed_calls=0).approved
    verdict = counted(Count(1, 4000), Count(0, 1), maximum_false_calls=0)
    assert verdict == Verdict(
        False, f"{ACCURATE}, but false calls on 1 of 4000 alerts that want none, 0.0003, above 0.0000"
    )


@pytest.mark.parametrize(("count", "approved"), [(7, True), (8, False)])
def test_a_ceiling_counts_whole_rows(count: int, approved: bool) -> None:
    assert 0.07 * 100 > 7  # what a comparison of floats would be misled by
    assert counted(Count(count, 100), Count(0, 1), maximum_false_calls=0.07).approved is approved
    assert counted(Count(0, 1), Count(count, 100), maximum_missed_calls=0.07).approved is approved


def test_what_no_row_asks_for_cannot_be_judged_and_is_no_reason_against_a_model() -> None:
    verdict = counted(Count(0, 0), Count(0, 0), maximum_false_calls=0, maximum_missed_calls=0)
    told = (
        "no row wants no call, so false calls were not measured; no row wants a call, so missed calls were not measured"
    )
    assert verdict == Verdict(True, f"{ACCURATE}; {told}; {ALONE}")


@pytest.mark.parametrize("name", ["false_calls", "missed_calls"])
def test_an_older_evaluation_is_to_be_made_again(inputs: Inputs, name: str) -> None:
    report = inputs.evaluation.report()
    del report["tuned"][name]
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    measured = read_measured(inputs.evaluation, 4)
    policy = dataclasses.replace(POLICY, maximum_false_calls=0.05, maximum_missed_calls=0.05)
    with pytest.raises(StageError) as refused:
        decide(measured, policy, None, False)
    assert str(refused.value) == (
        f"maximum_{name} is 0.05, but the evaluation tells no {name.replace('_', ' ')}; "
        "evaluate the model again, or set it to 1"
    )
    assert decide(measured, dataclasses.replace(policy, **{f"maximum_{name}": 1.0}), None, False).approved


@pytest.mark.parametrize(
    "told", [3, [], {}, {"count": 1}, {"count": 2, "rows": 1}, {"count": -1, "rows": 1}, {"count": 0.5, "rows": 1}]
)
def test_counts_in_another_form_are_refused(inputs: Inputs, told: object) -> None:
    report = inputs.evaluation.report()
    report["tuned"]["false_calls"] = told
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    with pytest.raises(StageError, match=r"report\.json holds no latencies, .*as evaluate writes them; evaluate the"):
        read_measured(inputs.evaluation, 4)


def counted(false_calls: Count, missed_calls: Count, **policy: float) -> Verdict:
    measured = dataclasses.replace(MEASURED, false_calls=false_calls, missed_calls=missed_calls)
    return decide(measured, dataclasses.replace(POLICY, **policy), None, False)  # type: ignore[arg-type]


def test_a_floor_counts_every_row_that_asks_for_the_function() -> None:
    assert judged(floors={"pod-restart": 0.8, "scale-deployment": 0.875}).decision == (
        f"{GOOD}; 2 of 2 functions with a floor reach it; {ALONE}"
    )
    below = judged(floors={"pod-restart": 0.9, "scale-deployment": 0.875})
    assert below == Verdict(False, f"{ACCURATE}, but pod-restart, 0.82 on 11 rows, is below its floor 0.90")


def test_a_function_with_a_floor_and_no_test_row_is_rejected() -> None:
    verdict = judged(floors={"drain-node": 0})
    assert verdict == Verdict(False, f"{ACCURATE}, but no test row asks for drain-node, which has a floor")


def test_every_reason_is_named() -> None:
    verdict = judged(
        compared(0, 0, 3), accuracy=0.5, rows=3, maximum_latency_ms=100, floors={"drain-node": 1, "pod-restart": 1}
    )
    assert verdict.approved is False
    assert verdict.decision.split("; ") == [
        "accuracy 0.50 on 3 rows is below 0.80",
        "the 95th percentile of the latency, 142 ms, is above 100 ms",
        "no test row asks for drain-node, which has a floor",
        "pod-restart, 0.82 on 11 rows, is below its floor 1.00",
        f"worse than {CHAMPION}: 0 of 3 common rows right against 3 "
        "(difference −100.0 points, 95 % interval −100.0 to −20.6, p = 0.25)",
    ]


def test_the_longest_decision_fits_an_output_and_still_tells_of_the_champion() -> None:
    floors = {f"{'🚀' * 500}-{number}": 1.0 for number in range(1000)}
    comparison = Comparison("🚀" * 500, 0, 0, 10**6, 0, 10**6)
    decision = judged(
        comparison,
        accuracy=0.1 + 0.2,
        rows=10**6,
        minimum_accuracy=0.3 + 1e-15,
        accuracy_margin=0.123456789,
        maximum_latency_ms=1,
        floors=floors,
    ).decision
    assert len(decision.encode()) <= MAX_TEXT_BYTES
    assert "999 more below their floors" in decision
    assert decision.endswith("1000000 new to it")


@pytest.mark.parametrize("name", sorted(GATE))
def test_a_threshold_that_is_no_number_never_opens_the_gate(inputs: Inputs, name: str) -> None:
    with pytest.raises(StageError, match=f"{name} is nan; it must be at least 0"):
        read_policy(dataclasses.replace(inputs, **{name: float("nan")}))


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ({"floors": {"pod-restart": float("nan")}}, "the floor of pod-restart is nan; it must be at least 0"),
        ({"floors": {"pod-restart": 80}}, "the floor of pod-restart is 80; it must be at most 1"),
        ({"floors": {"pod-restart": True}}, "the floor of pod-restart is True; it must be a number"),
        ({"floors": ["pod-restart"]}, "agent.json: config.gate must hold settings, and floors by function"),
        (None, "agent.json: config.gate must hold settings, and floors by function"),
    ],
)
def test_floors_in_the_dataset_are_checked_again(inputs: Inputs, gate: object, reason: str) -> None:
    write_gate(inputs, gate)
    with pytest.raises(StageError) as refused:
        read_policy(inputs)
    assert str(refused.value).endswith(reason)


def test_floors_come_with_the_dataset(inputs: Inputs) -> None:
    write_gate(inputs, {"minimum_accuracy": 0.7, "floors": {"pod-restart": 1}})
    assert read_policy(inputs) == Policy(0.8, 0.0, 0.05, 0.1, 0.0, {"pod-restart": 1.0})


def write_gate(inputs: Inputs, gate: object) -> None:
    (inputs.dataset.path / "agent.json").write_text(json.dumps(samples.AGENT | {"config": {"gate": gate}}))

"""One cause starts one training: what was trained before, what was started before, and what others start meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared import names
from stages.watch import starts
from stages.watch.decision import Decision
from stages.watch.starts import Starts
from stages.watch.tests.conftest import REMEDIES, RESTART, SCALE, VERSION, World

EDITED = REMEDIES | {"Down": SCALE, "Busy": RESTART}
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
FELL = f"{VERSION} has 6 of 10 rows right today (0.60, below 0.80; none of Down, Busy)"


def trained(world: World, cause: str, status: str, decision: str = "good") -> None:
    """Ends a training for a cause, as register does: a run that bears the cause, and a version with its verdict."""
    content = {names.CONTENT_TAG: f"content for {cause}", names.VERSION_TAG: "v20260105-fedcba98"}
    tags = {names.CAUSE_TAG: cause, names.trained_tag(cause): "true"}
    world.registered(world.trained(world.dataset(EDITED), **content, **tags), status, decision)


def test_every_trigger_finds_the_same_cause(world: World) -> None:
    dataset = world.dataset(EDITED)
    told = {each: world.watch(dataset, trigger=each, remember=False) for each in ("watch", "schedule", "runbook")}
    assert len({each.cause for each in told.values()}) == 1
    assert told["schedule"].reason.startswith(f"{FELL}, was trained on other rows than today's")


def test_another_runbook_is_another_cause(world: World) -> None:
    first = world.watch(world.dataset(EDITED), remember=False)
    assert world.watch(world.dataset(EDITED), remember=False).cause == first.cause
    assert world.watch(world.dataset(EDITED | {"Slow": SCALE}), remember=False).cause != first.cause
    assert world.watch(world.dataset(EDITED), train_version="0.4.0", remember=False).cause != first.cause


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (names.REJECTED, ", rejected: accuracy 0.71 is below 0.80"),
        (names.REGISTERED, ", approved, but never published"),
    ],
)
def test_a_cause_that_was_trained_for_is_not_trained_again(world: World, status: str, told: str) -> None:
    dataset = world.dataset(EDITED)
    first = world.watch(dataset, kickoff_time=NOON)
    trained(world, first.cause, status, "accuracy 0.71 is below 0.80")
    again = world.watch(dataset, kickoff_time=NOON + timedelta(days=30), trigger="schedule")
    assert (again.retrain, again.cause) == (False, first.cause)
    assert again.reason.startswith(f"trained for this already: v20260105-fedcba98{told}; {FELL}")


def test_a_start_holds_off_the_next_one_until_the_cool_down_has_passed(world: World) -> None:
    dataset, other = world.dataset(EDITED), world.dataset(EDITED | {"Slow": SCALE})
    assert world.watch(dataset, kickoff_time=NOON, cool_down_hours=6.0).retrain
    same = world.watch(dataset, kickoff_time=NOON + timedelta(hours=5), cool_down_hours=6.0)
    began = "the training that this started on 2026-01-05 12:00 UTC has no result yet"
    assert (same.retrain, same.reason) == (
        False,
        f"not again before 2026-01-05 18:00 UTC without force_retrain: {began}; {FELL}",
    )
    another = world.watch(other, kickoff_time=NOON + timedelta(hours=5), cool_down_hours=6.0)
    began = "the cool-down after the start on 2026-01-05 12:00 UTC is 6 hours"
    assert another.reason.startswith(
        f"not before 2026-01-05 18:00 UTC without force_retrain: {began}; {VERSION} has 4 of 10"
    )
    assert world.watch(dataset, kickoff_time=NOON + timedelta(hours=6), cool_down_hours=6.0).retrain


def test_without_a_cool_down_only_the_same_cause_waits_an_hour(world: World) -> None:
    dataset, later = world.dataset(EDITED), NOON + timedelta(minutes=59)
    assert world.watch(dataset, kickoff_time=NOON, cool_down_hours=0.0).retrain
    assert not world.watch(dataset, kickoff_time=later, cool_down_hours=0.0).retrain
    assert world.watch(world.dataset(), train_version="0.4.0", trigger="schedule", cool_down_hours=0.0).retrain


def test_force_retrain_overrides_everything_and_says_so(world: World) -> None:
    first = world.watch(world.dataset(EDITED))
    trained(world, first.cause, names.REJECTED)
    told = world.watch(world.dataset(EDITED), trigger="request", force_retrain=True)
    assert (told.retrain, told.cause) == (True, first.cause)
    assert told.reason.startswith(f"asked for by force_retrain; {FELL}")
    idle = world.watch(world.dataset(), force_retrain=True)
    assert idle.retrain and idle.cause not in ("", first.cause)
    assert idle.reason.startswith(f"asked for by force_retrain; {VERSION} has 10 of 10 rows right today")


def test_a_forced_start_cools_down_too(world: World) -> None:
    assert world.watch(world.dataset(), force_retrain=True, kickoff_time=NOON).retrain
    assert "not before 2026-01-06 12:00 UTC" in world.watch(world.dataset(EDITED), kickoff_time=NOON).reason


def test_every_decision_is_remembered_and_only_starts_hold_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "first")
    idle = world.watch(world.dataset(), kickoff_time=NOON)
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "second")
    started = world.watch(world.dataset(EDITED), kickoff_time=NOON)
    one, two = world.records()
    assert (one["retrain"], one["reason"], one["execution"]) == ("false", idle.reason, "first")
    assert (two["retrain"], two["reason"], two["execution"]) == ("true", started.reason, "second")
    assert (two["cause"], two["trigger"], two["run_status"]) == (started.cause, "watch", "FINISHED")
    assert (one["champion_accuracy"], two["champion_accuracy"], two["unseen_alerts"]) == (1.0, 0.6, 0.0)
    assert two["age_days"] == 0.0 and "cause" not in one


def test_looking_only_leaves_nothing_behind(world: World) -> None:
    assert world.watch(world.dataset(EDITED), remember=False).retrain
    assert world.watch(world.dataset(EDITED), remember=False).retrain
    assert world.records() == []


def test_a_second_attempt_of_an_execution_gives_the_same_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "f1234")
    first = world.watch(world.dataset(EDITED))
    assert world.watch(world.dataset(EDITED)) == first
    assert len(world.records()) == 1
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "f5678")
    assert not world.watch(world.dataset(EDITED)).retrain


def test_an_attempt_that_was_killed_after_it_wrote_is_taken_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "f1234")
    Starts(world.client, world.agent).record(Decision(True, FELL, "0123456789abcdef"), "watch", {}, NOON)
    told = world.watch(world.dataset(EDITED))
    assert (told.retrain, told.reason, told.cause) == (True, FELL, "0123456789abcdef")
    assert [record["run_status"] for record in world.records()] == ["FINISHED"]


def test_of_two_starts_at_the_same_time_the_one_that_was_written_first_stays(world: World) -> None:
    known, decision = Starts(world.client, world.agent), Decision(True, FELL, "0123456789abcdef")
    first, second = (known.record(decision, "watch", {}, NOON) for _ in range(2))
    if second.rank < first.rank:  # within the same millisecond
        first, second = second, first
    beaten = known.yielding(second, decision, 24.0, NOON)
    assert (beaten.retrain, beaten.cause) == (False, decision.cause)
    assert beaten.reason.startswith("not again before 2026-01-06 12:00 UTC")
    assert known.yielding(first, decision, 24.0, NOON) == decision
    assert sorted(record["retrain"] for record in world.records()) == ["false", "true"]


def test_of_many_that_look_at_once_one_starts(world: World) -> None:
    dataset = world.dataset(EDITED)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: world.watch(dataset), range(4)))
    assert sum(each.retrain for each in told) == 1


def test_a_watch_that_was_killed_holds_nobody_off_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Starts(world.client, world.agent)
    killed = known.record(Decision(True, FELL, "0123456789abcdef"), "watch", {}, NOON)
    assert known.holding("0123456789abcdef", 24.0, NOON) == [killed]
    monkeypatch.setattr(starts, "DEAD_SECONDS", 0)
    assert known.holding("0123456789abcdef", 24.0, NOON) == []
    known.complete(killed)
    assert [start.run_id for start in known.holding("0123456789abcdef", 24.0, NOON)] == [killed.run_id]

"""What watch finds, and what it says about it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared import names
from shared.artifacts import ChatDataset
from shared.errors import StageError
from stages.watch.tests.conftest import REMEDIES, RESTART, SCALE, TRAIN, VERSION, World
from tests.mlflow_server import free_port

EDITED = REMEDIES | {"Down": SCALE, "Busy": RESTART}
OTHER_COMMIT = "fedcba9876543210fedcba9876543210fedcba98"


def test_there_is_nothing_to_do_for_a_champion_that_is_right(world: World) -> None:
    told = world.watch(world.dataset())
    reason = f"nothing to do: {VERSION} has 10 of 10 rows right today (1.00, at least 0.80), knows all 5 alerts"
    assert told.reason == f"{reason}, is 0 days old"
    assert (told.retrain, told.cause, told.champion_accuracy, told.unseen_alerts) == (False, "", 1.0, 0)


def test_two_alerts_with_other_remedies_ask_for_a_training(world: World) -> None:
    told = world.watch(world.dataset(EDITED, OTHER_COMMIT))
    assert told.reason == f"{VERSION} has 6 of 10 rows right today (0.60, below 0.80; none of Down, Busy)"
    assert (told.retrain, told.champion_accuracy, told.unseen_alerts) == (True, 0.6, 0)
    assert len(told.cause) == 16


def test_an_accuracy_at_the_bound_is_enough(world: World) -> None:
    told = world.watch(world.dataset(EDITED), retrain_below=0.6)
    assert not told.retrain
    assert "(0.60, at least 0.60; none of Down, Busy)" in told.reason


def test_a_new_alert_is_one_that_the_champion_never_saw(world: World) -> None:
    dataset = world.dataset(REMEDIES | {"Leaking": RESTART})
    told = world.watch(dataset)
    assert told.reason == f"{VERSION} never saw 1 of 6 alerts, more than 0 (Leaking)"
    assert (told.retrain, told.unseen_alerts, told.champion_accuracy) == (True, 1, 1.0)
    tolerant = world.watch(dataset, most_unseen_alerts=1, remember=False)
    assert "has 10 of 10 rows right today (1.00, at least 0.80; 2 more are new to it)" in tolerant.reason
    assert (tolerant.retrain, "never saw 1 of 6 alerts, at most 1 (Leaking)" in tolerant.reason) == (False, True)


def test_a_renamed_alert_is_a_new_one_and_three_are_named(world: World) -> None:
    told = world.watch(world.dataset({f"{name}Now": remedy for name, remedy in REMEDIES.items()}), remember=False)
    assert told.unseen_alerts == 5
    assert told.reason.endswith("never saw 5 of 5 alerts, more than 0 (DownNow, BusyNow, StuckNow, 2 more)")


def test_an_alert_that_taught_nothing_then_and_nothing_now_is_not_new(newcomer: World) -> None:
    dataset = newcomer.dataset()
    (dataset.path / "card.json").write_text(json.dumps({"alerts": {}, "skipped": [{"name": "Leaking"}]}))
    newcomer.champion(dataset)
    told = newcomer.watch(newcomer.dataset(REMEDIES | {"Leaking": RESTART}))
    assert told.unseen_alerts == 0


def test_alerts_that_nothing_covers_are_no_reason_to_train(world: World) -> None:
    told = world.watch(world.with_uncovered(world.dataset(), "Alien", "Foreign"))
    assert (told.retrain, told.unseen_alerts, told.champion_accuracy) == (False, 0, 1.0)
    assert "has 10 of 10 rows right today (1.00, at least 0.80), knows all 5 alerts" in told.reason


def test_calls_for_uncovered_alerts_do_not_count_among_the_stored_answers(newcomer: World) -> None:
    dataset = newcomer.with_uncovered(newcomer.dataset(), "Alien")
    newcomer.champion(dataset)
    told = newcomer.watch(newcomer.with_uncovered(newcomer.dataset(), "Alien"))
    assert "has 10 of 10 rows right today (1.00, at least 0.80), knows all 5 alerts" in told.reason


@pytest.mark.parametrize("has_card", [True, False])
def test_an_alert_that_is_covered_today_is_new_to_a_champion_that_was_only_asked_about_it(
    newcomer: World, has_card: bool
) -> None:
    dataset = newcomer.with_uncovered(newcomer.dataset(), "Leaking", "Alien")
    if not has_card:
        (dataset.path / "card.json").write_text("{}")
    newcomer.champion(dataset)
    told = newcomer.watch(newcomer.with_uncovered(newcomer.dataset(REMEDIES | {"Leaking": RESTART}), "Alien"))
    assert (told.retrain, told.unseen_alerts) == (True, 1)
    assert told.reason.endswith("never saw 1 of 6 alerts, more than 0 (Leaking)")


def test_an_alert_that_was_taught_is_known_whatever_else_is_told_of_it(newcomer: World) -> None:
    dataset = newcomer.dataset()
    alerts = {name: {"train": 2, "test_uncovered_alerts": 2} for name in REMEDIES}
    (dataset.path / "card.json").write_text(json.dumps({"alerts": alerts, "skipped": []}))
    newcomer.champion(dataset)
    assert newcomer.watch(newcomer.dataset()).unseen_alerts == 0


def test_new_prompts_leave_no_row_that_the_champion_answered(world: World) -> None:
    told = world.watch(world.dataset(instruction="You call functions"))
    assert told.reason == f"{VERSION} answered none of today's 10 rows, as every prompt is new to it"
    assert (told.retrain, told.champion_accuracy, told.unseen_alerts) == (True, 0.0, 0)
    assert "champion_accuracy" not in world.records()[-1]


def test_a_champion_that_is_too_old_is_trained_again(world: World) -> None:
    later = datetime.now(UTC) + timedelta(days=31)
    assert not world.watch(world.dataset(), kickoff_time=later, retrain_after_days=32).retrain
    told = world.watch(world.dataset(), kickoff_time=later, retrain_after_days=30)
    assert told.retrain
    assert told.reason == f"{VERSION} is 31 days old, more than 30"


def test_watch_leaves_a_change_alone_that_costs_no_quality_and_others_do_not(world: World) -> None:
    dataset = world.dataset(commit=OTHER_COMMIT)
    assert not world.watch(dataset).retrain
    told = world.watch(dataset, trigger="schedule")
    assert told.retrain
    assert told.reason == f"{VERSION} was trained on other rows than today's (of commit 01234567, not of fedcba98)"


def test_another_train_is_a_change(world: World) -> None:
    same = world.watch(world.dataset(), trigger="runbook")
    assert same.reason.endswith(f"is 0 days old, was trained on today's rows, by train {TRAIN}")
    told = world.watch(world.dataset(), trigger="runbook", train_version="0.4.0")
    assert (told.retrain, told.reason) == (True, f"{VERSION} was trained by train {TRAIN}, which is 0.4.0 today")


def test_an_agent_without_a_champion_is_trained(newcomer: World) -> None:
    told = newcomer.watch(newcomer.dataset())
    assert (told.retrain, told.reason) == (True, f"{newcomer.agent} has no champion yet")
    assert (told.champion_accuracy, told.unseen_alerts) == (0.0, 5)


def test_a_run_without_the_dataset_s_card_knows_the_alerts_that_it_answered(world: World, newcomer: World) -> None:
    dataset = newcomer.dataset()
    (dataset.path / "card.json").write_text("{}")
    newcomer.champion(dataset)
    told = newcomer.watch(newcomer.dataset(REMEDIES | {"Leaking": RESTART}))
    assert told.reason.endswith("never saw 1 of 6 alerts, more than 0 (Leaking)")


def test_predictions_that_are_gone_are_told(newcomer: World) -> None:
    dataset = newcomer.dataset()
    run_id = newcomer.champion(dataset)
    newcomer.client.delete_run(run_id)
    with pytest.raises(StageError) as refused:
        newcomer.watch(dataset)
    told = f"the predictions of the champion {VERSION} are gone from MLflow; restore them"
    assert str(refused.value).startswith(told)
    assert newcomer.records() == []


def test_nothing_but_its_own_records_changes(world: World) -> None:
    model, experiment = names.registered_model(world.agent), names.experiment(world.agent)

    def state() -> object:
        found = world.client.get_experiment_by_name(experiment)
        runs = [(run.data.tags, run.info.status) for run in world.client.search_runs([found.experiment_id])]
        return runs, world.client.get_registered_model(model).aliases

    before = state()
    assert world.watch(world.dataset(EDITED), trigger="schedule").retrain
    assert state() == before


def program(dataset: ChatDataset, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    arguments = ["--dataset", str(dataset.path), "--outputs", str(folder)]
    command = [sys.executable, "-m", "stages.watch.main", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=60)


def test_a_server_that_is_down_is_told_in_one_line(world: World, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    ended = program(world.dataset(), tmp_path / "outputs", MLFLOW_TRACKING_URI=address)
    assert ended.returncode == 1
    told = f"watch: MLflow at {address} does not answer; check MLFLOW_TRACKING_URI and that the server runs"
    assert ended.stderr.startswith(told) and ended.stderr.count("\n") == 1
    assert list((tmp_path / "outputs").iterdir()) == []


def test_the_program_writes_what_it_decides(world: World, tmp_path: Path) -> None:
    ended = program(world.dataset(EDITED), tmp_path / "outputs")
    assert ended.returncode == 0, ended.stderr
    outputs = {file.name: file.read_text() for file in (tmp_path / "outputs").iterdir()}
    assert outputs.keys() == {"retrain", "reason", "cause", "champion_accuracy", "unseen_alerts"}
    assert (outputs["retrain"], outputs["champion_accuracy"], outputs["unseen_alerts"]) == ("true", "0.6", "0")


def test_a_reason_never_is_longer_than_an_output_may_be(world: World) -> None:
    told = world.watch(world.dataset({f"{'Ä' * 900}{number}": RESTART for number in range(4)}), remember=False)
    assert told.unseen_alerts == 4
    assert len(told.reason.encode()) < 1024
    assert told.reason.endswith("Ä…, 1 more)")

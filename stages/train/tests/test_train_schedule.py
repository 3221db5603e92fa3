"""Step sizes, when the validation loss is measured, and when training ends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from stages.train.contract import Inputs
from stages.train.main import run
from stages.train.schedule import Schedule
from stages.train.training import History


def step_sizes(schedule: Schedule) -> list[float]:
    optimizer = schedule.optimizer()
    weights: dict[str, Any] = {"w": mx.zeros(1)}
    optimizer.init(weights)
    found = []
    for _ in range(schedule.iters):
        optimizer.apply_gradients({"w": mx.ones(1)}, weights)
        found.append(float(optimizer.learning_rate.item()))
    return found


def test_the_step_size_rises_stays_and_falls_to_a_tenth() -> None:
    assert step_sizes(Schedule(0.1, 3)) == pytest.approx([0.1] * 3)
    assert step_sizes(Schedule(0.1, 6, warmup=4)) == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    cosine = step_sizes(Schedule(0.1, 11, cosine=True))
    assert cosine == sorted(cosine, reverse=True)
    assert (cosine[0], cosine[5]) == pytest.approx((0.1, 0.0614), rel=0.01)
    assert 0.01 <= cosine[-1] < 0.013
    both = step_sizes(Schedule(0.1, 12, warmup=4, cosine=True))
    assert max(both) == both[4] == pytest.approx(0.1)
    assert both[-1] < 0.02


def test_validations_are_five_or_as_often_as_asked_and_at_the_end() -> None:
    def validated(schedule: Schedule) -> list[int]:
        return [iteration for iteration in range(schedule.iters + 1) if schedule.is_validated(iteration)]

    assert validated(Schedule(0.1, 20)) == [0, 4, 8, 12, 16, 20]
    assert validated(Schedule(0.1, 2)) == [0, 1, 2]
    assert validated(Schedule(0.1, 10, validate_every=4)) == [0, 4, 8, 10]


def test_training_ends_when_it_stops_getting_better_and_keeps_the_best(inputs: Inputs, tmp_path: Path) -> None:
    harsh = replace(inputs, learning_rate=0.05, iters=60, validate_every=1, patience=3)
    outputs = run(harsh, tmp_path)
    metrics = outputs.metrics.read()
    losses = {entry["iteration"]: entry["loss"] for entry in metrics["validation_loss"]}
    best = min((loss, iteration) for iteration, loss in losses.items() if iteration)
    assert (outputs.validation_loss, metrics["best_iteration"]) == best
    assert len(metrics["training_loss"]) == best[1] + 3 < 60


def test_what_came_behind_the_best_is_counted() -> None:
    history = History(validation_loss=[(0, 3.0), (4, 2.0), (8, 2.5), (12, 2.1)], best=(4, 2.0))
    assert history.validations_since_best == 2

"""The training loop: steps, validation, the best weights, checkpoints, and what is remembered of it all."""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from shared.errors import StageError
from stages.train.checkpoints.checkpoint import Arrays, Checkpoint, Checkpoints
from stages.train.engine.batches import Step, assemble, training_steps, validation_steps
from stages.train.engine.device import peak_memory
from stages.train.engine.prefix import Group
from stages.train.engine.step import Engine
from stages.train.progress import Progress
from stages.train.schedule import Schedule

_WEIGHTS, _OPTIMIZER, _BEST = "weights/", "optimizer/", "best/"


@dataclass
class History:
    """What happened: losses by iteration, and the time and the rows' tokens that the steps took."""

    training_loss: list[tuple[int, float]] = field(default_factory=list)
    validation_loss: list[tuple[int, float]] = field(default_factory=list)
    best: tuple[int, float] = (0, math.inf)
    """The iteration after which the validation loss was lowest, and that loss."""
    seconds: float = 0.0
    step_seconds: float = 0.0
    tokens: int = 0
    peak_memory_bytes: int = 0

    @property
    def validations_since_best(self) -> int:
        return sum(iteration > self.best[0] for iteration, _ in self.validation_loss)


@dataclass(frozen=True)
class Data:
    """Rows by what they begin with, in as many groups on both sides. batch: rows a step; micro: rows in memory."""

    train: Sequence[Group]
    valid: Sequence[Group]
    batch: int
    micro: int
    seed: int


class Training:
    """One training of an engine's model, from its beginning or from a checkpoint, to the best weights that it saw."""

    def __init__(
        self, engine: Engine, data: Data, schedule: Schedule, progress: Progress, checkpoints: Checkpoints | None = None
    ) -> None:
        self.engine, self.data, self.schedule = engine, data, schedule
        self.progress, self.checkpoints = progress, checkpoints
        self.history = History()
        self.best: Arrays = {}

    def run(self) -> History:
        """Trains; the model then has the weights of the lowest validation loss after a step.

        Raises StageError at the first loss or gradient that is no finite number.
        """
        mx.reset_peak_memory()
        began = time.perf_counter()
        done = self._resume()
        before = self.history.seconds
        if not done:
            self._validate(0)
        steps = islice(training_steps(self.data.train, self.data.batch, self.data.seed), done, self.schedule.iters)
        for iteration, step in enumerate(steps, done + 1):
            if self._is_hopeless():
                self.progress.ended_early(iteration - 1, self.history.best)
                break
            self._step(iteration, step)
            if self.schedule.is_validated(iteration):
                self._validate(iteration)
            self.history.seconds = before + time.perf_counter() - began
            if self.checkpoints and (iteration % self.checkpoints.every == 0 or iteration == self.schedule.iters):
                self.checkpoints.save(self._checkpoint(iteration))
        self.engine.model.update(tree_unflatten(list(self.best.items())))
        self.history.peak_memory_bytes = max(self.history.peak_memory_bytes, peak_memory())
        return self.history

    def _is_hopeless(self) -> bool:
        return bool(self.schedule.patience) and self.history.validations_since_best >= self.schedule.patience

    def _step(self, iteration: int, step: Step) -> None:
        start = time.perf_counter()
        prefix = self.data.train[step.group].prefix
        parts = range(0, len(step.rows), self.data.micro)
        batches = [assemble(step.rows[place : place + self.data.micro], len(prefix)) for place in parts]
        loss, norm = self.engine.step(step.group, batches)
        self._check_finite(loss, f"the training loss is {loss}", iteration, step)
        self._check_finite(norm, f"the gradient's length is {norm}", iteration, step)
        self.history.step_seconds += time.perf_counter() - start
        self.history.tokens += sum(batch.token_count for batch in batches)
        self.history.training_loss.append((iteration, loss))
        self.progress.trained(iteration, loss, self.history.tokens / self.history.step_seconds)

    def _validate(self, iteration: int) -> None:
        total, count = 0.0, 0
        for step in validation_steps(self.data.valid, self.data.micro):
            batch = assemble(step.rows, len(self.data.valid[step.group].prefix))
            loss = self.engine.loss(step.group, batch)
            self._check_finite(loss, f"the validation loss is {loss}", iteration, step)
            total += loss * batch.scored_count
            count += batch.scored_count
        loss = total / count
        self.history.validation_loss.append((iteration, loss))
        if iteration and loss < self.history.best[1]:
            self.history.best = (iteration, loss)
            self.best = dict(tree_flatten(self.engine.model.trainable_parameters()))
        self.progress.validated(iteration, loss)

    def _check_finite(self, value: float, told: str, iteration: int, step: Step) -> None:
        if not math.isfinite(value):
            rows = ", ".join(row.id for row in step.rows[:4]) + (" …" if len(step.rows) > 4 else "")
            reason = f"{told} at iteration {iteration} of {self.schedule.iters} (rows {rows})"
            rate = self.schedule.learning_rate
            raise StageError(f"{reason}: lower learning_rate, which is {rate:g}, for example tenfold")

    def _checkpoint(self, iteration: int) -> Checkpoint:
        weights: Any = tree_flatten(self.engine.model.trainable_parameters())
        state: Any = tree_flatten(self.engine.optimizer.state)
        arrays = _named(_WEIGHTS, weights) | _named(_OPTIMIZER, state) | _named(_BEST, self.best.items())
        self.history.peak_memory_bytes = max(self.history.peak_memory_bytes, peak_memory())
        return Checkpoint(iteration, arrays, dataclasses.asdict(self.history))

    def _resume(self) -> int:
        """Returns how many steps are done already, after putting everything where it was behind them."""
        found = self.checkpoints.load() if self.checkpoints else None
        if found is None:
            return 0
        self.engine.model.update(tree_unflatten(list(_part(found.arrays, _WEIGHTS).items())))
        self.engine.restore_optimizer(tree_unflatten(list(_part(found.arrays, _OPTIMIZER).items())))
        self.best = _part(found.arrays, _BEST)
        self.history = _history(found.history)
        self.progress.resumed(found.iteration)
        return found.iteration


def _named(prefix: str, arrays: Any) -> Arrays:
    return {prefix + name: array for name, array in arrays}


def _part(arrays: Mapping[str, mx.array], prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _history(data: dict[str, Any]) -> History:
    pairs = {name: [(pair[0], pair[1]) for pair in data[name]] for name in ("training_loss", "validation_loss")}
    return History(**data | pairs | {"best": (data["best"][0], data["best"][1])})

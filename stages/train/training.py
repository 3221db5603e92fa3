"""The training loop: steps, validation, and what is remembered of them."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mlx.core as mx

from shared.errors import StageError
from stages.train.batches import training_batches, validation_batches
from stages.train.engine import Engine
from stages.train.progress import Progress
from stages.train.rows import Row

VALIDATIONS = 5


@dataclass(frozen=True)
class Schedule:
    """How the weights are trained: the step size, the rows a step, the steps, and what draws the order of rows."""

    learning_rate: float
    batch_size: int
    iters: int
    seed: int

    @property
    def validated(self) -> set[int]:
        """The iterations after which the validation loss is measured; 0 is before the first step."""
        return {round(self.iters * part / VALIDATIONS) for part in range(VALIDATIONS + 1)}


@dataclass
class History:
    """What happened: losses by iteration, and the time and the rows' tokens that the steps took."""

    training_loss: list[tuple[int, float]] = field(default_factory=list)
    validation_loss: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0
    step_seconds: float = 0.0
    tokens: int = 0
    peak_memory_bytes: int = 0


def train(
    engine: Engine, rows: Mapping[str, Sequence[Row]], prefix_length: int, schedule: Schedule, progress: Progress
) -> History:
    """Trains on rows["train"] and returns the history; the engine knows the rows' first prefix_length tokens.

    Raises StageError at the first loss that is no finite number.
    """
    history, began = History(), time.perf_counter()
    size = schedule.batch_size
    mx.reset_peak_memory()

    def validate(iteration: int) -> None:
        loss = engine.mean_loss(validation_batches(rows["valid"], size, prefix_length))
        history.validation_loss.append((iteration, _finite(loss, iteration, "validation", schedule)))
        progress.validated(iteration, loss)

    validate(0)
    batches = training_batches(rows["train"], size, schedule.seed, prefix_length)
    for iteration, batch in zip(range(1, schedule.iters + 1), batches, strict=False):
        start = time.perf_counter()
        loss = _finite(engine.step(batch), iteration, "training", schedule)
        history.step_seconds += time.perf_counter() - start
        history.tokens += batch.token_count
        history.training_loss.append((iteration, loss))
        progress.trained(iteration, loss, history.tokens / history.step_seconds)
        if iteration in schedule.validated:
            validate(iteration)
    history.seconds = time.perf_counter() - began
    history.peak_memory_bytes = mx.get_peak_memory()
    return history


def _finite(loss: float, iteration: int, kind: str, schedule: Schedule) -> float:
    if not math.isfinite(loss):
        reason = f"the {kind} loss is {loss} at iteration {iteration} of {schedule.iters}"
        raise StageError(f"{reason}: lower learning_rate, which is {schedule.learning_rate:g}, for example tenfold")
    return loss

"""How long training goes on and with which step sizes."""

from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx
from mlx.optimizers import AdamW, cosine_decay, join_schedules, linear_schedule

VALIDATIONS = 5
LAST_SHARE = 0.1  # of the step size, at the end of a cosine


@dataclass(frozen=True)
class Schedule:
    """iters: steps in all. warmup: the first of them, over which the step size rises. cosine: it then falls.

    validate_every: steps between validations; 0: a fifth of all. patience: validations without a better loss after
    which training ends; 0: never.
    """

    learning_rate: float
    iters: int
    warmup: int = 0
    cosine: bool = False
    validate_every: int = 0
    patience: int = 0

    def is_validated(self, iteration: int) -> bool:
        """Returns whether the validation loss is measured after an iteration; 0 is before the first step."""
        if self.validate_every:
            return iteration % self.validate_every == 0 or iteration == self.iters
        return iteration in {round(self.iters * part / VALIDATIONS) for part in range(VALIDATIONS + 1)}

    def optimizer(self) -> AdamW:
        """Returns the optimizer, whose state counts the steps that the step size goes by."""
        return AdamW(learning_rate=self._step_size())

    def _step_size(self) -> float | Callable[[mx.array], mx.array]:
        rest = max(1, self.iters - self.warmup)
        after = cosine_decay(self.learning_rate, rest, LAST_SHARE * self.learning_rate) if self.cosine else None
        if not self.warmup:
            return after or self.learning_rate
        # Not from 0: a first step of no size would be one lost.
        rise = linear_schedule(self.learning_rate / (self.warmup + 1), self.learning_rate, self.warmup)
        return join_schedules([rise, after or (lambda step: mx.array(self.learning_rate))], [self.warmup])

"""What one step computes: the loss on completions, its gradients, and the optimizer's update."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import mlx.core as mx
from mlx.nn.losses import cross_entropy
from mlx.nn.utils import value_and_grad
from mlx.optimizers import AdamW

from stages.train.batches import Batch
from stages.train.head_loss import head_loss, head_weight
from stages.train.prefix import hidden_states

Loss = Callable[..., mx.array]
"""f(model, tokens, positions, targets, weights), shaped as in Batch -> the mean cross entropy in nats."""


class Engine:
    """Trains the unfrozen weights of a model on batches whose rows all go on after the same prefix."""

    def __init__(self, model: Any, prefix: Sequence[int], learning_rate: float) -> None:
        self.model = model
        self.loss = rest_loss(model, prefix) if prefix else whole_loss
        self.optimizer = AdamW(learning_rate=learning_rate)
        self.optimizer.init(self.model.trainable_parameters())
        self.state = [self.model.state, self.optimizer.state]
        self.update = self._compiled_update()

    def step(self, batch: Batch) -> float:
        """Trains on a batch; returns its loss before the update."""
        loss: Any = self.update(*_arrays(batch))
        mx.eval(loss, self.state)
        return float(loss.item())

    def mean_loss(self, batches: Iterable[Batch]) -> float:
        """Returns the mean loss per completion token over all batches."""
        total, count = 0.0, 0
        for batch in batches:
            loss: Any = self.loss(self.model, *_arrays(batch))
            total += loss.item() * batch.scored_count
            count += batch.scored_count
        return total / count

    def _compiled_update(self) -> Callable[..., mx.array]:
        gradients = value_and_grad(self.model, self.loss)

        @partial(mx.compile, inputs=self.state, outputs=self.state)
        def update(*arrays: mx.array) -> Any:
            loss, slope = gradients(self.model, *arrays)
            self.optimizer.update(self.model, slope)
            return loss

        return update


def whole_loss(model: Any, tokens: mx.array, positions: mx.array, targets: mx.array, weights: mx.array) -> mx.array:
    """The Loss of whole rows, by the model's own head at every position: right for any model."""
    logits = model(tokens)
    scored = logits.reshape(-1, logits.shape[-1])[positions].astype(mx.float32)
    return (cross_entropy(scored, targets) * weights).sum() / weights.sum()


def rest_loss(model: Any, prefix: Sequence[int]) -> Loss:
    """Returns the Loss of what rows hold behind prefix, equal to that of whole rows."""
    shared = mx.array([prefix], mx.int32)
    sum_of_losses = head_loss(head_weight(model))

    def loss(model: Any, tokens: mx.array, positions: mx.array, targets: mx.array, weights: mx.array) -> mx.array:
        states = hidden_states(model, shared, tokens)
        scored = states.reshape(-1, states.shape[-1])[positions]
        return sum_of_losses(scored, targets, weights) / weights.sum()

    return loss


def _arrays(batch: Batch) -> tuple[mx.array, ...]:
    return batch.tokens, batch.positions, batch.targets, batch.weights

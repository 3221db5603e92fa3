"""What one step computes: the loss on completions, its gradients, and the optimizer's update."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.optimizers import AdamW

from stages.train.batches import Batch

Step = Callable[[Batch], float]


def make_step(model: nn.Module, learning_rate: float) -> Step:
    """Returns a function that trains the model's unfrozen weights on a batch and returns its loss before the update."""
    optimizer = AdamW(learning_rate=learning_rate)
    optimizer.init(model.trainable_parameters())
    gradients = nn.value_and_grad(model, _loss)
    state = [model.state, optimizer.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def update(*arrays: mx.array) -> mx.array:
        loss, slope = gradients(model, *arrays)
        optimizer.update(model, slope)
        return loss

    def step(batch: Batch) -> float:
        loss = update(*_arrays(batch))
        mx.eval(loss, state)
        return float(loss.item())

    return step


def mean_loss(model: nn.Module, batches: Iterable[Batch]) -> float:
    """Returns the mean loss per completion token over all batches."""
    total, count = 0.0, 0
    for batch in batches:
        total += _loss(model, *_arrays(batch)).item() * batch.scored_count
        count += batch.scored_count
    return total / count


def _arrays(batch: Batch) -> tuple[mx.array, ...]:
    return batch.tokens, batch.positions, batch.targets, batch.weights


def _loss(model: Any, tokens: mx.array, positions: mx.array, targets: mx.array, weights: mx.array) -> mx.array:
    """Returns the mean cross entropy, in nats, over the scored tokens."""
    logits = model(tokens)
    scored = logits.reshape(-1, logits.shape[-1])[positions].astype(mx.float32)
    losses = nn.losses.cross_entropy(scored, targets)
    return (losses * weights).sum() / weights.sum()

"""The loss at the scored positions alone, without an array of all their logits.

Of a small model with a large vocabulary the head is most of the work and of the memory. Loss and
gradient are made together, chunk by chunk, so that no array [N, V] outlives its chunk.

Letters in shapes: N scored positions, n of them in a chunk, M width, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from stages.train.engine import cpu_math

CHUNK = 64

Loss = Callable[[mx.array, mx.array, mx.array], mx.array]


def head_weight(model: Any) -> mx.array:
    """Returns the frozen matrix [V, M] whose product with the states is the logits of a model of a type in EXACT."""
    head = model.lm_head if "lm_head" in model else model.model.embed_tokens
    weight: mx.array = head.weight
    return weight


def head_loss(weight: mx.array) -> Loss:
    """Returns f(states [N, M], targets [N], weights [N]) -> the weighted sum of cross entropies, in nats.

    It has a gradient by the states alone.
    """

    @mx.custom_function
    def loss_and_slope(states: mx.array, targets: mx.array, weights: mx.array) -> tuple[mx.array, mx.array]:
        if cpu_math.is_installed():  # NumPy has each chunk made at once, and what is traced would all be kept
            states = cpu_math.untraced(states)
        starts = range(0, states.shape[0], CHUNK)
        parts = [_chunk(states[i : i + CHUNK], targets[i : i + CHUNK], weight) for i in starts]
        losses = mx.concatenate([losses for losses, _ in parts])
        slope = mx.concatenate([slope for _, slope in parts]) * weights[:, None].astype(states.dtype)
        return (losses * weights).sum(), slope

    @loss_and_slope.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, ...]:
        _, targets, weights = primals
        slope = outputs[1] * cotangents[0].astype(outputs[1].dtype)
        return slope, mx.zeros_like(targets), mx.zeros_like(weights)

    def loss(states: mx.array, targets: mx.array, weights: mx.array) -> mx.array:
        both: Any = loss_and_slope(states, targets, weights)
        total: mx.array = both[0]
        return total

    return loss


def _chunk(states: mx.array, targets: mx.array, weight: mx.array) -> tuple[mx.array, mx.array]:
    """states [n, M], targets [n], weight [V, M] -> losses [n] in float32, and their gradients by states [n, M]."""
    logits = (states @ weight.T).astype(mx.float32)
    losses, chances = cpu_math.losses_and_chances(logits, targets)
    slope = chances.astype(weight.dtype) @ weight - weight[targets]
    return (losses, cpu_math.made(slope)) if cpu_math.is_installed() else (losses, slope)

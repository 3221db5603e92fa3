"""Trains all weights of the base: lessons share their declarations, completions alone are scored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.nn.losses import cross_entropy
from mlx.nn.utils import value_and_grad
from mlx.optimizers import AdamW, MultiOptimizer, Muon, clip_grad_norm, cosine_decay, join_schedules, linear_schedule
from tokenizers import Tokenizer

from examples.demo_model.curriculum import Lesson

_WARM_UP = 30


@dataclass(frozen=True)
class Batch:
    """prefix: [1, P]; suffixes: [B, S]; positions, targets, weights: [N], of the scored tokens in B * S."""

    prefix: mx.array
    suffixes: mx.array
    positions: mx.array
    targets: mx.array
    weights: mx.array


def assemble(lesson: Lesson, tokenizer: Tokenizer, size: int) -> Batch:
    """Returns the lesson's `size` shortest rows: a single long one would pad all others."""
    prompts, completions = (_encode(tokenizer, texts) for texts in zip(*lesson.rows, strict=True))
    rows = sorted(zip(prompts, completions, strict=True), key=lambda row: len(row[0]) + len(row[1]))[:size]
    width = _round_up(max(len(prompt) + len(completion) for prompt, completion in rows) - 1, 16)
    suffixes = np.zeros((len(rows), width), np.int32)
    positions: list[int] = []
    targets: list[int] = []
    for number, (prompt, completion) in enumerate(rows):
        tokens = [*prompt, *completion][:-1]
        suffixes[number, : len(tokens)] = tokens
        positions += range(number * width + len(prompt) - 1, number * width + len(tokens))
        targets += completion
    padding = [0] * (_round_up(len(targets), 64) - len(targets))
    weights = np.array([1] * len(targets) + padding, np.float32) / len(targets)
    (prefix,) = _encode(tokenizer, [lesson.prefix])
    arrays: Any = ([prefix], suffixes, positions + padding, targets + padding, weights)
    return Batch(*(mx.array(array) for array in arrays))


def pretrain(model: Any, batches: Iterator[Batch], steps: int, report: Callable[[int, float], None]) -> None:
    """Trains the model for a number of steps."""
    optimizer = _optimizer(steps)
    optimizer.init(model.trainable_parameters())
    gradients = value_and_grad(model, loss_of)
    for step, batch in zip(range(1, steps + 1), batches, strict=False):
        loss, slope = gradients(model, batch)
        slope, _ = clip_grad_norm(slope, 1.0)  # type: ignore[no-untyped-call]
        optimizer.update(model, slope)
        mx.eval(loss, model.parameters(), optimizer.state)
        report(step, loss.item())


def loss_of(model: Any, batch: Batch) -> mx.array:
    """Returns the mean cross entropy of the scored tokens, in nats."""
    captured = [_Capture() for _ in model.layers]
    model.model(batch.prefix, cache=captured)
    states = model.model(batch.suffixes, cache=[_Replay(layer) for layer in captured])
    scored = states.reshape(-1, states.shape[-1])[batch.positions]
    logits = model.model.embed_tokens.as_linear(scored)
    return (cross_entropy(logits, batch.targets) * batch.weights).sum()


class _Capture:
    """A layer's cache that keeps the prefix' keys and values within the graph of gradients."""

    offset = 0
    keys: mx.array
    values: mx.array

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.keys, self.values = keys, values
        return keys, values


class _Replay:
    """A layer's cache that puts the captured prefix before every row."""

    def __init__(self, captured: _Capture) -> None:
        self.prefix = captured
        self.offset = captured.keys.shape[2]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return _prepend(self.prefix.keys, keys), _prepend(self.prefix.values, values)

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        query = mx.arange(self.offset, self.offset + length)[:, None]
        key = mx.arange(self.offset + length)[None]
        visible = key <= query
        visible = visible & (query - key < window_size) if window_size else visible
        return mx.where(visible, 0.0, -1e9)  # added to scores: selecting is slow on a CPU


def _prepend(prefix: mx.array, rest: mx.array) -> mx.array:
    return mx.concatenate([mx.broadcast_to(prefix, (rest.shape[0], *prefix.shape[1:])), rest], axis=2)


def _optimizer(steps: int) -> Any:
    """Muon for the matrices, which needs about half of AdamW's steps here; AdamW for embeddings and norms."""

    def schedule(peak: float) -> Any:
        return join_schedules(
            [linear_schedule(0.0, peak, _WARM_UP), cosine_decay(peak, steps - _WARM_UP, peak / 50)], [_WARM_UP]
        )

    matrices = Muon(schedule(0.02), momentum=0.95, weight_decay=0.0)
    others = AdamW(schedule(3e-3), betas=[0.9, 0.98], weight_decay=0.0)
    return MultiOptimizer([matrices, others], [lambda name, weight: weight.ndim == 2 and "embed" not in name])


def _encode(tokenizer: Tokenizer, texts: Any) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple

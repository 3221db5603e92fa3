"""Rows → arrays of few shapes, in a seeded order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from stages.train.rows import Row

SHAPE_STEP = 32  # each new shape is traced and compiled again


@dataclass(frozen=True)
class Batch:
    """B rows behind their shared prefix, padded to S tokens, of which N positions predict a scored token.

    tokens: int32 [B, S]. positions: int32 [N] into B * S. targets: int32 [N]. weights: float32 [N], 1 or 0 for padding.
    token_count: the tokens of the whole rows without padding. scored_count: the ones in weights.
    """

    tokens: mx.array
    positions: mx.array
    targets: mx.array
    weights: mx.array
    token_count: int
    scored_count: int


def training_batches(rows: Sequence[Row], size: int, seed: int, prefix_length: int) -> Iterator[Batch]:
    """Yields batches without end, their rows without the first prefix_length tokens.

    Every epoch holds each row once, in an order of its own; a batch may reach into the next epoch, so that no row
    is left out.
    """
    order = _endless_order(rows, random.Random(seed))
    while True:
        yield assemble([next(order) for _ in range(size)], prefix_length)


def validation_batches(rows: Sequence[Row], size: int, prefix_length: int) -> Iterator[Batch]:
    """Yields each row once, in the given order; the last batch may be smaller."""
    for start in range(0, len(rows), size):
        yield assemble(rows[start : start + size], prefix_length)


def assemble(rows: Sequence[Row], prefix_length: int) -> Batch:
    """Returns the batch of rows behind their first prefix_length tokens, which must be below each prompt's length.

    A row's last token is only a target: nothing is predicted from it.
    """
    inputs = [row.tokens[prefix_length:-1] for row in rows]
    width = _round_up(max(map(len, inputs)))
    tokens = np.zeros((len(rows), width), np.int32)
    positions: list[int] = []
    targets: list[int] = []
    for number, (row, known) in enumerate(zip(rows, inputs, strict=True)):
        tokens[number, : len(known)] = known
        targets += row.tokens[row.prompt_length :]
        start = number * width + row.prompt_length - 1 - prefix_length
        positions += range(start, number * width + len(known))
    count = len(targets)
    return Batch(
        tokens=mx.array(tokens),
        positions=mx.array(_padded(positions, np.int32)),
        targets=mx.array(_padded(targets, np.int32)),
        weights=mx.array(_padded([1] * count, np.float32)),
        token_count=sum(len(row.tokens) for row in rows),
        scored_count=count,
    )


def _endless_order(rows: Sequence[Row], draw: random.Random) -> Iterator[Row]:
    while True:
        yield from draw.sample(rows, len(rows))


def _padded(values: Sequence[int], dtype: type[np.int32] | type[np.float32]) -> np.ndarray:
    padded = np.zeros(_round_up(len(values)), dtype)
    padded[: len(values)] = values
    return padded


def _round_up(number: int) -> int:
    return -(-number // SHAPE_STEP) * SHAPE_STEP

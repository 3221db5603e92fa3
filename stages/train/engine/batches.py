"""Rows → arrays of few shapes, in a seeded order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import mlx.core as mx
import numpy as np

from stages.train.engine.prefix import Group
from stages.train.rows import Row

SHAPE_STEP = 8 if mx.default_device() == mx.Device(mx.cpu) else 32


@dataclass(frozen=True)
class Batch:
    """B rows behind their shared prefix, padded to S tokens, of which N positions predict a scored token.

    tokens: int32 [B, S]. positions: int32 [N] into B * S. targets: int32 [N]. weights: float32 [N], 1 or 0 for padding.
    token_count: the tokens of the whole rows without padding. scored_count: the ones in weights.
    rests: each row's tokens behind the prefix, without its last.
    """

    tokens: mx.array
    positions: mx.array
    targets: mx.array
    weights: mx.array
    token_count: int
    scored_count: int
    rests: tuple[tuple[int, ...], ...]

    @property
    def arrays(self) -> tuple[mx.array, mx.array, mx.array, mx.array]:
        """What a loss takes."""
        return self.tokens, self.positions, self.targets, self.weights


@dataclass(frozen=True)
class Step:
    """The rows of one step, all of one group. group: its number."""

    group: int
    rows: tuple[Row, ...]


def training_steps(groups: Sequence[Group], size: int, seed: int) -> Iterator[Step]:
    """Yields steps without end. Every epoch holds each row once, in an order of its own that seed draws."""
    for epoch in count():
        yield from _epoch(groups, size, random.Random(f"{seed}/{epoch}"))


def steps_of_an_epoch(groups: Sequence[Group], size: int) -> int:
    """Returns how many steps see every row once."""
    return sum(-(-len(group.rows) // size) for group in groups)


def validation_steps(groups: Sequence[Group], size: int) -> Iterator[Step]:
    """Yields each row once, in the given order."""
    for number, group in enumerate(groups):
        for start in range(0, len(group.rows), size):
            yield Step(number, group.rows[start : start + size])


def assemble(rows: Sequence[Row], prefix_length: int) -> Batch:
    """Returns the batch of rows behind their first prefix_length tokens, which must be below each prompt's length.

    A row's last token is only a target: nothing is predicted from it.
    """
    inputs = [row.tokens[prefix_length:-1] for row in rows]
    width = round_up(max(map(len, inputs)))
    tokens = np.zeros((len(rows), width), np.int32)
    positions: list[int] = []
    targets: list[int] = []
    for number, (row, known) in enumerate(zip(rows, inputs, strict=True)):
        tokens[number, : len(known)] = known
        targets += row.tokens[row.prompt_length :]
        start = number * width + row.prompt_length - 1 - prefix_length
        positions += range(start, number * width + len(known))
    scored = len(targets)
    return Batch(
        tokens=mx.array(tokens),
        positions=mx.array(_padded(positions, np.int32)),
        targets=mx.array(_padded(targets, np.int32)),
        weights=mx.array(_padded([1] * scored, np.float32)),
        token_count=sum(len(row.tokens) for row in rows),
        scored_count=scored,
        rests=tuple(inputs),
    )


def _epoch(groups: Sequence[Group], size: int, draw: random.Random) -> list[Step]:
    """Returns the steps of one epoch: rows of about one length together, for padding is work; the steps in any order.

    Rows are drawn before they are sorted by length, so that rows of one length meet others in every epoch.
    """
    steps = []
    for number, group in enumerate(groups):
        rows = draw.sample(group.rows, len(group.rows))
        rows.sort(key=lambda row: round_up(len(row.tokens)))
        steps += [Step(number, tuple(rows[start : start + size])) for start in range(0, len(rows), size)]
    draw.shuffle(steps)
    return steps


def _padded(values: Sequence[int], dtype: type[np.int32] | type[np.float32]) -> np.ndarray:
    padded = np.zeros(round_up(len(values)), dtype)
    padded[: len(values)] = values
    return padded


def round_up(number: int) -> int:
    """Returns the padded length that a number of tokens gets."""
    return -(-number // SHAPE_STEP) * SHAPE_STEP

"""What frozen layers make of rows: computed at a row's first step and, where there is room, kept for its next ones."""

import mlx.core as mx

from stages.train.engine.batches import Batch, round_up
from stages.train.engine.prefix import SharedPrefix


class FrozenStates:
    """The states above the frozen layers of the rows behind one prefix.

    Each row is computed by itself, so that its numbers depend neither on the rows that it meets nor on whether they
    are kept: a training that goes on from a checkpoint computes the same ones.
    """

    def __init__(self, prefix: SharedPrefix, is_kept: bool) -> None:
        self.prefix, self.is_kept = prefix, is_kept
        self.kept: dict[tuple[int, ...], mx.array] = {}

    def of(self, batch: Batch) -> mx.array | None:
        """Returns the states [B, S, M] of a batch, padded with zeros; None where no layer is frozen."""
        if not self.prefix.frozen:
            return None
        states = [self._of_row(rest) for rest in batch.rests]
        width = batch.tokens.shape[1]
        return mx.stack([mx.pad(each, [(0, width - each.shape[0]), (0, 0)]) for each in states])

    def _of_row(self, rest: tuple[int, ...]) -> mx.array:
        if rest in self.kept:
            return self.kept[rest]
        padded = mx.array([[*rest, *[0] * (round_up(len(rest)) - len(rest))]], mx.int32)
        states = mx.contiguous(self.prefix.below(padded)[0, : len(rest)])  # type: ignore[index]
        mx.eval(states)
        if self.is_kept:
            self.kept[rest] = states
        return states

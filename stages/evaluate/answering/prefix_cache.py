"""Keys and values of a batch whose rows share their beginning.

Slots of one layer: the prefix, which all rows share, the rest of each prompt, padded on its left to
one width, and the answers, which so begin in one slot for all. A row's positions leave its padding
out, no token sees padding, and a layer with a sliding window keeps of the prefix what a later token can see (the rest
of the window is in the mask): a row's numbers are those that it has by itself.
"""

from typing import Any

from stages.evaluate.answering.runtime import mx

STEP = 64  # slots that are added at a time


class PrefixCache:
    """One layer's keys and values [rows, heads, slots, size], by mlx-lm's cache protocol."""

    def __init__(self, window: int | None = None) -> None:
        """window: how many positions a token sees, its own included; None: all."""
        self.window = window
        self.left_out = 0  # positions of the prefix that no later token sees, and that have no slot
        self.keys: mx.array | None = None
        self.values: mx.array | None = None
        self.slots = 0
        self.prefix = 0
        self.padding = [0]

    def fork(self, padding: list[int]) -> "PrefixCache":
        """Returns a cache that starts with what this one, of one row, holds.

        padding: for each row of the new batch the number of slots behind the prefix to ignore.
        """
        first = max(0, self.slots - self.window + 1) if self.window else 0
        forked = PrefixCache(self.window)
        forked.left_out = self.left_out + first
        forked.slots = forked.prefix = self.slots - first
        forked.padding = padding
        if self.keys is not None and self.values is not None:
            forked.keys = mx.repeat(self.keys[..., first : self.slots, :], len(padding), axis=0)
            forked.values = mx.repeat(self.values[..., first : self.slots, :], len(padding), axis=0)
        return forked

    def keep(self, rows: list[int]) -> None:
        """Drops the rows of the batch that are not listed."""
        assert self.keys is not None and self.values is not None
        chosen = mx.array(rows)
        self.keys, self.values = self.keys[chosen], self.values[chosen]
        self.padding = [self.padding[row] for row in rows]

    @property
    def offset(self) -> Any:
        """The position of the next token: an int where the rows agree, else an array [rows]."""
        reached = self.left_out + self.slots
        same = all(padding == self.padding[0] for padding in self.padding)
        return reached - self.padding[0] if same else reached - mx.array(self.padding)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Appends keys and values [rows, heads, new slots, size]; returns those of all slots."""
        first, self.slots = self.slots, self.slots + keys.shape[2]
        self.keys = _room(self.keys, keys, self.slots)
        self.values = _room(self.values, values, self.slots)
        self.keys[..., first : self.slots, :] = keys
        self.values[..., first : self.slots, :] = values
        return self.keys[..., : self.slots, :], self.values[..., : self.slots, :]

    def make_mask(self, new: int, return_array: bool = False, window_size: int | None = None) -> Any:
        """Returns which slots the next `new` tokens see: None for all, "causal", or booleans.

        The booleans have the shape [rows, 1, new, slots]; window_size counts positions, a token's
        own included.
        """
        if not any(self.padding) and (window_size is None or self.slots + new <= window_size):
            return None if new == 1 and not return_array else self._mask(new, None) if return_array else "causal"
        return self._mask(new, window_size)

    def _mask(self, new: int, window_size: int | None) -> mx.array:
        slots = mx.arange(self.slots + new)
        queries, keys = slots[self.slots :, None], slots[None]
        padding = mx.array(self.padding)[:, None, None, None]
        seen = (keys <= queries) & ((keys < self.prefix) | (keys >= self.prefix + padding))
        if window_size is not None:
            key_positions = mx.where(keys < self.prefix, keys, keys - padding)
            seen = seen & (queries - padding < key_positions + window_size)
        # A padding slot that saw nothing would be NaN, and zero times NaN is NaN for those who ignore it.
        return seen | (keys == queries)


def _room(held: mx.array | None, new: mx.array, slots: int) -> mx.array:
    if held is not None and held.shape[2] >= slots:
        return held
    rows, heads, _, size = new.shape
    missing = -(-slots // STEP) * STEP - (0 if held is None else held.shape[2])
    room = mx.zeros((rows, heads, missing, size), new.dtype)
    return room if held is None else mx.concatenate([held, room], axis=2)

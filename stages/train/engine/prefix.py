"""The tokens that all rows begin with, run once a step instead of once a row.

The prefix runs at batch 1, and each layer's keys and values stay in the graph of gradients. The rest
of every row runs at batch B and attends to them through mlx-lm's cache protocol. What a causal model
computes for the prefix does not depend on what follows, so loss and gradients are those of whole rows.

Letters in shapes: P prefix, S rest of a row (padded), B batch, H key/value heads, D head size, M width.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from stages.train.engine.layers import frozen_layers, run_above, run_below
from stages.train.rows import Row

EXACT = ("gemma3_text", "llama", "qwen2", "qwen3")
"""The model types whose loss and gradients were compared with those of whole rows."""


FEWEST = 8


@dataclass(frozen=True)
class Group:
    """Rows that begin with the same tokens, of which none is scored; rows: in their given order."""

    prefix: tuple[int, ...]
    rows: tuple[Row, ...]


def grouped(rows: Sequence[Row], model_type: str) -> list[Group]:
    """Returns the rows by what they begin with; one group without a prefix for a type that is not in EXACT.

    Two rows that are neighbours in alphabetical order are of one group where they share half of the shorter prompt.
    All are one group where that would leave groups of less than FEWEST rows on average, which fill no batch.
    """
    if model_type not in EXACT:
        return [Group((), tuple(rows))]
    ordered = sorted(rows, key=lambda row: row.tokens)
    parts = [[ordered[0]]]
    for row in ordered[1:]:
        before = parts[-1][-1]
        if 2 * _common(before.tokens, row.tokens) < min(before.prompt_length, row.prompt_length):
            parts.append([])
        parts[-1].append(row)
    if len(rows) < FEWEST * len(parts):
        parts = [ordered]
    place = {id(row): number for number, row in enumerate(rows)}
    groups = [Group(shared_prefix(part), tuple(sorted(part, key=lambda row: place[id(row)]))) for part in parts]
    return sorted(groups, key=lambda group: place[id(group.rows[0])])


def split_into_groups(train: Sequence[Row], valid: Sequence[Row], model_type: str) -> list[tuple[Group, Group]]:
    """Returns groups with the rows of each side; one side of a group may be without rows."""
    trained = {id(row) for row in train}
    groups = grouped([*train, *valid], model_type)
    return [
        (
            Group(group.prefix, tuple(row for row in group.rows if id(row) in trained)),
            Group(group.prefix, tuple(row for row in group.rows if id(row) not in trained)),
        )
        for group in groups
    ]


def shared_prefix(rows: Sequence[Row]) -> tuple[int, ...]:
    """Returns the longest run of tokens that all rows begin with and none scores.

    It ends before a prompt's last token, which has to predict the completion's first.
    """
    first, last = min(row.tokens for row in rows), max(row.tokens for row in rows)
    return first[: min(_common(first, last), min(row.prompt_length for row in rows) - 1)]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


class SharedPrefix:
    """A group's prefix on a model whose trainable weights are in place.

    What frozen layers make of it is computed here, once.
    """

    def __init__(self, model: Any, prefix: Sequence[int]) -> None:
        self.model = model
        self.tokens = mx.array([prefix], mx.int32)
        self.frozen = frozen_layers(model)
        self.fixed: list[mx.array] = []
        """Keys and values of the frozen layers, as of `keys_values`."""
        self.states: mx.array | None = None
        if self.frozen:
            captured = [_Capture() for _ in model.layers]
            self.states = run_below(model, self.frozen, self.tokens, captured)
            self.fixed = _kept(captured[: self.frozen])
            mx.eval(self.states, self.fixed)

    def keys_values(self) -> list[mx.array]:
        """Returns keys and values [1, H, P, D] of each layer that is not frozen, in turns, with their gradients."""
        captured: list[_Capture] = [_Capture() for _ in self.model.layers]
        captured[-1] = _LastCapture()
        with suppress(_Captured):
            run_above(self.model, self.frozen, self.states, self.tokens, captured)
        return _kept(captured[self.frozen :])

    def below(self, tokens: mx.array) -> mx.array | None:
        """tokens int [B, S] behind the prefix -> the states [B, S, M] above the frozen layers, None without any."""
        if not self.frozen:
            return None
        return run_below(self.model, self.frozen, tokens, self._replayed(self.fixed))

    def hidden_states(self, keys_values: Sequence[mx.array], tokens: mx.array, states: mx.array | None) -> mx.array:
        """Returns the states [B, S, M] that go to the head, as of whole rows.

        keys_values: of `keys_values`. tokens: int [B, S]. states: of `below`.
        """
        return run_above(self.model, self.frozen, states, tokens, self._replayed([*self.fixed, *keys_values]))

    def _replayed(self, keys_values: Sequence[mx.array]) -> list[Any]:
        # mlx-lm's own caches tell which layers slide, and how far.
        windows = [getattr(cache, "max_size", None) for cache in make_prompt_cache(self.model)]
        pairs = zip(keys_values[::2], keys_values[1::2], windows, strict=False)
        known: list[Any] = [_Replay(*pair) for pair in pairs]
        return known + [None] * (len(windows) - len(known))


def _kept(captured: Sequence["_Capture"]) -> list[mx.array]:
    return [array for layer in captured for array in (layer.keys, layer.values)]


class _Capture:
    """A layer's cache for the prefix: keeps its keys and values, both [1, H, P, D].

    It has no make_mask, so that mlx-lm builds the masks that it builds without a cache.
    """

    offset = 0
    keys: mx.array
    values: mx.array

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.keys, self.values = keys, values
        return keys, values


class _Captured(Exception):
    """All keys and values are there."""


class _LastCapture(_Capture):
    """The last layer's: nothing reads what it makes of the prefix, so the pass ends with its keys and values."""

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        super().update_and_fetch(keys, values)
        raise _Captured


class _Replay:
    """A layer's cache for the rest: puts the prefix before every row.

    A layer with a sliding window of W keeps the last W - 1 positions of the prefix, which is all that a
    later query can reach; `offset` stays P, so that rotary positions are right.
    """

    def __init__(self, keys: mx.array, values: mx.array, window: int | None) -> None:
        self.offset = keys.shape[2]
        self.start = max(0, self.offset - window + 1) if window else 0
        self.keys = keys[:, :, self.start :]
        self.values = values[:, :, self.start :]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """[B, H, S, D] twice -> [B, H, P - start + S, D] twice."""
        return _prepend(self.keys, keys), _prepend(self.values, values)

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        """Returns bool [length, P - start + length]: causal, and within window_size where one is given."""
        query = mx.arange(self.offset, self.offset + length)[:, None]
        key = mx.arange(self.start, self.offset + length)[None]
        visible = key <= query
        return visible & (query - key < window_size) if window_size else visible


def _prepend(prefix: mx.array, rest: mx.array) -> mx.array:
    return mx.concatenate([mx.broadcast_to(prefix, (rest.shape[0], *prefix.shape[1:])), rest], axis=2)

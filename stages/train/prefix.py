"""The tokens that all rows begin with, run once a step instead of once a row.

The prefix runs at batch 1, and each layer's keys and values stay in the graph of gradients. The rest
of every row runs at batch B and attends to them through mlx-lm's cache protocol. What a causal model
computes for the prefix does not depend on what follows, so loss and gradients are those of whole rows.

Letters in shapes: P prefix, S rest of a row (padded), B batch, H key/value heads, D head size, M width.
"""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from stages.train.rows import Row

EXACT = ("gemma3_text", "llama", "qwen2", "qwen3")
"""The model types whose loss and gradients were compared with those of whole rows."""


def shared_prefix(rows: Sequence[Row], model_type: str) -> tuple[int, ...]:
    """Returns the longest run of tokens that all rows begin with and none scores; () for a type not in EXACT.

    It ends before a prompt's last token, which has to predict the completion's first.
    """
    if model_type not in EXACT:
        return ()
    first, last = min(row.tokens for row in rows), max(row.tokens for row in rows)
    pairs = zip(first, last, strict=False)
    equal = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(first), len(last)))
    return first[: min(equal, min(row.prompt_length for row in rows) - 1)]


def hidden_states(model: Any, prefix: mx.array, tokens: mx.array) -> mx.array:
    """prefix int [1, P], tokens int [B, S] -> the states [B, S, M] that go to the head, as of whole rows."""
    cache = _run_prefix(model, prefix) if prefix.size else None
    states: mx.array = model.model(tokens, cache=cache)
    return states


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


class _Replay:
    """A layer's cache for the rest: puts the prefix before every row.

    A layer with a sliding window of W keeps the last W - 1 positions of the prefix, which is all that a
    later query can reach; `offset` stays P, so that rotary positions are right.
    """

    def __init__(self, captured: _Capture, window: int | None) -> None:
        self.offset = captured.keys.shape[2]
        self.start = max(0, self.offset - window + 1) if window else 0
        self.keys = captured.keys[:, :, self.start :]
        self.values = captured.values[:, :, self.start :]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """[B, H, S, D] twice -> [B, H, P - start + S, D] twice."""
        return _prepend(self.keys, keys), _prepend(self.values, values)

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        """Returns bool [length, P - start + length]: causal, and within window_size where one is given."""
        query = mx.arange(self.offset, self.offset + length)[:, None]
        key = mx.arange(self.start, self.offset + length)[None]
        visible = key <= query
        return visible & (query - key < window_size) if window_size else visible


def _run_prefix(model: Any, prefix: mx.array) -> list[_Replay]:
    captured = [_Capture() for _ in model.layers]
    model.model(prefix, cache=captured)
    # mlx-lm's own caches tell which layers slide, and how far.
    windows = [getattr(cache, "max_size", None) for cache in make_prompt_cache(model)]
    return [_Replay(capture, window) for capture, window in zip(captured, windows, strict=True)]


def _prepend(prefix: mx.array, rest: mx.array) -> mx.array:
    return mx.concatenate([mx.broadcast_to(prefix, (rest.shape[0], *prefix.shape[1:])), rest], axis=2)

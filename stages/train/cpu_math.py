"""Attention, GELU and exp for MLX on a CPU, with NumPy's vectorised exponentials.

MLX 0.32 computes exp and tanh on a Linux CPU one element at a time, 9 to 13 ns each; NumPy's take 0.2 to 0.3 ns where
the processor has AVX-512, and about 1 ns with AVX2. In a step on a small model that is most of the time. NumPy works
in the memory of an MLX array that was made here and that nothing else refers to yet, so nothing is copied: not even a
lazy computation may wait for its old content.

Only float32 is taken over; all else, and all work on a GPU, stays with MLX.

It costs memory: what NumPy shall work on must be there, so MLX computes a forward pass at once and keeps all that it
makes on the way, where it would otherwise drop what the backward pass does not need. Measured at FunctionGemma's true
shape, 4 rows behind 777 shared tokens: 8.5 s and 6.6 GiB a step against 10.6 s and 3.6 GiB. So it is for steps that
are small: see `worth_it`.

Letters in shapes: B batch, H heads, K key/value heads, S queries, L keys, D head size.
"""

from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

Array = mx.array
FEW = 1 << 15  # numbers; of fewer, to wait for the array costs more than it gains
_HIDDEN = np.float32(-1e30)  # of a score that a mask hides; finite, for a row may hide all
_GELU_SCALE, _GELU_CUBE = 0.7978845608028654, 0.044715  # sqrt(2 / pi), https://arxiv.org/abs/1606.08415

_is_installed = False
_attention = mx.fast.scaled_dot_product_attention
_gelu: Callable[[Array], Array] = nn.gelu_approx  # type: ignore[attr-defined]


MOST_KEPT = 1 << 30  # bytes
_KEPT = {"hidden_size": 10, "queries": 4, "intermediate_size": 8}
"""Numbers that are kept for each token and layer, as multiples of widths: measured, and rounded up."""


def worth_it(config: Mapping[str, Any], tokens: int) -> bool:
    """Returns whether a step on so many tokens of a model with this configuration keeps less than MOST_KEPT."""
    widths: dict[str, Any] = dict(config) | {"queries": config["num_attention_heads"] * config.get("head_dim", 0)}
    numbers: int = sum(times * widths[name] for name, times in _KEPT.items())
    return bool(4 * tokens * config["num_hidden_layers"] * numbers < MOST_KEPT)


def install() -> None:
    """Puts the functions of this module where models call MLX's own. Calling it again changes nothing."""
    global _is_installed
    _is_installed = True
    mx.fast.scaled_dot_product_attention = attention  # type: ignore[assignment]
    nn.gelu_approx = gelu  # type: ignore[attr-defined]


def log_softmax_parts(logits: Array) -> tuple[Array, Array]:
    """logits [n, V] -> log(sum(exp(logits))) [n, 1], and exp(logits) / sum(exp(logits)) [n, V].

    logits must be made for this call alone: once `install` was called, its memory becomes the second result.
    """
    if logits.dtype != mx.float32 or not _is_installed:
        total = mx.logsumexp(logits, axis=-1, keepdims=True)
        return total, mx.exp(logits - total)
    memory = _memory(logits)
    top = memory.max(axis=-1, keepdims=True)
    memory -= top
    np.exp(memory, out=memory)
    total = memory.sum(axis=-1, keepdims=True)
    memory /= total
    return mx.array(np.log(total) + top), logits


def attention(q: Array, k: Array, v: Array, *, scale: float, mask: Any = None, sinks: Any = None) -> Array:
    """mx.fast.scaled_dot_product_attention: q [B, H, S, D], k and v [B, K, L, D] -> [B, H, S, D].

    mask: None, "causal", or booleans or numbers that broadcast to [B, H, S, L].
    """
    batch, heads, queries, size = q.shape
    kinds, keys = k.shape[1], k.shape[2]
    if q.dtype != mx.float32 or sinks is not None or batch * heads * queries * keys < FEW:
        return _attention(q, k, v, scale=scale, mask=mask, sinks=sinks)
    # The heads that share keys are further rows of one product.
    rows = q.reshape(batch, kinds, heads // kinds * queries, size)
    hidden = _additive(mask, queries, keys)
    if hidden is not None and hidden.ndim == 4 and hidden.shape[1] > 1:
        hidden = hidden.reshape(batch if hidden.shape[0] > 1 else 1, kinds, heads // kinds, *hidden.shape[2:])
    elif hidden is not None:
        hidden = hidden.reshape(-1, 1, 1, *hidden.shape[-2:])
    both: Any = _softmax_product(scale, hidden, heads // kinds)(rows, k, v)
    out: Array = both[0]
    return out.reshape(batch, heads, queries, v.shape[-1])


def gelu(x: Array) -> Array:
    """nn.gelu_approx."""
    if x.dtype != mx.float32 or x.size < FEW:
        return _gelu(x)
    both: Any = _gelu_and_tanh(x)
    out: Array = both[0]
    return out


def _softmax_product(scale: float, hidden: np.ndarray | None, groups: int) -> Callable[..., Any]:
    """Returns f(q [B, K, R, D], k, v) -> softmax(scale q k' + hidden) v, and that softmax; R is groups times S."""

    @mx.custom_function
    def product(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
        scores = (q * scale) @ k.swapaxes(-1, -2)
        memory = _memory(scores)
        if hidden is not None:
            batch, kinds, rows, keys = memory.shape
            memory.reshape(batch, kinds, groups, rows // groups, keys)[:] += hidden
        memory -= memory.max(axis=-1, keepdims=True)
        np.exp(memory, out=memory)
        memory /= memory.sum(axis=-1, keepdims=True)
        return scores @ v, scores

    @product.vjp
    def backward(primals: Any, cotangents: Any, outputs: Any) -> tuple[Array, Array, Array]:
        q, k, v = primals
        out, chances = outputs
        pull = cotangents[0]
        by_chance = pull @ v.swapaxes(-1, -2)
        by_score = chances * (by_chance - (pull * out).sum(axis=-1, keepdims=True))
        turned = by_score.swapaxes(-1, -2)
        return (by_score @ k) * scale, turned @ (q * scale), chances.swapaxes(-1, -2) @ pull

    return product


@mx.custom_function
def _gelu_and_tanh(x: Array) -> tuple[Array, Array]:
    # In place and by NumPy throughout: MLX keeps every array that it makes until the backward pass is done.
    bent, out = mx.array(x), 0.5 * x
    given, memory, result = _memory(x), _memory(bent), _memory(out)
    with np.errstate(over="ignore"):  # infinity has a tanh
        np.multiply(given, given, out=memory)
        memory *= np.float32(_GELU_SCALE * _GELU_CUBE)
        memory += np.float32(_GELU_SCALE)
        memory *= given
    np.tanh(memory, out=memory)
    result *= memory
    result += np.float32(0.5) * given
    return out, bent


@_gelu_and_tanh.vjp
def _gelu_backward(primals: Any, cotangents: Any, outputs: Any) -> Array:
    x, bent = primals, outputs[1]
    slope = _GELU_SCALE * (1 + (3 * _GELU_CUBE) * (x * x))
    result: Array = cotangents[0] * (0.5 * (1 + bent) + (0.5 * x) * ((1 - bent * bent) * slope))
    return result


def _additive(mask: Any, queries: int, keys: int) -> np.ndarray | None:
    """Returns what a mask adds to the scores, float32 [..., S, L]."""
    if mask is None:
        return None
    if isinstance(mask, str):
        seen = np.arange(keys - queries, keys)[:, None] >= np.arange(keys)
        return np.where(seen, np.float32(0), _HIDDEN)
    if mask.dtype == mx.bool_:
        return np.where(np.array(mask), np.float32(0), _HIDDEN)
    return np.array(mask.astype(mx.float32))


def _memory(array: Array) -> np.ndarray:
    """Returns an array's own memory, to write to."""
    mx.eval(array)
    return np.array(array, copy=False)

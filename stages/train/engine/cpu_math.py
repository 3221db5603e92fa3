"""What MLX computes slowly or keeps needlessly on a CPU: attention, GELU, cross entropy, norms, adapted linear layers.

MLX 0.32 computes exp and tanh on a Linux CPU one element at a time, 9 to 13 ns each; NumPy's took 0.2 to 0.3 ns where
the processor has AVX-512. In a step on a small model that is most of the time. NumPy works in the memory of an MLX
array that was made here and that nothing else refers to yet, so nothing is copied: not even a lazy computation may
wait for its old content.

What NumPy shall work on must be there, so MLX computes a forward pass at once, and keeps every array that a traced one
was made of until the backward pass is done. The functions here have gradients of their own, and compute on copies that
are not traced: only what the gradients need outlives them.

Only float32 is taken over; all else, and all work on a GPU, stays with MLX.

Letters in shapes: B batch, H heads, K key/value heads, S queries, L keys, D head size.
"""

from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.nn.layers.linear import Linear
from mlx_lm.tuner.lora import LoRALinear

Array = mx.array
FEW = 1 << 15  # numbers; of fewer, to wait for the array costs more than it gains
SMALL = 1 << 18  # numbers; of fewer, what is kept costs less than to copy them
BLOCK = 256  # queries that look at the same keys
_HIDDEN = np.float32(-1e30)  # of a score that a mask hides; finite, for a row may hide all
_GELU_SCALE, _GELU_CUBE = 0.7978845608028654, 0.044715  # sqrt(2 / pi), https://arxiv.org/abs/1606.08415

_is_installed = False
_attention = mx.fast.scaled_dot_product_attention
_gelu: Callable[[Array], Array] = nn.gelu_approx  # type: ignore[attr-defined]
_adapted = LoRALinear.__call__
_rms_norm, _rope = mx.fast.rms_norm, mx.fast.rope
TAKEN_OVER: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (mx.fast, "scaled_dot_product_attention", _attention),
    (mx.fast, "rms_norm", _rms_norm),
    (mx.fast, "rope", _rope),
    (nn, "gelu_approx", _gelu),
    (LoRALinear, "__call__", _adapted),
)
"""Where models find what `install` replaces, under which name, and MLX's own."""


def install() -> None:
    """Puts the functions of this module where models call MLX's own. Calling it again changes nothing."""
    global _is_installed
    _is_installed = True
    for (place, name, _), own in zip(TAKEN_OVER, (attention, rms_norm, rope, gelu, adapted_linear), strict=True):
        setattr(place, name, own)


def is_installed() -> bool:
    """Returns whether `install` was called."""
    return _is_installed


def losses_and_chances(logits: Array, targets: Array) -> tuple[Array, Array]:
    """logits [n, V], targets [n] -> cross entropies [n] in nats, and softmax(logits) [n, V].

    logits must be made for this call alone: once `install` was called, its memory becomes the second result.
    """
    if logits.dtype != mx.float32 or not _is_installed:
        total = mx.logsumexp(logits, axis=-1, keepdims=True)
        chosen = mx.take_along_axis(logits, targets[:, None], axis=-1)
        return (total - chosen)[:, 0], mx.exp(logits - total)
    memory = _memory(logits)
    memory -= memory.max(axis=-1, keepdims=True)
    chosen_logits = memory[np.arange(len(memory)), np.array(targets)]
    np.exp(memory, out=memory)
    total_exp = memory.sum(axis=-1, keepdims=True)
    memory /= total_exp
    return mx.array(np.log(total_exp[:, 0]) - chosen_logits), logits


def attention(q: Array, k: Array, v: Array, *, scale: float, mask: Any = None, sinks: Any = None) -> Array:
    """mx.fast.scaled_dot_product_attention: q [B, H, S, D], k and v [B, K, L, D] -> [B, H, S, D].

    mask: None, "causal", or booleans or numbers that broadcast to [B, H, S, L].
    """
    batch, heads, queries, _ = q.shape
    keys = k.shape[2]
    if q.dtype != mx.float32 or sinks is not None or batch * heads * queries * keys < FEW:
        return _attention(q, k, v, scale=scale, mask=mask, sinks=sinks)
    hidden = _additive(mask, queries, keys)
    if hidden is None or hidden.ndim > 2:
        return _attend(q, k, v, scale, hidden)
    blocks = [
        _attend(q[:, :, rows], k[:, :, seen], v[:, :, seen], scale, hidden[rows, seen])
        for rows, seen in _blocks(hidden)
    ]
    return mx.concatenate(blocks, axis=2) if len(blocks) > 1 else blocks[0]


def _blocks(hidden: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Yields BLOCK queries at a time, and the keys that any of them sees: of a causal mask about half of all."""
    for start in range(0, len(hidden), BLOCK):
        rows = slice(start, start + BLOCK)
        seen = np.flatnonzero((hidden[rows] > _HIDDEN).any(axis=0))
        yield rows, slice(int(seen[0]), int(seen[-1]) + 1)


def _attend(q: Array, k: Array, v: Array, scale: float, hidden: np.ndarray | None) -> Array:
    batch, heads, queries, size = q.shape
    kinds = k.shape[1]
    # The heads that share keys are further rows of one product.
    rows = q.reshape(batch, kinds, heads // kinds * queries, size)
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


def rms_norm(x: Array, weight: Array | None, eps: float) -> Array:
    """mx.fast.rms_norm."""
    return _computed_again(lambda x: _rms_norm(x, weight, eps), x)


def rope(x: Array, dims: int, **settings: Any) -> Array:
    """mx.fast.rope."""
    return _computed_again(lambda x: _rope(x, dims, **settings), x)


def _computed_again(function: Callable[[Array], Array], x: Array) -> Array:
    """Returns function(x), which is cheap: what it makes on the way is made again for the gradient, not kept."""
    if x.dtype != mx.float32 or x.size < SMALL:
        return function(x)

    @mx.custom_function
    def forward(x: Array) -> Array:
        return made(function(untraced(x)))

    @forward.vjp
    def backward(primal: Any, cotangent: Any, output: Any) -> Array:
        slope: Array = mx.vjp(function, [primal], [cotangent])[1][0]
        return slope

    result: Any = forward(x)
    return result  # type: ignore[no-any-return]


def adapted_linear(layer: LoRALinear, x: Array) -> Array:
    """LoRALinear's x [..., in] -> [..., out], where its linear layer is a frozen plain matrix."""
    linear: Any = layer.linear
    if x.dtype != mx.float32 or x.size < SMALL or linear.trainable_parameters() or type(linear) is not Linear:
        return _adapted(layer, x)  # type: ignore[no-any-return, no-untyped-call]
    result: Array = _adapted_product(linear.weight, linear.get("bias"), layer.scale)(x, layer.lora_a, layer.lora_b)
    return result


def _adapted_product(weight: Array, bias: Array | None, scale: float) -> Callable[..., Any]:
    """Returns f(x [..., I], a [I, R], b [R, O]) -> x weight' + bias + scale x a b; weight is [O, I]."""

    @mx.custom_function
    def product(x: Array, a: Array, b: Array) -> Array:
        x, a, b = untraced(x), untraced(a), untraced(b)
        plain = x @ weight.T if bias is None else mx.addmm(bias, x, weight.T)
        return made(mx.addmm(plain, x @ a, b, alpha=scale))

    @product.vjp
    def backward(primals: Any, cotangent: Any, output: Any) -> tuple[Array, Array, Array]:
        x, a, b = primals
        inner = (cotangent @ b.T) * scale
        by_a = x.reshape(-1, x.shape[-1]).T @ inner.reshape(-1, inner.shape[-1])
        by_b = (x @ a * scale).reshape(-1, a.shape[-1]).T @ cotangent.reshape(-1, cotangent.shape[-1])
        return mx.addmm(cotangent @ weight, inner, a.T), by_a, by_b

    return product


def _softmax_product(scale: float, hidden: np.ndarray | None, groups: int) -> Callable[..., Any]:
    """Returns f(q [B, K, R, D], k, v) -> softmax(scale q k' + hidden) v, and that softmax; R is groups times S."""

    @mx.custom_function
    def product(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
        q, k, v = untraced(q), untraced(k), untraced(v)
        scores = (q * scale) @ k.swapaxes(-1, -2)
        memory = _memory(scores)
        if hidden is not None:
            batch, kinds, rows, keys = memory.shape
            memory.reshape(batch, kinds, groups, rows // groups, keys)[:] += hidden
        memory -= memory.max(axis=-1, keepdims=True)
        np.exp(memory, out=memory)
        memory /= memory.sum(axis=-1, keepdims=True)
        return made(scores @ v), scores

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


def untraced(array: Array) -> Array:
    """Returns a copy that no gradient leads through: what is made of it goes when nothing needs it any more."""
    mx.eval(array)
    return mx.array(np.array(array, copy=False))


def made(array: Array) -> Array:
    """Returns the array once it is there, and what it was made of is gone."""
    mx.eval(array)
    return array


def _memory(array: Array) -> np.ndarray:
    """Returns an array's own memory, to write to."""
    mx.eval(array)
    return np.array(array, copy=False)

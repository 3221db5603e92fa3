"""Initial weights that copy from the first step.

A model this small needs thousands of steps before it finds how to copy (the induction heads of
Olsson et al., arXiv 2209.11895). Here the circuit is built into the untrained weights, and
training only has to use it.

Letters in shapes: M model width, D head size, C code width. Directions 0 to M/2 of the residual
stream hold a token's content (0 is constant), the next C the code of the token before, the next C
the code of the one before that.
"""

from typing import Any

import mlx.core as mx

CODE = 16
CONSTANT = 0.35
FAST = 6  # rotary frequencies that tell neighbours apart
SLOW = 4  # frequencies from D / SLOW on hardly turn over a prompt


def build_copying_circuit(model: Any, base: float) -> None:
    """Puts the circuit into a Gemma 3 model's first and last layer. base: of the first layer's rotary positions."""
    embedding = model.model.embed_tokens
    half = embedding.weight.shape[1] // 2
    code = mx.concatenate([mx.zeros((CODE, 1)), orthonormal_rows(CODE, half - 1)], axis=1)
    embedding.weight = embedding.weight * mx.array([0.0, *[2**0.5] * (half - 1), *[0.05] * half])
    embedding.weight[:, 0] = CONSTANT
    _look_back(model.layers[0], code, base)
    _copy_after_match(model.layers[-1], code)


def orthonormal_rows(rows: int, columns: int) -> mx.array:
    """Returns a random [rows, columns] matrix with orthonormal rows; rows <= columns."""
    basis, _ = mx.linalg.qr(mx.random.normal((columns, rows)), stream=mx.cpu)
    return basis.T


def _look_back(layer: Any, code: mx.array, base: float) -> None:
    """Heads 0 and 1 attend one and two tokens back: rotary position turns a constant into a place."""
    query, key, value, output = _quiet(layer.self_attn)
    half, size = code.shape[1], value.shape[0] // 2
    key[:size, 0] += 3 * _constant_turned(0, size, base)
    for head in (0, 1):
        query[head * size : (head + 1) * size, 0] += 3 * _constant_turned(head + 1, size, base)
        output[half + head * CODE : half + (head + 1) * CODE, head * size : head * size + half] += code
    value[:half, :half] += mx.eye(half)
    _set(layer, (query, key, value, output), sharpness=1.0, strength=-0.3)


def _constant_turned(back: int, size: int, base: float) -> mx.array:
    """Returns the vector [D] that meets the constant key where it stands `back` tokens before."""
    places = mx.arange(size // 2)
    turn = -back * base ** (-places * 2 / size)
    fast = (places < FAST).astype(mx.float32)
    return mx.concatenate([fast * mx.cos(turn), fast * mx.sin(turn)])


def _copy_after_match(layer: Any, code: mx.array) -> None:
    """Heads 0 and 1 attend to what stands behind an earlier copy of this token and the one before, and copy it."""
    query, key, value, output = _quiet(layer.self_attn)
    half, size = code.shape[1], value.shape[0] // 2
    one, two = size // SLOW, size - size // SLOW
    own, before, last = slice(0, half), slice(half, half + CODE), slice(half + CODE, half + 2 * CODE)
    eye = mx.eye(CODE)
    key[one : one + CODE, before] += eye
    key[two : two + CODE, last] += eye
    for head, weight in ((0, 1.0), (1, 0.3)):
        first = head * size
        query[first + one : first + one + CODE, own] += code
        query[first + two : first + two + CODE, before] += weight * eye
        output[own, first : first + half] += (1.0 - 0.5 * head) * mx.eye(half)
    value[:half, :half] += mx.eye(half)
    _set(layer, (query, key, value, output), sharpness=0.8, strength=0.0)


def _quiet(attention: Any) -> tuple[mx.array, mx.array, mx.array, mx.array]:
    """Returns query, key, value and output weights, with those of the circuit's heads turned down."""
    query, key, value, output = (attention[name].weight for name in ("q_proj", "k_proj", "v_proj", "o_proj"))
    size = value.shape[0] // 2
    query[: 2 * size] *= 0.2
    key[:size] *= 0.2
    value[:size] *= 0.2
    output[:, : 2 * size] *= 0.2
    return query, key, value, output


def _set(layer: Any, weights: tuple[mx.array, ...], sharpness: float, strength: float) -> None:
    """Writes the weights; sharpness scales queries and keys, strength the layer's output. Gemma's norms add 1."""
    attention = layer.self_attn
    for name, weight in zip(("q_proj", "k_proj", "v_proj", "o_proj"), weights, strict=True):
        attention[name].weight = weight
    for norm in (attention.q_norm, attention.k_norm):
        norm.weight = mx.full(norm.weight.shape, sharpness)
    width = layer.post_attention_layernorm.weight.shape
    layer.post_attention_layernorm.weight = mx.full(width, strength)

"""Attention, GELU and exp by NumPy give what MLX's own give, gradients included."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from stages.train import cpu_math

SHAPES = {"alone": (2, 4, 4, 7, 7, 8), "heads share keys": (3, 4, 2, 5, 11, 8), "one of each": (1, 1, 1, 1, 1, 4)}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small arrays are computed as large ones are, and what is installed is taken back."""
    monkeypatch.setattr(cpu_math, "FEW", 0)
    monkeypatch.setattr(cpu_math, "_is_installed", True)


def drawn(shape: tuple[int, ...], seed: int) -> mx.array:
    return mx.random.normal(shape, key=mx.random.key(seed))


def masks(batch: int, heads: int, queries: int, keys: int) -> dict[str, Any]:
    seen = mx.arange(keys - queries, keys)[:, None] >= mx.arange(keys)[None]
    ragged = mx.random.uniform(shape=(batch, 1, queries, keys), key=mx.random.key(9)) < 0.7
    return {
        "none": None,
        "causal": "causal",
        "booleans": seen,
        "booleans a row": ragged | mx.eye(queries, keys, dtype=mx.bool_),
        "numbers": mx.where(seen, 0.0, -1e9),
        "numbers a head": drawn((batch, heads, queries, keys), 5),
    }


def value_and_slopes(function: Callable[..., mx.array], arrays: list[mx.array], pull: mx.array) -> list[mx.array]:
    value, slopes = mx.vjp(lambda *given: [function(*given)], arrays, [pull])
    return [*value, *slopes]


def agree(ours: list[mx.array], theirs: list[mx.array]) -> bool:
    return all(mx.allclose(one, other, rtol=1e-5, atol=1e-5).item() for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("mask", masks(1, 1, 1, 1))
def test_attention(shape: tuple[int, ...], mask: str) -> None:
    batch, heads, kinds, queries, keys, size = shape
    q, k = drawn((batch, heads, queries, size), 0), drawn((batch, kinds, keys, size), 1)
    v, pull = drawn((batch, kinds, keys, size), 2), drawn((batch, heads, queries, size), 3)
    chosen = masks(batch, heads, queries, keys)[mask]

    def by(function: Any) -> list[mx.array]:
        return value_and_slopes(lambda q, k, v: function(q, k, v, scale=0.3, mask=chosen), [q, k, v], pull)

    assert agree(by(cpu_math.attention), by(cpu_math._attention))


def test_gelu_far_out_and_near() -> None:
    x = mx.concatenate([drawn((200,), 0) * 4, mx.array([0.0, -0.0, 30.0, -30.0, 1e4, -1e4])])
    pull = drawn(x.shape, 1)
    assert agree(value_and_slopes(cpu_math.gelu, [x], pull), value_and_slopes(cpu_math._gelu, [x], pull))


def test_log_softmax_parts() -> None:
    logits = drawn((5, 70), 0) * 20
    total, chances = cpu_math.log_softmax_parts(logits + 0)
    assert mx.allclose(total, mx.logsumexp(logits, axis=-1, keepdims=True), rtol=1e-6).item()
    assert mx.allclose(chances, mx.softmax(logits, axis=-1), rtol=1e-5, atol=1e-7).item()


@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16])
def test_other_types_stay_with_mlx(dtype: mx.Dtype) -> None:
    q = drawn((1, 2, 3, 4), 0).astype(dtype)
    assert mx.array_equal(cpu_math.attention(q, q, q, scale=1.0), cpu_math._attention(q, q, q, scale=1.0)).item()
    assert mx.array_equal(cpu_math.gelu(q), cpu_math._gelu(q)).item()
    assert mx.allclose(cpu_math.log_softmax_parts(q)[1], mx.softmax(q, axis=-1), atol=1e-2).item()


def test_few_numbers_stay_with_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_math, "FEW", 10)
    monkeypatch.setattr(cpu_math, "_gelu", lambda x: "MLX's")
    assert cpu_math.gelu(drawn((9,), 0)) == "MLX's"
    assert cpu_math.gelu(drawn((10,), 0)).shape == (10,)


def test_it_is_for_small_steps() -> None:
    demo = {
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "head_dim": 64,
    }
    full = {"hidden_size": 640, "num_hidden_layers": 18, "intermediate_size": 2048, "num_attention_heads": 4}
    assert cpu_math.worth_it(demo, 456 + 8 * 160)
    assert not cpu_math.worth_it(full | {"head_dim": 256}, 777 + 4 * 150)


def test_models_call_them_once_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.fast, "scaled_dot_product_attention", cpu_math._attention)
    monkeypatch.setattr(nn, "gelu_approx", cpu_math._gelu)
    cpu_math.install()
    cpu_math.install()
    assert mx.fast.scaled_dot_product_attention is cpu_math.attention
    assert nn.gelu_approx is cpu_math.gelu

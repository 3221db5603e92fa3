"""What is computed otherwise on a CPU gives what MLX's own give, gradients included."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.nn.losses import cross_entropy
from mlx.nn.utils import value_and_grad
from mlx_lm.tuner.lora import LoRALinear

from stages.train.engine import cpu_math

SHAPES = {"alone": (2, 4, 4, 7, 7, 8), "heads share keys": (3, 4, 2, 5, 11, 8), "one of each": (1, 1, 1, 1, 1, 4)}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small arrays are computed as large ones are, and what is installed is taken back."""
    monkeypatch.setattr(cpu_math, "FEW", 0)
    monkeypatch.setattr(cpu_math, "SMALL", 0)
    monkeypatch.setattr(cpu_math, "_is_installed", True)
    for place, name, _ in cpu_math.TAKEN_OVER:
        monkeypatch.setattr(place, name, getattr(place, name))


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


@pytest.mark.parametrize("block", [1, 3, 100])
def test_attention_in_blocks_of_queries(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_math, "BLOCK", block)
    q, k, v = (drawn((2, 2, 8, 4), seed) for seed in range(3))
    places = mx.arange(8)
    window = (places[None] <= places[:, None]) & (places[:, None] - places[None] < 3)

    def by(function: Any) -> list[mx.array]:
        return value_and_slopes(lambda q, k, v: function(q, k, v, scale=0.3, mask=window), [q, k, v], drawn(q.shape, 3))

    assert agree(by(cpu_math.attention), by(cpu_math._attention))


def test_losses_and_chances() -> None:
    logits, targets = drawn((5, 70), 0) * 20, mx.array([0, 69, 3, 3, 41])
    losses, chances = cpu_math.losses_and_chances(logits + 0, targets)
    assert mx.allclose(losses, cross_entropy(logits, targets), rtol=1e-5, atol=1e-5).item()
    assert mx.allclose(chances, mx.softmax(logits, axis=-1), rtol=1e-5, atol=1e-7).item()


@pytest.mark.parametrize("bias", [False, True])
def test_an_adapted_linear_layer(bias: bool) -> None:
    layer = adapted(bias)
    arrays = [drawn((2, 5, 6), 0), layer.lora_a, layer.lora_b]

    def by(function: Any) -> list[mx.array]:
        def called(x: mx.array, a: mx.array, b: mx.array) -> mx.array:
            layer.update({"lora_a": a, "lora_b": b})
            result: mx.array = function(layer, x)
            return result

        return value_and_slopes(called, arrays, drawn((2, 5, 4), 3))

    assert agree(by(cpu_math.adapted_linear), by(cpu_math._adapted))


def test_a_linear_layer_that_is_trained_itself_stays_with_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_math, "_adapted", lambda layer, x: "MLX's")
    layer = adapted(bias=False)
    layer.linear.unfreeze()
    assert cpu_math.adapted_linear(layer, drawn((2, 6), 0)) == "MLX's"


def test_norm_and_rotation() -> None:
    x, pull, weight = drawn((1, 2, 5, 8), 0), drawn((1, 2, 5, 8), 1), drawn((8,), 2)
    norms = [lambda x, by=by: by(x, weight, 1e-6) for by in (cpu_math.rms_norm, cpu_math._rms_norm)]
    turned = {"traditional": False, "base": 1e4, "scale": 1.0, "offset": 3}
    turns = [lambda x, by=by: by(x, 8, **turned) for by in (cpu_math.rope, cpu_math._rope)]
    for ours, theirs in (norms, turns):
        assert agree(value_and_slopes(ours, [x], pull), value_and_slopes(theirs, [x], pull))


def test_a_gradient_keeps_no_more_of_a_linear_layer_than_its_output() -> None:
    layer, x = adapted(bias=False), drawn((64, 6), 0)
    mx.eval(layer.parameters(), x)
    kept = []

    def loss(x: mx.array) -> mx.array:
        before = mx.get_active_memory()
        y = layer(x)
        mx.eval(y)
        kept.append(mx.get_active_memory() - before)
        return y.sum()

    cpu_math.install()
    mx.eval(value_and_grad(layer, loss)(x))
    assert kept[0] < 2 * 64 * 4 * 4  # MLX's own sum keeps more than three


def adapted(bias: bool) -> LoRALinear:
    layer = LoRALinear.from_base(nn.Linear(6, 4, bias=bias).freeze(), r=3, scale=2.0)
    layer.lora_b = drawn((3, 4), 8)
    return layer


@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16])
def test_other_types_stay_with_mlx(dtype: mx.Dtype) -> None:
    q = drawn((1, 2, 3, 4), 0).astype(dtype)
    assert mx.array_equal(cpu_math.attention(q, q, q, scale=1.0), cpu_math._attention(q, q, q, scale=1.0)).item()
    assert mx.array_equal(cpu_math.gelu(q), cpu_math._gelu(q)).item()
    assert mx.array_equal(cpu_math.rms_norm(q, None, 1e-6), cpu_math._rms_norm(q, None, 1e-6)).item()
    rows = q.reshape(-1, 4)
    chances = cpu_math.losses_and_chances(rows, mx.zeros(len(rows), mx.int32))[1]
    assert mx.allclose(chances, mx.softmax(rows, axis=-1), atol=1e-2).item()


def test_few_numbers_stay_with_mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_math, "FEW", 10)
    monkeypatch.setattr(cpu_math, "_gelu", lambda x: "MLX's")
    assert cpu_math.gelu(drawn((9,), 0)) == "MLX's"
    assert cpu_math.gelu(drawn((10,), 0)).shape == (10,)


def test_models_call_them_once_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_math.install()
    cpu_math.install()
    assert mx.fast.scaled_dot_product_attention is cpu_math.attention
    assert nn.gelu_approx is cpu_math.gelu

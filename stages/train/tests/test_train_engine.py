"""Training behind a shared prefix gives the loss and the gradients of whole rows."""

import gc
import importlib
import math
from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.nn.utils import value_and_grad
from mlx.optimizers import SGD
from mlx.utils import tree_flatten, tree_map
from mlx_lm.tuner.utils import linear_to_lora_layers

from stages.train.engine import cpu_math
from stages.train.engine import prefix as prefix_module
from stages.train.engine.batches import assemble
from stages.train.engine.frozen_states import FrozenStates
from stages.train.engine.prefix import EXACT, SharedPrefix, grouped, shared_prefix
from stages.train.engine.step import Engine, Loss, rest_loss, scored_loss, whole_loss
from stages.train.rows import Row

VOCABULARY = 96
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": VOCABULARY,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e4,
    "tie_word_embeddings": True,
    "max_position_embeddings": 512,
    "query_pre_attn_scalar": 8,
    "sliding_window": 12,
    "sliding_window_pattern": 3,
}
LOSS, GRADIENTS, WORST = 2.3e-7, 1.5e-6, 4.1e-6  # relative differences that float32 rounding makes
PREFIXES = {"below the window": 5, "at the window": 12, "above the window": 40, "of one token": 1}
Gradients = dict[str, mx.array]


@pytest.fixture(autouse=True, params=[True, False], ids=["NumPy", "MLX"])
def numpy_or_mlx(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything is tested with both, whatever its size."""
    for place, name, own in cpu_math.TAKEN_OVER:
        monkeypatch.setattr(place, name, own)
    monkeypatch.setattr(cpu_math, "_is_installed", False)
    monkeypatch.setattr(cpu_math, "FEW", 0)
    monkeypatch.setattr(cpu_math, "SMALL", 0)
    monkeypatch.setattr(cpu_math, "BLOCK", 7)
    if request.param:
        mx.disable_compile()
        cpu_math.install()
    yield
    mx.enable_compile()


def tiny_model(kind: str) -> Any:
    """Returns a random model with adapters on its last three layers, none of them zero."""
    module = importlib.import_module(f"mlx_lm.models.{kind}")
    settings = SHAPE if kind == "gemma3_text" else {k: v for k, v in SHAPE.items() if not k.startswith("sliding")}
    mx.random.seed(7)
    model = module.Model(module.ModelArgs.from_dict({"model_type": kind, **settings}))
    if kind == "gemma3_text":
        model.sanitize({})  # ties the embeddings
    model.update(tree_map(lambda weight: mx.random.normal(weight.shape) * 0.2, model.parameters()))
    model.freeze()
    linear_to_lora_layers(model, 3, {"rank": 4, "scale": 2.0, "dropout": 0.0})
    model.update(tree_map(lambda weight: mx.random.normal(weight.shape) * 0.1, model.trainable_parameters()))
    return model


def make_rows(prefix_length: int, parts: list[tuple[int, int]]) -> list[Row]:
    """Returns a row for each (rest of the prompt, completion); they share exactly prefix_length tokens."""
    draw = np.random.default_rng(3)
    prefix = draw.integers(5, VOCABULARY, prefix_length).tolist()
    rows = []
    for number, (rest, completion) in enumerate(parts):
        own = [number, *draw.integers(5, VOCABULARY, rest + completion - 1).tolist()]
        rows.append(Row(str(number), (*prefix, *own), prefix_length + rest))
    return rows


def loss_and_gradients(model: Any, loss: Loss, rows: list[Row], prefix_length: int) -> tuple[float, Gradients]:
    batch = assemble(rows, prefix_length)
    value, gradients = value_and_grad(model, loss)(model, batch.tokens, batch.positions, batch.targets, batch.weights)
    return value.item(), dict(tree_flatten(gradients))


def difference(ours: Gradients, theirs: Gradients) -> float:
    """Returns the L2 norm of all differences by that of all gradients."""
    wrong = {name: ours[name] - theirs[name] for name in theirs}
    return math.sqrt(_square(wrong) / _square(theirs))


def _square(gradients: Gradients) -> float:
    values: Any = [mx.square(slope).sum().item() for slope in gradients.values()]
    return math.fsum(values)


def compare(model: Any, rows: list[Row]) -> tuple[float, float, float]:
    """Returns how the loss, all gradients and the worst array's differ, behind the prefix and of whole rows."""
    prefix = shared_prefix(rows)
    ours, found = loss_and_gradients(model, rest_loss(SharedPrefix(model, prefix)), rows, len(prefix))
    theirs, expected = loss_and_gradients(model, whole_loss, rows, 0)
    floor = 1e-3 * math.sqrt(_square(expected))  # of less, almost all has cancelled, and rounding is what is left
    worst = max(
        math.sqrt(_square({name: found[name] - slope})) / max(floor, math.sqrt(_square({name: slope})))
        for name, slope in expected.items()
    )
    return abs(ours - theirs) / theirs, difference(found, expected), worst


RAGGED = [(9, 5), (4, 11), (20, 3), (7, 17)]


@pytest.mark.parametrize("length", PREFIXES.values(), ids=PREFIXES.keys())
@pytest.mark.parametrize("kind", EXACT)
def test_loss_and_gradients_are_those_of_whole_rows(kind: str, length: int) -> None:
    rows = make_rows(length, RAGGED)
    assert len(shared_prefix(rows)) == length
    loss, gradients, worst = compare(tiny_model(kind), rows)
    assert loss <= LOSS
    assert gradients <= GRADIENTS
    assert worst <= WORST


@pytest.mark.parametrize("kind", EXACT)
def test_rows_that_share_nothing_need_no_logits_but_the_scored_ones(kind: str) -> None:
    model, rows = tiny_model(kind), make_rows(6, RAGGED)
    ours, found = loss_and_gradients(model, scored_loss, rows, 0)
    theirs, expected = loss_and_gradients(model, whole_loss, rows, 0)
    assert abs(ours - theirs) / theirs <= LOSS
    assert difference(found, expected) <= GRADIENTS


def test_more_scored_tokens_than_a_chunk_of_the_head() -> None:
    loss, gradients, worst = compare(tiny_model("gemma3_text"), make_rows(20, [(3, 50), (5, 70)]))
    assert loss <= LOSS
    assert gradients <= GRADIENTS
    assert worst <= WORST


def test_a_prefix_that_is_the_whole_prompt_ends_before_its_last_token() -> None:
    rows = [Row("a", (2, 3, 4, 5, 6), 3), Row("b", (2, 3, 4, 7), 3)]
    assert shared_prefix(rows) == (2, 3)


def test_rows_that_share_nothing_and_unknown_models_have_no_prefix() -> None:
    rows = [Row("a", (2, 3, 4), 2), Row("b", (3, 3, 4), 2)]
    assert shared_prefix(rows) == ()
    assert [group.prefix for group in grouped(make_rows(9, RAGGED), "gemma2")] == [()]


class _NoGradient(prefix_module._Capture):
    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return super().update_and_fetch(mx.stop_gradient(keys), mx.stop_gradient(values))


class _ShiftedPositions(prefix_module._Replay):
    def __init__(self, keys: mx.array, values: mx.array, window: int | None) -> None:
        super().__init__(keys, values, window)
        self.offset += 1
        self.start += 1


class _NoWindow(prefix_module._Replay):
    def __init__(self, keys: mx.array, values: mx.array, window: int | None) -> None:
        super().__init__(keys, values, None)

    def make_mask(self, length: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        return super().make_mask(length, return_array, None)


@pytest.mark.parametrize(
    ("name", "broken"), [("_Capture", _NoGradient), ("_Replay", _ShiftedPositions), ("_Replay", _NoWindow)]
)
def test_the_comparison_finds_a_broken_prefix(monkeypatch: pytest.MonkeyPatch, name: str, broken: type) -> None:
    model, rows = tiny_model("gemma3_text"), make_rows(40, RAGGED)
    monkeypatch.setattr(prefix_module, name, broken)
    _, gradients, _ = compare(model, rows)
    assert gradients > 0.01


def test_rows_are_grouped_by_what_they_begin_with() -> None:
    some, others = make_rows(40, RAGGED * 3), make_rows(30, [(8, 4), (6, 9)] * 6)
    others = [Row(f"other-{row.id}", tuple(token + 96 for token in row.tokens), row.prompt_length) for row in others]
    mixed = [row for pair in zip(some, others, strict=True) for row in pair]
    groups = grouped(mixed, "llama")
    assert [len(group.prefix) for group in groups] == [40, 30]
    assert [group.rows for group in groups] == [tuple(some), tuple(others)]
    few = grouped(mixed[:6], "llama")
    assert [(group.prefix, group.rows) for group in few] == [((), tuple(mixed[:6]))]


def one_step(kind: str, parts: int, prefix_length: int) -> tuple[float, float, Gradients]:
    """Returns the loss, the gradient's length and the weights after one step in so many micro-batches."""
    model, rows = tiny_model(kind), make_rows(prefix_length, RAGGED)
    prefix = shared_prefix(rows)
    engine = Engine(model, [prefix], SGD(0.1), max_gradient_norm=1.0)
    size = len(rows) // parts
    batches = [assemble(rows[start : start + size], len(prefix)) for start in range(0, len(rows), size)]
    loss, norm = engine.step(0, batches)
    return loss, norm, dict(tree_flatten(model.trainable_parameters()))


@pytest.mark.parametrize("length", [0, 20])
@pytest.mark.parametrize("kind", ["gemma3_text", "qwen3"])
def test_micro_batches_step_as_the_whole_batch_does(kind: str, length: int) -> None:
    loss, norm, weights = one_step(kind, 1, length)
    for parts in (2, 4):
        part_loss, part_norm, part_weights = one_step(kind, parts, length)
        assert part_loss == pytest.approx(loss, rel=1e-5)
        assert part_norm == pytest.approx(norm, rel=1e-5)
        assert difference(part_weights, weights) < 1e-5


def test_a_gradient_is_shortened_to_the_norm_that_is_given() -> None:
    model, rows = tiny_model("llama"), make_rows(20, RAGGED)
    before = dict(tree_flatten(model.trainable_parameters()))
    engine = Engine(model, [shared_prefix(rows)], SGD(1.0), max_gradient_norm=1e-3)
    _, norm = engine.step(0, [assemble(rows, 20)])
    moved = {name: weight - before[name] for name, weight in tree_flatten(model.trainable_parameters())}
    assert norm > 1e-3
    assert math.sqrt(_square(moved)) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("size", [6, 2], ids=["at once", "in parts"])
def test_frozen_layers_keep_nothing_of_a_step(size: int) -> None:
    """A model with two more layers below the trained ones takes no more for them than their weights."""
    peaks = []
    for layers in (2, 4):
        model = deep_model(layers)
        rows = make_rows(40, [(60, 4)] * 6)
        engine = Engine(model, [shared_prefix(rows)], SGD(learning_rate=0.1))
        weights = sum(array.nbytes for _, array in tree_flatten(model.parameters()))
        gc.collect()  # what is freed amid the step would hide what the step takes
        before = mx.get_active_memory() - weights
        mx.reset_peak_memory()
        engine.step(0, [assemble(rows[start : start + size], 40) for start in range(0, 6, size)])
        peaks.append(mx.get_peak_memory() - before - weights)
    assert peaks[1] < 1.6 * peaks[0]  # kept as the trained ones are, they would double it


def deep_model(layers: int) -> Any:
    module = importlib.import_module("mlx_lm.models.llama")
    wide = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": layers}
    settings = {key: value for key, value in SHAPE.items() if not key.startswith("sliding")} | wide
    model = module.Model(module.ModelArgs.from_dict({"model_type": "llama", **settings}))
    model.freeze()
    linear_to_lora_layers(model, 2, {"rank": 4, "scale": 2.0, "dropout": 0.0})
    mx.eval(model.parameters())
    return model


def stepped(keeps_states: bool, orders: list[list[int]]) -> tuple[list[float], Gradients]:
    """Returns the losses of steps on rows in some orders, two at a time, and the weights behind them."""
    model, rows = tiny_model("gemma3_text"), make_rows(20, RAGGED)
    engine = Engine(model, [shared_prefix(rows)], SGD(0.1), keeps_states=keeps_states)
    assert engine.prefixes[0] and engine.prefixes[0].frozen == 1
    losses = [engine.step(0, [assemble([rows[number] for number in order], 20)])[0] for order in orders]
    return losses, dict(tree_flatten(model.trainable_parameters()))


ORDERS = [[0, 1], [2, 3], [3, 0], [1, 2]]


def test_what_frozen_layers_make_of_rows_is_as_good_kept_as_computed_again() -> None:
    kept, computed = stepped(True, ORDERS), stepped(False, ORDERS)
    assert kept[0] == computed[0]
    assert all(mx.array_equal(kept[1][name], weight) for name, weight in computed[1].items())


def test_kept_states_do_not_depend_on_the_rows_that_a_row_first_met() -> None:
    rows = make_rows(20, RAGGED)
    first, other = (FrozenStates(SharedPrefix(tiny_model("llama"), shared_prefix(rows)), True) for _ in range(2))
    first.of(assemble(rows[:2], 20))
    alone, met = other.of(assemble(rows[:1], 20)), first.of(assemble(rows[:1], 20))
    assert alone is not None and met is not None
    assert mx.array_equal(alone, met)


def test_layers_that_do_not_run_leave_the_model_as_it_was() -> None:
    model, rows = tiny_model("llama"), make_rows(20, RAGGED)
    before = list(model.layers)
    prefix = SharedPrefix(model, shared_prefix(rows))
    prefix.keys_values()
    prefix.below(assemble(rows, 20).tokens)
    assert list(model.layers) == before

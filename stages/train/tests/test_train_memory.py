"""What a training needs of memory is told before, by parts: at least what it then takes, and not half as much again."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.optimizers import AdamW
from mlx.utils import tree_flatten

from shared.contract import load
from shared.errors import StageError
from stages.train.adapters import Lora, add_adapters
from stages.train.contract import Inputs
from stages.train.engine import cpu_math, device
from stages.train.engine.batches import assemble
from stages.train.engine.memory import Dimensions, Load, check_memory, estimate, loads_of, with_program
from stages.train.engine.prefix import Group
from stages.train.engine.step import Engine
from stages.train.rows import Row

MIB = 1 << 20
GEMMA = {"sliding_window": 96, "sliding_window_pattern": 3, "query_pre_attn_scalar": 64}
# kind, layers, adapted layers, prefix, rest, rows, rows at a time
CASES = {
    "gemma3": ("gemma3_text", 6, 6, 300, 90, 8, 8),
    "gemma3, few adapted": ("gemma3_text", 6, 2, 300, 90, 8, 8),
    "gemma3, in parts": ("gemma3_text", 6, 6, 400, 60, 12, 4),
    "llama, long rows": ("llama", 4, 4, 64, 500, 2, 2),
    "qwen3": ("qwen3", 4, 3, 500, 40, 4, 4),
    "no prefix": ("qwen2", 4, 4, 0, 160, 6, 6),
}


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    for place, name, own in cpu_math.TAKEN_OVER:
        monkeypatch.setattr(place, name, own)
    monkeypatch.setattr(cpu_math, "_is_installed", False)
    mx.disable_compile()
    cpu_math.install()
    yield
    mx.enable_compile()


def settings_of(kind: str, layers: int) -> dict[str, Any]:
    shape = {"hidden_size": 256, "intermediate_size": 704, "num_attention_heads": 4, "num_key_value_heads": 2}
    others = {"head_dim": 64, "vocab_size": 8000, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "tie_word_embeddings": True}
    windows = GEMMA if kind == "gemma3_text" else {}
    return {
        "model_type": kind,
        "num_hidden_layers": layers,
        "max_position_embeddings": 2048,
        **shape,
        **others,
        **windows,
    }


def rows_of(prefix: int, rest: int, count: int) -> list[Row]:
    return [Row(str(n), (*range(5, 5 + prefix), *range(9 + n, 9 + n + rest)), prefix + rest - 30) for n in range(count)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_estimate_is_at_least_the_peak_and_not_half_as_much_again(case: tuple[Any, ...]) -> None:
    kind, layers, adapted, prefix, rest, count, micro = case
    module, settings = importlib.import_module(f"mlx_lm.models.{kind}"), settings_of(kind, layers)
    model = module.Model(module.ModelArgs.from_dict(settings))
    if kind == "gemma3_text":
        model.sanitize({})  # ties the embeddings
    lora = Lora(adapted, 8, 20.0)
    trained = lora.count(model)
    add_adapters(model, lora, 0)
    assert trained == sum(array.size for _, array in tree_flatten(model.trainable_parameters()))
    weights = sum(array.nbytes for _, array in tree_flatten(model.parameters())) - 4 * trained
    rows = rows_of(prefix, rest, count)
    group = Group(rows[0].tokens[:prefix], tuple(rows))
    [load] = loads_of([group], count, micro)
    expected = sum(estimate(Dimensions.of(settings), weights, load, adapted, trained, 4).values())
    engine = Engine(model, [group.prefix], AdamW(learning_rate=1e-4), 1.0)
    before = mx.get_active_memory() - weights
    mx.reset_peak_memory()
    for _ in range(2):
        engine.step(0, [assemble(rows[start : start + micro], prefix) for start in range(0, count, micro)])
    peak = mx.get_peak_memory() - max(0, before - 40 * trained)  # what other tests left is not this one's
    assert peak <= expected < 1.5 * peak


def test_the_longest_row_and_completion_count() -> None:
    rows = (Row("a", tuple(range(50)), 40), Row("b", tuple(range(60)), 58))
    assert loads_of([Group(tuple(range(20)), rows), Group((), ())], 4, 1) == [Load(20, 39, 1, True, 10)]


def test_what_cannot_fit_is_refused_by_parts() -> None:
    parts = {"weights": 1024 * MIB, "activations": 2048 * MIB}
    with pytest.raises(StageError) as refused:
        check_memory(parts, 2048 * MIB)
    assert "3.00 GiB of memory (weights 1.00 GiB, activations 2.00 GiB), and there are 2.00 GiB" in str(refused.value)
    assert "lower micro_batch_size" in str(refused.value)
    assert "at most 3.00 GiB" in check_memory(parts, 3072 * MIB)


def test_the_program_counts_too() -> None:
    parts = with_program({"weights": 1600 * MIB}, 100 * MIB)
    assert parts == {"weights": 1600 * MIB, "program and rows": (100 + 24 + 160) * MIB}


def test_the_process_takes_no_more_than_was_told(inputs: Inputs, tmp_path: Path) -> None:
    values = {field: getattr(inputs, field.name) for field in load("train").inputs}
    flags = [f"{field.flag}={getattr(value, 'path', value)}" for field, value in values.items()]
    command = [sys.executable, "-m", "stages.train.main", *flags, "--outputs", str(tmp_path)]
    path = os.pathsep.join(filter(None, sys.path))
    subprocess.run(command, cwd=Path(__file__).parents[3], env=os.environ | {"PYTHONPATH": path}, check=True)
    metrics = json.loads((tmp_path / "metrics").read_text())
    assert metrics["peak_memory_bytes"] <= metrics["estimated_memory_bytes"] < 1.5 * metrics["peak_memory_bytes"]


def test_a_model_without_the_usual_names_is_not_estimated() -> None:
    assert Dimensions.of({"d_model": 64}) is None


@pytest.mark.parametrize(("limited", "free"), [(None, 4_096_000), (2_000_000, 2_000_000), (1 << 62, 4_096_000)])
def test_a_container_s_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limited: int | None, free: int
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    monkeypatch.setattr(device, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(device.container_limits, "free_memory", lambda: limited)
    monkeypatch.setattr(device, "resident_memory", lambda: 300)
    assert device.available_memory() == free + 300

"""What a training run makes."""

import json
import math
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest
from safetensors.numpy import load_file

from stages.train.contract import Inputs
from stages.train.main import run
from stages.train.tests.conftest import Trained
from tests.tiny_model import byte_tokenizer


def logits(model: Path, adapters: Path | None = None) -> mx.array:
    tokens = byte_tokenizer().encode("<bos><start_of_turn>user\nDown<end_of_turn>\n", add_special_tokens=False).ids
    loaded = mlx_lm.load(str(model), adapter_path=str(adapters) if adapters else None)[0]
    answer: mx.array = loaded(mx.array([tokens]))
    return answer


def test_the_loss_falls_from_chance_on_training_and_validation_rows(trained: Trained) -> None:
    chance = math.log(byte_tokenizer().get_vocab_size())
    before, after = trained.metrics["validation_loss"][0]["loss"], trained.metrics["validation_loss"][-1]["loss"]
    assert abs(before - chance) < 0.5
    assert after < before - 1
    assert trained.metrics["training_loss"][-1]["loss"] < trained.metrics["training_loss"][0]["loss"] - 1
    assert trained.outputs.validation_loss == min(entry["loss"] for entry in trained.metrics["validation_loss"][1:])


def test_every_output_passes_the_check_of_its_kind(trained: Trained) -> None:
    for artifact in (trained.outputs.model, trained.outputs.adapters, trained.outputs.metrics):
        artifact.check()


def test_the_metrics_hold_parameters_losses_and_circumstances(trained: Trained) -> None:
    metrics = trained.metrics
    assert metrics["parameters"] == {
        "learning_rate": 1e-3,
        "batch_size": 4,
        "iters": 20,
        "epochs": 0,
        "learning_schedule": "constant",
        "warmup_iters": 0,
        "max_gradient_norm": 1.0,
        "micro_batch_size": 0,
        "validate_every": 0,
        "patience": 0,
        "lora_layers": 2,
        "lora_rank": 4,
        "lora_scale": 20.0,
        "lora_modules": "",
        "max_seq_length": 4096,
        "seed": 0,
    }
    assert [entry["iteration"] for entry in metrics["training_loss"]] == list(range(1, 21))
    assert [entry["iteration"] for entry in metrics["validation_loss"]] == [0, 4, 8, 12, 16, 20]
    assert (metrics["train_rows"], metrics["valid_rows"]) == (8, 4)
    # Rank 4 on q (32, 32), k and v (32, 16), o (32, 32), gate and up (32, 64), down (64, 32) of two layers.
    assert metrics["trainable_parameters"] == 2 * 4 * (64 + 48 + 48 + 64 + 96 + 96 + 96)
    assert metrics["dtype"] == "float32"
    assert metrics["device"] in ("cpu", "gpu")
    assert metrics["blas"]
    assert metrics["shared_prefix_tokens"] > 500
    for name in ("seconds", "tokens_per_second", "peak_memory_bytes"):
        assert metrics[name] > 0


def test_mlx_lm_loads_the_adapters_onto_the_base_and_they_answer_as_the_fused_model(trained: Trained) -> None:
    base, adapters = trained.inputs.model.path, trained.outputs.adapters.path
    fused = logits(trained.outputs.model.path)
    assert mx.allclose(logits(base, adapters), fused, rtol=1e-4, atol=1e-4).item()
    assert mx.abs(logits(base) - fused).max().item() > 0.1  # type: ignore[operator]


def test_only_the_linear_weights_of_the_last_lora_layers_change(trained: Trained) -> None:
    before = load_file(trained.inputs.model.path / "model.safetensors")
    after = load_file(trained.outputs.model.path / "model.safetensors")
    assert before.keys() == after.keys()
    linear = {f"{part}_proj" for part in ("q", "k", "v", "o", "gate", "up", "down")}
    expected = {name for name in before if "layers.0" not in name and name.split(".")[-2] in linear}
    assert {name for name in before if not np.array_equal(before[name], after[name])} == expected


def test_the_fused_model_carries_the_bases_files_and_how_it_is_asked(trained: Trained) -> None:
    base, model = trained.inputs.model.path, trained.outputs.model.path
    kept = ["LICENSE", "base.json", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
    for name in kept:
        assert (model / name).read_bytes() == (base / name).read_bytes()
    asking = ["prompt.json", "calls.json"]
    for name in asking:
        assert (model / name).read_bytes() == (trained.inputs.dataset.path / name).read_bytes()
    weights = ["model.safetensors", "model.safetensors.index.json"]
    assert sorted(path.name for path in model.iterdir()) == sorted([*kept, *weights, *asking])


def test_the_adapter_configuration_is_what_mlx_lm_reads(trained: Trained) -> None:
    config = json.loads((trained.outputs.adapters.path / "adapter_config.json").read_text())
    parameters = {"rank": 4, "scale": 20.0, "dropout": 0.0}
    assert config == {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": parameters}


def test_progress_is_some_plain_lines_behind_what_computes(
    inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(replace(inputs, iters=40), tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert "device" in lines[0]
    assert "weights float32" in lines[0]
    assert lines[1].startswith("memory: at most ")
    assert lines[3].startswith("iteration 0/40: validation loss ")
    assert lines[-1].startswith("iteration 40/40: validation loss ")
    assert sum("tokens/s" in line for line in lines) == 11
    assert sum("validation loss" in line for line in lines) == 6


def test_only_the_named_modules_get_adapters(inputs: Inputs, tmp_path: Path) -> None:
    outputs = run(replace(inputs, iters=2, lora_modules="q_proj, down_proj"), tmp_path)
    names = load_file(outputs.adapters.path / "adapters.safetensors")
    assert {name.split(".")[-2] for name in names} == {"q_proj", "down_proj"}
    fused, told = logits(outputs.model.path), logits(inputs.model.path, outputs.adapters.path)
    assert mx.allclose(fused, told, rtol=1e-4, atol=1e-4).item()


def test_epochs_decide_where_they_are_given(inputs: Inputs, tmp_path: Path) -> None:
    metrics = run(replace(inputs, epochs=3), tmp_path).metrics.read()
    assert len(metrics["training_loss"]) == 6  # 8 rows, 4 a step


def test_micro_batches_and_whole_batches_learn_the_same(inputs: Inputs, trained: Trained, tmp_path: Path) -> None:
    metrics = run(replace(inputs, micro_batch_size=1), tmp_path).metrics.read()
    pairs = zip(metrics["training_loss"], trained.metrics["training_loss"], strict=True)
    assert all(math.isclose(one["loss"], other["loss"], rel_tol=1e-2) for one, other in pairs)

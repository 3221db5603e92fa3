"""Trains LoRA adapters on a dataset's rows and fuses them into the base model.

What imports mlx is imported inside functions: the BLAS is chosen before, and `--help` stays quick.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared import blas, stage
from shared.artifacts import MlxModel
from stages.train.contract import RUNTIME, Inputs, Outputs
from stages.train.limits import check_batch_size, check_layers, check_lengths, check_vocabulary
from stages.train.rows import Row, load_tokenizer, read_rows

if TYPE_CHECKING:
    from stages.train.adapters import Lora
    from stages.train.checkpoints.checkpoint import Checkpoints
    from stages.train.engine.prefix import Group
    from stages.train.engine.step import Engine
    from stages.train.schedule import Schedule
    from stages.train.training import Data

prepare_blas = functools.cache(blas.prepare)  # once a process


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Reads and checks the rows, trains, and writes the fused model, the adapters and the metrics."""
    rows = _checked_rows(inputs)
    blas_line = prepare_blas()
    return _train(inputs, rows, blas_line, outputs)


def _checked_rows(inputs: Inputs) -> dict[str, list[Row]]:
    check_layers(inputs.model.path, inputs.lora_layers)
    tokenizer = load_tokenizer(inputs.model.path)
    rows = {split: read_rows(inputs.dataset, split, tokenizer) for split in ("train", "valid")}
    check_batch_size(rows, inputs.batch_size)
    check_lengths(rows, inputs.max_seq_length)
    check_vocabulary(rows, inputs.model.path)
    return rows


def _train(inputs: Inputs, rows: dict[str, list[Row]], blas_line: str, outputs: Path) -> Outputs:
    from stages.train.adapters import count_trained, load_base, write_adapters, write_fused
    from stages.train.engine.device import prepare_device
    from stages.train.engine.prefix import split_into_groups
    from stages.train.metrics import write_metrics
    from stages.train.progress import Progress
    from stages.train.training import Training

    model, device = load_base(inputs.model), prepare_device()
    dtype, blas_line = _say_where(model, device, blas_line)
    groups = split_into_groups(rows["train"], rows["valid"], model.model_type)
    data = _data(inputs, groups)
    schedule, lora = _schedule(inputs, data), _lora(inputs)
    needed, keeps_states = _plan_memory(model, lora, data, schedule, inputs.model)
    engine, lora_parameters = _engine(inputs, model, lora, data, schedule, keeps_states)
    _say(f"{count_trained(model):,} trained weights; {_shared(groups)}")
    checkpoints = _checkpoints(inputs, rows, device)
    with Progress(schedule.iters) as progress:
        history = Training(engine, data, schedule, progress, checkpoints).run()
    circumstances = _counts(rows, [group.prefix for group in data.train]) | {
        "device": device,
        "dtype": dtype,
        "blas": blas_line,
        "trainable_parameters": count_trained(model),
        "estimated_memory_bytes": needed,
    }
    return Outputs(
        adapters=write_adapters(model, lora, lora_parameters, outputs / "adapters"),
        model=write_fused(model, inputs.model, inputs.dataset, outputs / "model"),
        metrics=write_metrics(_parameters(inputs), circumstances, history, outputs / "metrics"),
        validation_loss=history.best[1],
    )


def _say_where(model: Any, device: str, blas_line: str) -> tuple[str, str]:
    """Returns the weights' type and the line about BLAS, after saying on what the model is trained."""
    from stages.train.adapters import weights_dtype
    from stages.train.engine import cpu_math

    dtype = weights_dtype(model)
    if device == "cpu" and dtype == "float32":
        cpu_math.install()
        blas_line += ", exponentials by NumPy"
    _say(f"{blas_line}; device {device}, weights {dtype}")
    return dtype, blas_line


def _lora(inputs: Inputs) -> Lora:
    from stages.train.adapters import Lora

    modules = tuple(name.strip() for name in inputs.lora_modules.split(",") if name.strip())
    return Lora(inputs.lora_layers, inputs.lora_rank, inputs.lora_scale, modules)


def _engine(
    inputs: Inputs, model: Any, lora: Lora, data: Data, schedule: Schedule, keeps_states: bool
) -> tuple[Engine, dict[str, Any]]:
    """Returns the engine of the model, which gets its adapters, and what mlx-lm calls their parameters."""
    from stages.train.adapters import add_adapters
    from stages.train.engine.step import Engine

    lora_parameters = add_adapters(model, lora, inputs.seed)
    prefixes = [group.prefix for group in data.train]
    return Engine(model, prefixes, schedule.optimizer(), inputs.max_gradient_norm, keeps_states), lora_parameters


def _counts(rows: dict[str, list[Row]], prefixes: Sequence[Sequence[int]]) -> dict[str, int | str]:
    counts = {f"{split}_rows": len(found) for split, found in rows.items()}
    return {"shared_prefix_tokens": max(map(len, prefixes)), **counts}


def _data(inputs: Inputs, groups: Sequence[tuple[Group, Group]]) -> Data:
    """Returns the rows with the size of a step, and how many of its rows are in memory at once."""
    from stages.train.training import Data

    train, valid = [group for group, _ in groups], [group for _, group in groups]
    micro = min(inputs.micro_batch_size or inputs.batch_size, inputs.batch_size)
    return Data(train, valid, inputs.batch_size, micro, inputs.seed)


def _plan_memory(model: Any, lora: Lora, data: Data, schedule: Schedule, base: MlxModel) -> tuple[int, bool]:
    """Returns the bytes that training takes at most, 0 where that is not known, before any weight is read.

    And whether what frozen layers make of rows is kept for their next epochs: where there is room for it.
    Raises StageError where there are not as many bytes.
    """
    from stages.train.adapters import weights_dtype
    from stages.train.engine.device import available_memory, is_gpu, resident_memory
    from stages.train.engine.memory import Dimensions, check_memory, estimate, kept_states, loads_of, with_program

    dimensions = Dimensions.of(vars(model.args))
    if dimensions is None:
        _say(f"what memory a model of type {model.model_type} needs is not known")
        return 0, False
    weights = sum(file.stat().st_size for file in base.path.glob("*.safetensors"))
    size = 4 if weights_dtype(model) == "float32" else 2
    loads = loads_of([*data.train, *data.valid], data.batch, data.micro)
    found = [estimate(dimensions, weights, load, lora.layers, lora.count(model), size) for load in loads]
    arrays, free = max(found, key=lambda parts: sum(parts.values())), available_memory()
    kept = {"frozen layers' states": kept_states(dimensions, [*data.train, *data.valid], size)}
    resident = resident_memory()
    needed, more = (parts if is_gpu() else with_program(parts, resident) for parts in (arrays, arrays | kept))
    comes_again = schedule.iters * data.batch > sum(len(group.rows) for group in data.train)
    keeps_states = comes_again and lora.layers < dimensions.layers and sum(more.values()) <= free
    if keeps_states:
        needed = more
    _say(check_memory(needed, free))
    return sum(needed.values()), keeps_states


def _schedule(inputs: Inputs, data: Data) -> Schedule:
    """Returns how long training goes on: by epochs where they are given, else by iters."""
    from stages.train.engine.batches import steps_of_an_epoch
    from stages.train.schedule import Schedule

    iters = inputs.epochs * steps_of_an_epoch(data.train, data.batch) or inputs.iters
    return Schedule(
        inputs.learning_rate,
        iters,
        warmup=min(inputs.warmup_iters, iters),
        cosine=inputs.learning_schedule == "cosine",
        validate_every=inputs.validate_every,
        patience=inputs.patience,
    )


def _shared(groups: Sequence[tuple[Group, Group]]) -> str:
    """Returns how much work is shared, in words for the log."""
    lengths = [len(train.prefix) for train, _ in groups]
    if not any(lengths):
        return "the rows share no tokens at their beginning, so each is computed whole"
    if len(lengths) == 1:
        return f"the rows share {lengths[0]} tokens"
    return f"the rows are of {len(lengths)} groups, which share {min(lengths)} to {max(lengths)} tokens"


def _checkpoints(inputs: Inputs, rows: dict[str, list[Row]], device: str) -> Checkpoints | None:
    """Returns where checkpoints are kept; they are of another training where any input or row differs."""
    from stages.train.checkpoints.checkpoint import Checkpoints
    from stages.train.checkpoints.opening import place_of

    place = place_of(inputs.checkpoint_to, "checkpoint_to")
    if place is None:
        return None
    digest = hashlib.sha256(repr([(split, [row.tokens for row in found]) for split, found in rows.items()]).encode())
    told = _parameters(inputs) | {
        "rows": digest.hexdigest()[:12],
        "model": inputs.model.weights_digest()[:12],
        "device": device,
    }
    earlier = place_of(inputs.checkpoint_from, "checkpoint_from")
    return Checkpoints(place, told | {"mlx": version("mlx")}, inputs.checkpoint_every, earlier)


def _parameters(inputs: Inputs) -> dict[str, int | float | str]:
    values = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(inputs)}
    return {
        name: value for name, value in values.items() if isinstance(value, int | float | str) and name not in RUNTIME
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    stage.main("train", run)

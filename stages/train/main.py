"""Trains LoRA adapters on a dataset's rows and fuses them into the base model.

What imports mlx is imported inside functions: the BLAS is chosen before, and `--help` stays quick.
"""

import dataclasses
import functools
import sys
from pathlib import Path

from shared import blas, stage
from stages.train.contract import Inputs, Outputs
from stages.train.limits import check_batch_size, check_layers, check_lengths, check_vocabulary
from stages.train.rows import Row, load_tokenizer, read_rows

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
    from stages.train.adapters import Lora, add_adapters, load_base, weights_dtype, write_adapters, write_fused
    from stages.train.device import prepare_device
    from stages.train.engine import Engine
    from stages.train.metrics import write_metrics
    from stages.train.prefix import shared_prefix
    from stages.train.progress import Progress
    from stages.train.training import Schedule, train

    model = load_base(inputs.model)
    device, dtype = prepare_device(), weights_dtype(model)
    print(f"{blas_line}; device {device}, weights {dtype}", file=sys.stderr, flush=True)
    lora = Lora(inputs.lora_layers, inputs.lora_rank, inputs.lora_scale)
    trainable = add_adapters(model, lora, inputs.seed)
    prefix = shared_prefix([*rows["train"], *rows["valid"]], model.model_type)
    print(f"{trainable:,} trained weights; the rows share {len(prefix)} tokens", file=sys.stderr, flush=True)
    schedule = Schedule(inputs.learning_rate, inputs.batch_size, inputs.iters, inputs.seed)
    with Progress(inputs.iters) as progress:
        history = train(Engine(model, prefix, inputs.learning_rate), rows, len(prefix), schedule, progress)
    circumstances: dict[str, int | str] = {
        "device": device,
        "dtype": dtype,
        "blas": blas_line,
        "trainable_parameters": trainable,
        "shared_prefix_tokens": len(prefix),
        **{f"{split}_rows": len(found) for split, found in rows.items()},
    }
    return Outputs(
        adapters=write_adapters(model, lora, outputs / "adapters"),
        model=write_fused(model, inputs.model, inputs.dataset.prompt(), outputs / "model"),
        metrics=write_metrics(_parameters(inputs), circumstances, history, outputs / "metrics"),
        validation_loss=history.validation_loss[-1][1],
    )


def _parameters(inputs: Inputs) -> dict[str, int | float]:
    values = {field.name: getattr(inputs, field.name) for field in dataclasses.fields(inputs)}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


if __name__ == "__main__":
    stage.main("train", run)

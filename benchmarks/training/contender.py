"""One contender's steps in a process of its own: `python -m benchmarks.training.contender ours …` prints JSON.

`ours` is the stage's engine. `stock` is mlx-lm's own step, with the host prepared as ours is. `shipped` is the same as
it comes: the wheel's BLAS, malloc as it is. `peft` is torch with PEFT, which makes logits where `logits_to_keep` asks.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.training.shape import LEARNING_RATE, RANK, SCALE, SHAPES, Case, Sample, draw_rows

Report = Callable[[float, float], None]
"""f(loss, seconds), called behind every step."""


def main() -> None:
    """Prints {"loss", "seconds"} for each step, and {"peak_bytes"} at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contender", choices=sorted(CONTENDERS))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    for name in ("layers", "batch", "prefix"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--shape", choices=sorted(SHAPES), required=True)
    given = parser.parse_args()
    case = Case(given.shape, given.layers, given.batch, given.prefix)
    CONTENDERS[given.contender](case, given.model, given.steps, _print_step)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB elsewhere
    print(json.dumps({"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}))


def ours(case: Case, folder: Path, steps: int, report: Report) -> None:
    """The stage's engine."""
    _prepare_host()
    from mlx.optimizers import AdamW

    from stages.train.engine import cpu_math
    from stages.train.engine.batches import assemble
    from stages.train.engine.device import prepare_device
    from stages.train.engine.step import Engine
    from stages.train.rows import Row

    if prepare_device() == "cpu":
        cpu_math.install()
    prefix = draw_rows(case, 0)[0].tokens[: case.prefix]
    engine = Engine(_adapted_model(case, folder), [prefix], AdamW(LEARNING_RATE, bias_correction=True))

    def step(rows: list[Sample]) -> float:
        return engine.step(0, [assemble([Row("", row.tokens, row.prompt) for row in rows], case.prefix)])[0]

    _time(step, case, steps, report)


def stock(case: Case, folder: Path, steps: int, report: Report) -> None:
    """mlx-lm's trainer on a host that was prepared as ours."""
    _prepare_host()
    shipped(case, folder, steps, report)


def shipped(case: Case, folder: Path, steps: int, report: Report) -> None:
    """mlx-lm's trainer as it comes. Rows are padded as its iterate_batches pads them."""
    import mlx.core as mx
    from mlx.optimizers import AdamW
    from mlx_lm.tuner import trainer

    class Callback(trainer.TrainingCallback):  # type: ignore[misc, name-defined]
        def on_train_loss_report(self, train_info: dict[str, Any]) -> None:
            report(train_info["train_loss"], 1 / train_info["iterations_per_second"])

    def batches(**_: Any) -> Iterator[tuple[mx.array, mx.array]]:
        for number in range(steps):
            rows = draw_rows(case, number)
            width = 1 + 32 * -(-max(len(row.tokens) for row in rows) // 32)
            tokens = [[*row.tokens, *[0] * (width - len(row.tokens))] for row in rows]
            # mlx-lm scores one token more than the second number says, a pad: here it is the row's last.
            yield mx.array(tokens), mx.array([[row.prompt, len(row.tokens) - 1] for row in rows])

    trainer.train(
        _adapted_model(case, folder),
        AdamW(LEARNING_RATE, bias_correction=True),  # as torch's, so that losses can be compared
        None,
        args=trainer.TrainingArgs(iters=steps, steps_per_report=1, batch_size=case.batch, adapter_file="/dev/null"),
        iterate_batches=batches,
        training_callback=Callback(),
    )


def peft(case: Case, folder: Path, steps: int, report: Report) -> None:
    """Torch and PEFT, with logits where a row may score; attention by torch's own fused function."""
    import torch  # type: ignore[import-not-found]
    from peft import LoraConfig, get_peft_model  # type: ignore[import-not-found]
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(int(os.environ.get("OPENBLAS_NUM_THREADS") or max(1, (os.cpu_count() or 1) // 2)))
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
    width, count = (SHAPES[case.shape][name] for name in ("hidden_size", "num_hidden_layers"))
    base.model.embed_tokens.embed_scale.fill_(torch.tensor(width**0.5).bfloat16())  # mlx-lm rounds it so
    config = LoraConfig(
        r=RANK,
        lora_alpha=RANK * SCALE,
        lora_dropout=0.0,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        layers_to_transform=list(range(count - case.layers, count)),
    )
    model = get_peft_model(base, config)
    first = load_file(folder / "adapters" / f"{case.layers}.safetensors")
    for name, weight in model.named_parameters():
        if "lora_A" in name:
            key = name.removeprefix("base_model.model.").replace("lora_A.default.weight", "lora_a")
            weight.data.copy_(first[key].T)
    optimizer = torch.optim.AdamW(
        (weight for weight in model.parameters() if weight.requires_grad), lr=LEARNING_RATE, weight_decay=0.01
    )

    def step(rows: list[Sample]) -> float:
        width = max(len(row.tokens) for row in rows)
        tokens = torch.tensor([[*row.tokens, *[0] * (width - len(row.tokens))] for row in rows])
        keep = width - min(row.prompt for row in rows) + 1
        labels = torch.full_like(tokens, -100)
        for number, row in enumerate(rows):
            labels[number, row.prompt : len(row.tokens)] = tokens[number, row.prompt : len(row.tokens)]
        logits = model(input_ids=tokens, logits_to_keep=keep).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, -keep + 1 :].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    _time(step, case, steps, report)


CONTENDERS: dict[str, Callable[[Case, Path, int, Report], None]] = {
    "ours": ours,
    "stock": stock,
    "shipped": shipped,
    "peft": peft,
}


def _time(step: Callable[[list[Sample]], float], case: Case, steps: int, report: Report) -> None:
    for number in range(steps):
        rows = draw_rows(case, number)
        began = time.perf_counter()
        loss = step(rows)
        report(loss, time.perf_counter() - began)


def _print_step(loss: float, seconds: float) -> None:
    print(json.dumps({"loss": loss, "seconds": seconds}), flush=True)


def _prepare_host() -> None:
    from shared import blas

    print(blas.prepare(), file=sys.stderr)


def _adapted_model(case: Case, folder: Path) -> Any:
    from stages.train.adapters import Lora, add_adapters, load_base

    class Source:
        path = folder

    model = load_base(Source)  # type: ignore[arg-type]
    add_adapters(model, Lora(case.layers, RANK, SCALE), seed=0)
    return model


if __name__ == "__main__":
    main()

"""Evaluation beside mlx-lm's own generation, in turns: `make bench-evaluate`, QUICK=1 for a look.

Answers the demo's prompts (of the last `make run`), and prompts of FunctionGemma's true shape with random weights, in
rounds: in each round every contender answers all of them once. All compute on the same BLAS in one process. Tokens are
compared in every round. Writes benchmarks/results/evaluation.json, docs/evaluation-speed.md and its picture.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.evaluation import true_shape
from benchmarks.evaluation.contenders import Answers, Contender, contenders
from benchmarks.evaluation.page import write_page
from shared import archive
from shared.artifacts import ChatDataset, FineTunedModel
from shared.errors import StageError
from stages.evaluate.answering.runtime import HOST, mx

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "evaluation.json"
LATEST = ROOT / ".runs" / "latest"
SPLITS = ("test", "test_unseen_alerts", "test_uncovered_alerts", "valid", "train")


@dataclass
class Run:
    """One contender's rounds. same: answers that are token for token those of `generate`, in the worst round."""

    shape: str
    contender: str
    prompts: int
    tokens: int = 0
    seconds: list[float] = field(default_factory=list)
    same: int = 0


def main() -> None:
    """Measures, and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="32 prompts of the demo, two rounds, written nowhere")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the demo's prompts")
    parser.add_argument("--prompts", type=int, default=256, help="prompts of the demo")
    parser.add_argument("--true-rounds", type=int, default=3, help="rounds at the true shape")
    parser.add_argument("--true-prompts", type=int, default=16, help="prompts at the true shape")
    given = parser.parse_args()
    print(HOST, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        demo = _demo(Path(folder) / "demo", 32 if given.quick else given.prompts)
        runs = measure("demo", demo, 2 if given.quick else given.rounds)
        if given.quick:
            return
        del demo
        true_shape.write(Path(folder) / "true")
        prefix, prompts = true_shape.prompts(given.true_prompts)
        large = contenders(Path(folder) / "true", prefix, [true_shape.UNKNOWN], prompts, true_shape.TOKENS)
        runs += measure("functiongemma", large, given.true_rounds)
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "host": HOST}
    report: dict[str, Any] = {"machine": machine, "runs": [asdict(run) for run in runs]}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    write_page(report, ROOT / "docs")


def measure(shape: str, known: dict[str, Contender], rounds: int) -> list[Run]:
    """Returns the runs of all contenders, one after another in every round."""
    runs: dict[str, Run] = {}
    for _ in range(rounds):
        answers: dict[str, Answers] = {}
        for name, contender in known.items():
            began = time.perf_counter()
            answers[name] = contender()
            seconds = time.perf_counter() - began
            mx.clear_cache()
            run = runs.setdefault(name, Run(shape, name, len(answers[name]), same=len(answers[name])))
            run.seconds.append(seconds)
            run.tokens = sum(map(len, answers[name]))
        for name, run in runs.items():
            run.same = min(run.same, _same(answers[name], answers["generate"]))
            told = f"{median(run.seconds):.2f} s for {run.prompts} prompts (n = {len(run.seconds)})"
            print(f"{shape}: {name} {told}, {run.same} answers as one by one", flush=True)
    return list(runs.values())


def _same(answers: Answers, others: Answers) -> int:
    return sum(one == other for one, other in zip(answers, others, strict=True))


def _demo(folder: Path, count: int) -> dict[str, Contender]:
    """Returns contenders for the prompts of the last `make run`, each asked once."""
    sources = {"dataset": LATEST / "dataset/outputs/dataset", "model": LATEST / "train/outputs/model"}
    if missing := [path for path in sources.values() if not path.exists()]:
        raise StageError(f"there is no {missing[0]}; run `make run` first")
    for name, path in sources.items():
        archive.unpack(path, folder / name)
    dataset, model = ChatDataset(folder / "dataset"), FineTunedModel(folder / "model")
    prompts = _distinct([row["prompt"] for split in SPLITS if dataset.has(split) for row in dataset.rows(split)])
    prompt = model.prompt()
    return contenders(model.path, prompt.prefix, prompt.stop_tokens, prompts[:count], 256)


def _distinct(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


if __name__ == "__main__":
    main()

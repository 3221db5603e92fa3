"""Our training step beside others', in turns: `make bench-train`, QUICK=1 for a look.

Every contender runs in processes of its own, in rounds: in each round of a case every one runs once, does a first step
that is not counted, and then some that are. Ratios are between medians, beside the quickest and the slowest step.
Where a contender's step does not fit in memory, or takes minutes, it is measured with fewer rows, and its time
multiplied. After every round it writes benchmarks/results/training.json, docs/training-speed.md and its picture; what
was measured before of other cases and contenders stays in them.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.training.contender import CONTENDERS
from benchmarks.training.page import write_page
from benchmarks.training.shape import Case

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "training.json"
COUNTED = 5  # steps of a process

TRUE_SHAPE = [Case("functiongemma", layers, batch, 777) for layers in (16, 18) for batch in (4, 8)]
STOCK_GIB, STOCK_GIB_OF_A_ROW_AND_LAYER = 2, 0.32  # what mlx-lm's own step was seen to take at the true shape
DEMO = [Case("demo", 3, batch, prefix) for prefix in (256, 512, 1024, 2048) for batch in (4, 8, 16)]


@dataclass
class Run:
    """One contender's counted steps on one case. losses: those of the first process, its first step included.

    rows: those of its steps; fewer than the case's where those do not fit.
    """

    contender: str
    case: Case
    rows: int
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    failure: str = ""


def main() -> None:
    """Measures, and writes what was found after every round, so that an end in between loses nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the demo's shape alone, two rounds, written nowhere")
    parser.add_argument("--rounds", type=int, default=2, help=f"rounds of {COUNTED} counted steps")
    parser.add_argument("--shipped-rounds", type=int, default=1, help="the same for mlx-lm as shipped, which is slow")
    parser.add_argument("--shapes", nargs="+", default=["functiongemma", "demo"], help="which of the shapes")
    parser.add_argument("--contenders", nargs="+", default=[*CONTENDERS], help="which of the contenders")
    parser.add_argument("--layers", type=int, nargs="+", default=[16, 18], help="adapted layers at the true shape")
    parser.add_argument("--prefixes", type=int, nargs="+", default=[], help="which of the prefixes; all where left out")
    parser.add_argument("--peft-python", default="", help="a Python that has torch, peft and transformers")
    given = parser.parse_args()
    large = [] if given.quick else [case for case in TRUE_SHAPE if case.layers in given.layers]
    cases = [case for case in [*large, *(DEMO[:2] if given.quick else DEMO)] if case.shape in given.shapes]
    cases = [case for case in cases if case.prefix in (given.prefixes or [case.prefix])]
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        _write_models(Path(folder), cases)
        for case in cases:
            names = [name for name in _contenders(case, given.peft_python) if name in given.contenders]
            found = [Run(name, case, _rows(name, case)) for name in names]
            runs += found
            for number in range(2 if given.quick else given.rounds):
                for run in found:
                    if not run.failure and (run.contender != "shipped" or number < given.shipped_rounds):
                        _measure(run, Path(folder), given.peft_python)
                        _say(run)
                if not given.quick:
                    _write(runs)


def _contenders(case: Case, peft_python: str) -> list[str]:
    names = ["ours", "stock", *(["peft"] if peft_python else []), "shipped"]
    if case == TRUE_SHAPE[-2]:
        return names[:-1]  # as shipped, half an hour for what one case has told
    if case.shape == "functiongemma" and case.batch > 4:
        return ["ours"]  # the others are compared by their rate at 4
    return names


def _rows(contender: str, case: Case) -> int:
    """Returns how many rows a contender's step takes."""
    if case.shape != "functiongemma" or contender not in ("stock", "shipped"):
        return case.batch
    if contender == "shipped":
        return 1  # the wheel's BLAS takes minutes a row, and one is enough to know its rate
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 - 1
    fitting = [rows for rows in (4, 2, 1) if STOCK_GIB + rows * case.layers * STOCK_GIB_OF_A_ROW_AND_LAYER <= memory]
    return min(case.batch, *fitting[:1])


def _write_models(folder: Path, cases: Iterable[Case]) -> None:
    layers: dict[str, set[int]] = {}
    for case in cases:
        layers.setdefault(case.shape, set()).add(case.layers)
    for shape, counts in layers.items():
        numbers = [str(count) for count in sorted(counts)]
        command = [sys.executable, "-m", "benchmarks.training.model", shape, str(folder / shape), *numbers]
        subprocess.run(command, check=True, cwd=ROOT)


def _measure(run: Run, folder: Path, peft_python: str) -> None:
    case = run.case
    python = peft_python if run.contender == "peft" else sys.executable
    command = [python, "-m", "benchmarks.training.contender", run.contender, "--model", str(folder / case.shape)]
    command += ["--shape", case.shape, "--layers", str(case.layers), "--batch", str(run.rows)]
    command += ["--prefix", str(case.prefix), "--steps", str(1 + COUNTED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"TQDM_DISABLE": "1"})
    if done.returncode:
        run.failure = done.stderr.strip().splitlines()[-1][:200] if done.stderr.strip() else str(done.returncode)
        return
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    steps = [line for line in found if "loss" in line]
    run.losses = run.losses or [step["loss"] for step in steps]
    run.seconds += [step["seconds"] * case.batch / run.rows for step in steps[1:]]
    run.peak_bytes = max(run.peak_bytes, found[-1]["peak_bytes"])


def _say(run: Run) -> None:
    name = f"{run.case.shape} {run.case.layers} layers, {run.case.batch} rows, prefix {run.case.prefix}"
    if run.failure:
        print(f"{name}: {run.contender} failed: {run.failure}", flush=True)
        return
    memory, losses = run.peak_bytes / 2**30, ", ".join(f"{loss:.5f}" for loss in run.losses)
    found = f"{median(run.seconds):.3f} s a step (n = {len(run.seconds)}), {memory:.2f} GiB, losses {losses}"
    print(f"{name}: {run.contender} {found}", flush=True)


def _write(runs: list[Run]) -> None:
    report: dict[str, Any] = {
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "half of the cores"),
        },
        "runs": _with_earlier([asdict(run) for run in runs]),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    write_page(report, ROOT / "docs")


def _with_earlier(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the runs, and those of an earlier measurement that these do not measure again, by case."""
    earlier = json.loads(RESULTS.read_text("utf-8"))["runs"] if RESULTS.exists() else []
    known = [(run["case"], run["contender"]) for run in runs]
    everything = [*runs, *(run for run in earlier if (run["case"], run["contender"]) not in known)]
    order = {tuple(asdict(case).values()): number for number, case in enumerate([*TRUE_SHAPE, *DEMO])}
    return sorted(everything, key=lambda run: order.get(tuple(run["case"].values()), len(order)))


if __name__ == "__main__":
    main()

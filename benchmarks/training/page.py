"""docs/training-speed.md and its picture, from what was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bars import Bar, picture

NAMES = {
    "ours": "this engine",
    "stock": "mlx-lm, same BLAS and malloc",
    "peft": "torch + PEFT, logits_to_keep",
    "shipped": "mlx-lm as shipped",
}
COLOURS = {"stock": "#0e6e5f", "peft": "#a39d92", "shipped": "#b23a22"}
_HEAD = """# How fast a training step is

Made by `make bench-train`; do not edit. Every contender takes the same rows and begins with the same weights. They run
in turns, each in a process of its own with as many threads, whose first step is not counted. `n` counts steps, the
spread is from the quickest to the slowest, memory is the process's peak resident set. A time in brackets is of a step
of fewer rows, multiplied, because the whole one does not fit in the machine's memory or takes minutes; its memory and
its losses are of those fewer rows. With 8 rows at the true shape our step is compared with twice the others' of 4.
What an earlier run measured of other cases and contenders is kept beside it, so that not all rows are of one run; a
wide spread tells that other work ran on the machine.
"""


def write_page(report: Mapping[str, Any], folder: Path) -> None:
    """Writes the table and the picture to folder."""
    runs = [run for run in report["runs"] if run["seconds"]]
    shapes = {run["case"]["shape"]: None for run in runs}
    parts = [_HEAD, f"Host: {report['machine']}\n"]
    for shape in shapes:
        parts.append(f"## Shape `{shape}`\n\n" + _table([run for run in runs if run["case"]["shape"] == shape]))
    parts.insert(1, "![times of our step against others](training-speed.svg)\n")
    (folder / "training-speed.md").write_text("\n".join(parts), "utf-8")
    (folder / "training-speed.svg").write_text(_picture(runs), "utf-8")


def _table(runs: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| layers | rows | prefix | engine | s/step | spread | n | GiB | times ours | first and last loss |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        case, seconds = run["case"], run["seconds"]
        lines.append(
            f"| {case['layers']} | {case['batch']} | {case['prefix']} | {NAMES[run['contender']]} "
            f"| {_seconds(run)} | {min(seconds):.3g} to {max(seconds):.3g} | {len(seconds)} "
            f"| {run['peak_bytes'] / 2**30:.2f} | {_ratio(run, runs)} | {_loss(run)} |"
        )
    return "\n".join(lines) + "\n"


def _ratio(run: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> str:
    ours = [
        other for other in runs if other["contender"] == "ours" and other["case"]["layers"] == run["case"]["layers"]
    ]
    same = [other for other in ours if other["case"] == run["case"]]
    if run["contender"] == "ours":
        return "1"
    ratios = [f"{median(run['seconds']) / median(same[0]['seconds']):.1f}"] if same else []
    doubled = dict(run["case"]) | {"batch": 2 * run["case"]["batch"]}
    larger = [other for other in ours if other["case"] == doubled] if run["case"]["shape"] == "functiongemma" else []
    if larger:
        ratios.append(f"{2 * median(run['seconds']) / median(larger[0]['seconds']):.1f} with {doubled['batch']} rows")
    return ", ".join(ratios)


def _seconds(run: Mapping[str, Any]) -> str:
    told, rows = f"{median(run['seconds']):.3g}", run["rows"]
    return told if rows == run["case"]["batch"] else f"({told}, by {rows} row{'s' if rows > 1 else ''})"


def _loss(run: Mapping[str, Any]) -> str:
    return f"{run['losses'][0]:.5f}, {run['losses'][-1]:.5f}"


def _picture(runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns bars of how many times our step's time the others take; one group for each case."""
    bars = []
    for run in runs:
        same = [other for other in runs if other["case"] == run["case"] and other["contender"] == "ours"]
        if run["contender"] != "ours" and same:
            case, name = run["case"], run["contender"]
            label = f"{case['shape']}, {case['layers']} layers, {case['batch']} rows, prefix {case['prefix']}"
            ratio = median(run["seconds"]) / median(same[0]["seconds"])
            bars.append(Bar(label, NAMES[name], COLOURS[name], ratio))
    return picture("Time of a step, as a multiple of this engine's", bars)

"""docs/evaluation-speed.md and its picture, from what was measured."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bars import Bar, picture

NAMES = {
    "ours": "this stage, batches behind one prefix",
    "generate": "mlx_lm.generate, one by one",
    "batch_generate": "mlx_lm.batch_generate",
}
COLOURS = {"generate": "#b23a22", "batch_generate": "#a39d92"}
_HEAD = """# How fast answers are decoded

Made by `make bench-evaluate`; do not edit. Every contender answers the same prompts greedily, in turns, in one process
on one BLAS; reading the shared beginning is in the time, loading the model is not. `n` counts rounds, the spread is
from the quickest to the slowest. *As one by one* counts answers whose tokens are exactly those of `mlx_lm.generate`.

![times of others against this stage](evaluation-speed.svg)
"""


def write_page(report: Mapping[str, Any], folder: Path) -> None:
    """Writes the table and the picture to folder."""
    lines = [
        "| shape | prompts | tokens | way | seconds | spread | n | times ours | as one by one |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    bars = []
    for run in report["runs"]:
        ours = next(each for each in report["runs"] if each["shape"] == run["shape"] and each["contender"] == "ours")
        ratio, seconds, name = median(run["seconds"]) / median(ours["seconds"]), run["seconds"], run["contender"]
        lines.append(
            f"| {run['shape']} | {run['prompts']} | {run['tokens']} | {NAMES[name]} | {median(seconds):.3g} "
            f"| {min(seconds):.3g} to {max(seconds):.3g} | {len(seconds)} | {ratio:.1f} "
            f"| {run['same']} of {run['prompts']} |"
        )
        if name != "ours":
            bars.append(Bar(f"{run['shape']}, {run['prompts']} prompts", NAMES[name], COLOURS[name], ratio))
    parts = [_HEAD, f"Host: {report['machine']}\n", "\n".join(lines) + "\n"]
    (folder / "evaluation-speed.md").write_text("\n".join(parts), "utf-8")
    title = "Time for all answers, as a multiple of this stage's"
    (folder / "evaluation-speed.svg").write_text(picture(title, bars), "utf-8")

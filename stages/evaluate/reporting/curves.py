"""The losses of training as lines in a picture: points of a view box, on a logarithmic scale."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 704, 12, 208
TICKS = (1, 2, 5)  # of every power of ten
MOST = 6  # labels on a side

Losses = Sequence[tuple[int, float]]
"""Pairs of an iteration and its loss."""


def curves(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns what the page draws of a training's metrics: lines, ticks and the validation that was best.

    None where no loss is told that a logarithmic scale can show.
    """
    training, validation = (_losses(metrics, key) for key in ("training_loss", "validation_loss"))
    if not training or not validation:
        return None
    iterations = [iteration for iteration, _ in (*training, *validation)]
    scale = _Scale(max(iterations), [loss for _, loss in (*training, *validation)])
    best = int(metrics.get("best_iteration", 0))
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "frame": (LEFT, RIGHT, TOP, BOTTOM),
        "training": scale.line(training),
        "validation": scale.line(validation),
        "points": [
            {"x": scale.x(iteration), "y": scale.y(loss), "is_best": iteration == best, "loss": loss, "at": iteration}
            for iteration, loss in validation
        ],
        "rows": [{"y": scale.y(loss), "text": f"{loss:g}"} for loss in scale.losses()],
        "columns": [{"x": scale.x(iteration), "text": f"{iteration:,}"} for iteration in scale.iterations()],
        "best": next(({"at": at, "loss": loss} for at, loss in validation if at == best), None),
    }


class _Scale:
    def __init__(self, last: int, losses: Sequence[float]) -> None:
        self.last = max(1, last)
        self.low, self.high = math.log10(min(losses)), math.log10(max(losses))
        if self.high - self.low < 0.1:  # a flat line has room around it
            self.low, self.high = self.low - 0.1, self.high + 0.1

    def x(self, iteration: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * iteration / self.last, 1)

    def y(self, loss: float) -> float:
        share = (math.log10(loss) - self.low) / (self.high - self.low)
        return round(BOTTOM - (BOTTOM - TOP) * share, 1)

    def line(self, losses: Losses) -> str:
        return " ".join(f"{self.x(iteration)},{self.y(loss)}" for iteration, loss in losses)

    def losses(self) -> list[float]:
        """Returns round losses within the picture, at most MOST of them."""
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        found = [float(f"{tick}e{power}") for power in powers for tick in TICKS]
        inside = [loss for loss in found if self.low <= math.log10(loss) <= self.high]
        return inside if len(inside) <= MOST else [loss for loss in inside if f"{loss:e}".startswith("1")]

    def iterations(self) -> list[int]:
        """Returns round iterations from 0 on, at most MOST of them."""
        size = 10 ** math.floor(math.log10(self.last))
        step = next(step for step in (size // 5, size // 2, size, 2 * size) if step and self.last // step < MOST)
        return list(range(0, self.last + 1, step))


def _losses(metrics: Mapping[str, Any], key: str) -> list[tuple[int, float]]:
    found = [(int(entry["iteration"]), float(entry["loss"])) for entry in metrics.get(key) or []]
    return [(iteration, loss) for iteration, loss in found if 0 < loss < math.inf]

"""The metrics file: parameters, losses, speed."""

import json
from collections.abc import Mapping
from pathlib import Path

from shared.artifacts import TrainingMetrics
from stages.train.training import History


def write_metrics(
    parameters: Mapping[str, int | float | str], circumstances: Mapping[str, int | str], history: History, file: Path
) -> TrainingMetrics:
    """Writes what was trained with, how it went, and on what, to file."""
    metrics = {
        "parameters": parameters,
        "training_loss": _series(history.training_loss),
        "validation_loss": _series(history.validation_loss),
        "best_iteration": history.best[0],
        "seconds": history.seconds,
        "tokens_per_second": history.tokens / history.step_seconds,
        "peak_memory_bytes": history.peak_memory_bytes,
        **circumstances,
    }
    file.write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n")
    return TrainingMetrics(file)


def _series(losses: list[tuple[int, float]]) -> list[dict[str, float]]:
    return [{"iteration": iteration, "loss": loss} for iteration, loss in losses]

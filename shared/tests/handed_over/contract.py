"""Computes something slowly, for the tests of the runner."""

from dataclasses import dataclass
from typing import Annotated

from shared.artifacts import ChatDataset, MlxModel, TrainingMetrics
from shared.contract import at_least
from shared.runner import settings as runner

ENVIRONMENT = runner.VARIABLES
RUNTIME = ("checkpoint_to",)


@dataclass(frozen=True)
class Inputs:
    """What the stage needs."""

    dataset: Annotated[ChatDataset, "the rows"]
    metrics: Annotated[TrainingMetrics, "some numbers"]
    behaviour: Annotated[str, "what to do"] = "ok"
    steps: Annotated[int, "how many", at_least(1)] = 3
    seconds: Annotated[float, "of each step"] = 0.0
    size: Annotated[int, "of the model, in bytes", at_least(4)] = 4096
    checkpoint_to: Annotated[str, "where it keeps how far it is"] = ""


@dataclass(frozen=True)
class Outputs:
    """What the stage makes."""

    model: Annotated[MlxModel, "a model"]
    numbers: Annotated[TrainingMetrics, "its metrics"]
    rows: Annotated[int, "a number"]
    note: Annotated[str, "a text"]

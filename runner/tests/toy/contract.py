"""Counts, slowly where it is asked to, for the tests of the runner."""

from dataclasses import dataclass
from typing import Annotated

from shared.artifacts import ChatDataset, TrainingMetrics
from shared.runner import settings as runner

ENVIRONMENT = runner.VARIABLES
RUNTIME = ("checkpoint_to",)


@dataclass(frozen=True)
class Inputs:
    """What toy needs."""

    dataset: Annotated[ChatDataset, "the rows"]
    behaviour: Annotated[str, "what to do"] = "count"
    steps: Annotated[int, "steps of a twentieth of a second"] = 3
    checkpoint_to: Annotated[str, "a folder for how far it is"] = ""


@dataclass(frozen=True)
class Outputs:
    """What toy makes."""

    metrics: Annotated[TrainingMetrics, "its metrics"]
    rows: Annotated[int, "a number"]

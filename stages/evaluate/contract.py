"""Measures the base and the fine-tuned model on the test rows."""

from dataclasses import dataclass
from typing import Annotated

from shared.artifacts import ChatDataset, Evaluation, FineTunedModel, MlxModel, TrainingMetrics
from shared.contract import at_least, at_most
from shared.runner import settings as runner

ENVIRONMENT = runner.VARIABLES
RUNTIME = ()


@dataclass(frozen=True)
class Inputs:
    """What evaluate needs."""

    dataset: Annotated[ChatDataset, "the rows, from dataset"]
    base_model: Annotated[MlxModel, "the base model, from convert"]
    model: Annotated[FineTunedModel, "the fine-tuned model, from train"]
    metrics: Annotated[TrainingMetrics, "the training metrics, from train"]
    max_tokens: Annotated[int, "most tokens of an answer", at_least(1), at_most(4096)] = 256


@dataclass(frozen=True)
class Outputs:
    """What evaluate makes."""

    evaluation: Annotated[Evaluation, "report.json, report.html and every prediction by row id"]
    accuracy: Annotated[float, "share of test rows whose calls are exactly right, fine-tuned model"]
    accuracy_before: Annotated[float, "the same for the base model"]

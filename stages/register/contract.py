"""Records the run and the model in MLflow and decides whether the model may be published."""

from dataclasses import dataclass
from typing import Annotated

from shared.access import mlflow
from shared.agent_config.settings import (
    AccuracyMargin,
    MaximumFalseCalls,
    MaximumLatency,
    MaximumMissedCalls,
    MinimumAccuracy,
)
from shared.artifacts import Adapters, ChatDataset, Evaluation, FineTunedModel, ModelCard, TrainingMetrics
from shared.contract import Variable, matches
from shared.model_stages import MLFLOW_STAGES

MLFLOW_PAGE_URL = Variable("MLFLOW_PAGE_URL", "where people open MLflow's pages, if not at MLFLOW_TRACKING_URI")
EXECUTION = Variable("FLYTE_INTERNAL_EXECUTION_ID", "the execution's name, recorded with the run")
ENVIRONMENT = (
    *mlflow.VARIABLES,
    MLFLOW_STAGES,
    MLFLOW_PAGE_URL,
    EXECUTION,
)
RUNTIME = ()

CAUSE = matches(r"[\w.-]{0,64}", "a key of letters, digits, dots and dashes, as watch gives it")  # part of a tag's name


@dataclass(frozen=True)
class Inputs:
    """What register needs."""

    dataset: Annotated[ChatDataset, "the rows, from dataset"]
    model: Annotated[FineTunedModel, "the fine-tuned model, from train"]
    adapters: Annotated[Adapters, "the adapters, from train"]
    metrics: Annotated[TrainingMetrics, "the training metrics, from train"]
    evaluation: Annotated[Evaluation, "the evaluation, from evaluate"]
    minimum_accuracy: MinimumAccuracy = 0.80
    accuracy_margin: AccuracyMargin = 0.0
    maximum_false_calls: MaximumFalseCalls = 0.05
    maximum_missed_calls: MaximumMissedCalls = 0.10
    maximum_latency_ms: MaximumLatency = 0.0
    cause: Annotated[
        str, "the key of what started the training, from watch; empty where watch was not asked", CAUSE
    ] = ""
    reason: Annotated[str, "what started the training, in one sentence"] = ""


@dataclass(frozen=True)
class Outputs:
    """What register decides."""

    approved: Annotated[bool, "whether the model may be published"]
    decision: Annotated[str, "why, in one sentence with the numbers"]
    model_version: Annotated[str, "the version's name, such as v20251224-abc12345"]
    champion: Annotated[str, "the version that the model was compared with; empty where there was none"]
    run_id: Annotated[str, "the MLflow run"]
    run_page: Annotated[str, "the address of the run's page; empty where MLflow is no server"]
    card: Annotated[ModelCard, "what the model is for, how good it is and how it is served, for people"]

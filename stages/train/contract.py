"""Trains LoRA adapters on the dataset and fuses them into the model."""

from dataclasses import dataclass
from typing import Annotated

from shared.access import s3
from shared.agent_config.settings import (
    BatchSize,
    Epochs,
    Iters,
    LearningRate,
    LearningSchedule,
    LoraLayers,
    LoraModules,
    LoraRank,
    LoraScale,
    MaxGradientNorm,
    MaxSeqLength,
    MicroBatchSize,
    Patience,
    Seed,
    ValidateEvery,
    WarmupIters,
)
from shared.artifacts import Adapters, ChatDataset, FineTunedModel, MlxModel, TrainingMetrics
from shared.contract import at_least
from shared.runner import settings as runner

S3 = s3.variables("checkpoints in s3://", runtime=True)
ENVIRONMENT = (*S3, *runner.VARIABLES)
RUNTIME = ("checkpoint_to", "checkpoint_from", "checkpoint_every")


@dataclass(frozen=True)
class Inputs:
    """What train needs."""

    dataset: Annotated[ChatDataset, "the rows, from dataset"]
    model: Annotated[MlxModel, "the base model, from convert"]
    learning_rate: LearningRate = 2e-4
    batch_size: BatchSize = 8
    iters: Iters = 300
    epochs: Epochs = 0
    learning_schedule: LearningSchedule = "constant"
    warmup_iters: WarmupIters = 0
    max_gradient_norm: MaxGradientNorm = 1.0
    micro_batch_size: MicroBatchSize = 0
    validate_every: ValidateEvery = 0
    patience: Patience = 0
    lora_layers: LoraLayers = 16
    lora_rank: LoraRank = 8
    lora_scale: LoraScale = 20.0
    lora_modules: LoraModules = ""
    max_seq_length: MaxSeqLength = 4096
    seed: Seed = 0
    checkpoint_to: Annotated[str, "a folder or s3://bucket/prefix for checkpoints, which training goes on from"] = ""
    checkpoint_from: Annotated[str, "where an earlier attempt kept its own, for where checkpoint_to has none"] = ""
    checkpoint_every: Annotated[int, "steps between checkpoints", at_least(1)] = 50


@dataclass(frozen=True)
class Outputs:
    """What train makes."""

    model: Annotated[FineTunedModel, "the model with the adapters fused in, its prompt.json and calls.json"]
    adapters: Annotated[Adapters, "the adapters alone, as mlx-lm loads them"]
    metrics: Annotated[TrainingMetrics, "parameters, losses, seconds, tokens per second, peak memory"]
    validation_loss: Annotated[float, "the lowest mean loss per completion token on the validation rows"]

"""Trains LoRA adapters on the dataset and fuses them into the model."""

from dataclasses import dataclass
from typing import Annotated

from shared.artifacts import Adapters, ChatDataset, FineTunedModel, MlxModel, TrainingMetrics
from shared.settings import BatchSize, Iters, LearningRate, LoraLayers, LoraRank, LoraScale, MaxSeqLength, Seed

ENVIRONMENT = ()
RUNTIME = ()


@dataclass(frozen=True)
class Inputs:
    """What train needs."""

    dataset: Annotated[ChatDataset, "the rows, from dataset"]
    model: Annotated[MlxModel, "the base model, from convert"]
    learning_rate: LearningRate = 2e-4
    batch_size: BatchSize = 8
    iters: Iters = 300
    lora_layers: LoraLayers = 16
    lora_rank: LoraRank = 8
    lora_scale: LoraScale = 20.0
    max_seq_length: MaxSeqLength = 4096
    seed: Seed = 0


@dataclass(frozen=True)
class Outputs:
    """What train makes."""

    model: Annotated[FineTunedModel, "the model with the adapters fused in, and its prompt.json"]
    adapters: Annotated[Adapters, "the adapters alone, as mlx-lm loads them"]
    metrics: Annotated[TrainingMetrics, "parameters, losses, seconds, tokens per second, peak memory"]
    validation_loss: Annotated[float, "the mean loss per completion token on the validation rows, at the end"]

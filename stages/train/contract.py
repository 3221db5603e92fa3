"""Trains LoRA adapters on the dataset and fuses them into the model."""

from dataclasses import dataclass
from typing import Annotated

from shared.artifacts import Adapters, ChatDataset, FineTunedModel, MlxModel, TrainingMetrics
from shared.contract import above, at_least, at_most

ENVIRONMENT = ()
RUNTIME = ()


@dataclass(frozen=True)
class Inputs:
    """What train needs."""

    dataset: Annotated[ChatDataset, "the rows, from dataset"]
    model: Annotated[MlxModel, "the base model, from convert"]
    learning_rate: Annotated[float, "the step size of AdamW", above(0), at_most(1)] = 2e-4
    batch_size: Annotated[int, "rows a step", at_least(1)] = 8
    iters: Annotated[int, "steps", at_least(1)] = 300
    lora_layers: Annotated[int, "layers that get adapters, from the last one down", at_least(1)] = 16
    lora_rank: Annotated[int, "rank of the adapters", at_least(1)] = 8
    lora_scale: Annotated[float, "factor of the adapters' output; not divided by the rank", above(0)] = 20.0
    max_seq_length: Annotated[int, "most tokens of a row; a longer row is refused, never cut", at_least(16)] = 4096
    seed: Annotated[int, "draws the adapters' start and the order of rows", at_least(0)] = 0


@dataclass(frozen=True)
class Outputs:
    """What train makes."""

    model: Annotated[FineTunedModel, "the model with the adapters fused in, and its prompt.json"]
    adapters: Annotated[Adapters, "the adapters alone, as mlx-lm loads them"]
    metrics: Annotated[TrainingMetrics, "parameters, losses, seconds, tokens per second, peak memory"]
    validation_loss: Annotated[float, "the mean loss per completion token on the validation rows, at the end"]

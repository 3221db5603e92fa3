"""Converts a Hugging Face model to MLX."""

from dataclasses import dataclass
from typing import Annotated

from shared.agent_config.settings import Dtype, ModelName, ModelRevision
from shared.artifacts import MlxModel
from shared.contract import Variable

HF_TOKEN = Variable("HF_TOKEN", "a Hugging Face token, for gated models", secret=True)
HF_ENDPOINT = Variable("HF_ENDPOINT", "the address of a hub mirror, instead of the public hub")
ENVIRONMENT = (HF_TOKEN, HF_ENDPOINT)
RUNTIME = ()


@dataclass(frozen=True)
class Inputs:
    """What convert needs."""

    model_name: ModelName = "google/functiongemma-270m-it"
    model_revision: ModelRevision = ""
    dtype: Dtype = "float32"


@dataclass(frozen=True)
class Outputs:
    """What convert makes."""

    model: Annotated[MlxModel, "the model for mlx-lm, with base.json: id, revision, dtype and sha256 of each file"]
    base_revision: Annotated[str, "the commit on the hub, or sha256:… of a local folder"]

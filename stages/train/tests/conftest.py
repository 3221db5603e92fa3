"""One tiny base model, one tiny dataset and one training run for all tests of train."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from shared.artifacts import ChatDataset, MlxModel
from stages.train.contract import Inputs, Outputs
from stages.train.main import prepare_blas, run
from tests import samples
from tests.tiny_model import write_tiny_base

# More BLAS threads than free cores spin and wait for each other, and test machines are busy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
prepare_blas()  # before a test module imports mlx


@dataclass(frozen=True)
class Trained:
    """The inputs of the one run, and what it made."""

    inputs: Inputs
    outputs: Outputs
    metrics: dict[str, Any]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Inputs that fit: 8 training and 4 validation rows, a base of 3 layers."""
    folder = tmp_path_factory.mktemp("inputs")
    base = write_tiny_base(folder / "base")
    (base / "base.json").write_text('{"model_name": "tiny"}\n')
    (base / "LICENSE").write_text("terms\n")
    (base / "artifact.json").write_text('{"type": "MlxModel"}')
    return Inputs(
        dataset=samples.write_dataset(folder / "dataset"),
        model=MlxModel(base),
        learning_rate=1e-3,
        batch_size=4,
        iters=20,
        lora_layers=2,
        lora_rank=4,
    )


@pytest.fixture(scope="session")
def trained(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The run on `inputs`."""
    outputs = run(inputs, tmp_path_factory.mktemp("outputs"))
    return Trained(inputs, outputs, outputs.metrics.read())


@pytest.fixture
def dataset(inputs: Inputs, tmp_path: Path) -> ChatDataset:
    """A copy of the dataset that a test may change."""
    return samples.write_dataset(tmp_path / "dataset")


@pytest.fixture
def own_base(inputs: Inputs, tmp_path: Path) -> Inputs:
    """The inputs with a base that a test may change."""
    return replace(inputs, model=MlxModel(write_tiny_base(tmp_path / "base")))

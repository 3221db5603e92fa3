from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from shared.artifacts import FineTunedModel, MlxModel
from stages.evaluate.contract import Inputs
from tests.samples import call_policy, prompt_file, write_dataset, write_metrics
from tests.tiny_model import write_tiny_base


@pytest.fixture(scope="session")
def lively_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose answers depend on all that it attends to, with a window of 24 tokens."""
    return enliven(write_tiny_base(tmp_path_factory.mktemp("lively") / "base", sliding_window=24))


@pytest.fixture(scope="session")
def wide_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a window that no test fills."""
    return enliven(write_tiny_base(tmp_path_factory.mktemp("wide") / "base", sliding_window=2048))


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """What the stage needs, with four test rows; the fine-tuned model is the base model over again."""
    dataset = write_dataset(tmp_path / "dataset")
    base = MlxModel(write_tiny_base(tmp_path / "base"))
    tuned = FineTunedModel(enliven(write_tiny_base(tmp_path / "tuned")))
    (tuned.path / "prompt.json").write_text(prompt_file().to_json())
    (tuned.path / "calls.json").write_text(call_policy().to_json())
    return Inputs(dataset, base, tuned, write_metrics(tmp_path / "metrics"), max_tokens=12)


def enliven(folder: Path) -> Path:
    """Makes the layers loud beside the residual stream; as written, they hardly change which token is next."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    for name, values in weights.items():
        if "_proj" in name:
            weights[name] = values * 6
        if "post_" in name and "norm" in name:
            weights[name] = values * 0
    save_file(weights, file, metadata={"format": "pt"})
    return folder

"""What convert refuses, and what it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StageError
from stages.convert.contract import Inputs
from stages.convert.main import run


def refusal(base: Path, outputs: Path, **inputs: str) -> str:
    with pytest.raises(StageError) as caught:
        run(Inputs(model_name=str(base), **inputs), outputs)
    assert list(outputs.iterdir()) == []
    return str(caught.value)


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_folder_that_does_not_exist(base: Path, outputs: Path) -> None:
    missing = base.parent / "missing"
    reason = f"the base model {missing} does not exist or is no folder; check model_name"
    assert refusal(missing, outputs) == reason


def test_a_revision_of_a_folder(base: Path, outputs: Path) -> None:
    reason = "model_revision is 'main', but tiny is a local folder; leave model_revision empty"
    assert refusal(base, outputs, model_revision="main") == reason


@pytest.mark.parametrize("name", ["modeling_tiny.py", "code/run.py"])
def test_code_in_the_model(base: Path, outputs: Path, name: str) -> None:
    (base / name).parent.mkdir(exist_ok=True)
    (base / name).write_text("")
    reason = f"tiny holds code ({name}), which is never run; choose a model without it"
    assert refusal(base, outputs) == reason


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("key", ["auto_map", "model_file"])
def test_a_model_that_asks_for_code(base: Path, outputs: Path, file: str, key: str) -> None:
    change(base / file, **{key: {"AutoModel": "other/repository--modeling.Model"}})
    reason = f"tiny asks for code of its own ({key} in {file}), which is never run; choose a model that mlx-lm knows"
    assert refusal(base, outputs) == reason


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_missing_tokenizer(base: Path, outputs: Path, name: str) -> None:
    (base / name).unlink()
    assert refusal(base, outputs) == f"tiny has no {name}; save the model with its fast tokenizer"


def test_a_tokenizer_file_without_a_tokenizer(base: Path, outputs: Path) -> None:
    (base / "tokenizer.json").write_text("{}")
    reason = "tiny: tokenizer.json holds no tokenizer; save the model with its fast tokenizer"
    assert refusal(base, outputs) == reason


def test_a_missing_configuration(base: Path, outputs: Path) -> None:
    (base / "config.json").unlink()
    assert refusal(base, outputs) == "tiny has no config.json; is it a Hugging Face model?"


def test_missing_weights(base: Path, outputs: Path) -> None:
    (base / "model.safetensors").unlink()
    assert refusal(base, outputs) == "tiny holds no weights; choose a model with model*.safetensors"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_weights_as_pickles_alone(base: Path, outputs: Path, name: str) -> None:
    (base / "model.safetensors").rename(base / name)
    reason = f"tiny holds its weights as pickles alone ({name}), which can run code"
    assert refusal(base, outputs) == f"{reason}; choose a model with model*.safetensors"


def test_adapters_instead_of_a_model(base: Path, outputs: Path) -> None:
    (base / "model.safetensors").rename(base / "adapter_model.safetensors")
    (base / "adapter_config.json").write_text("{}")
    reason = "tiny holds adapters, not a whole model; choose a model with model*.safetensors"
    assert refusal(base, outputs) == reason


def test_an_index_that_names_absent_shards(base: Path, outputs: Path) -> None:
    weight_map = {"a": "model.safetensors", "b": "model-2.safetensors", "c": "model-3.safetensors"}
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert refusal(base, outputs) == (
        "tiny lacks weights that model.safetensors.index.json names: model-2.safetensors, model-3.safetensors; "
        "fetch the model again"
    )


@pytest.mark.parametrize("content", ["[]", "{", '{"weight_map": null}'])
def test_a_damaged_index(base: Path, outputs: Path, content: str) -> None:
    (base / "model.safetensors.index.json").write_text(content)
    reason = "tiny: model.safetensors.index.json names no weight_map; fetch the model again"
    assert refusal(base, outputs) == reason


def test_truncated_weights(base: Path, outputs: Path) -> None:
    file = base / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    size = file.stat().st_size
    reason = f"{file} has {size} bytes, not those that its header announces; fetch it again"
    assert refusal(base, outputs) == reason


def test_an_architecture_that_mlx_lm_does_not_know(base: Path, outputs: Path) -> None:
    change(base / "config.json", model_type="bert_of_tomorrow")
    reason = refusal(base, outputs)
    assert reason.endswith(
        " cannot load tiny, a model of type 'bert_of_tomorrow': Model type bert_of_tomorrow not supported.; "
        "choose another"
    )
    assert reason.startswith("mlx-lm 0.")


def test_a_model_type_that_names_another_module_of_mlx_lm(base: Path, outputs: Path) -> None:
    change(base / "config.json", model_type="cache")
    assert " cannot load tiny, a model of type 'cache': " in refusal(base, outputs)


def test_weights_that_do_not_fit_the_configuration(base: Path, outputs: Path) -> None:
    change(base / "config.json", num_hidden_layers=4)
    assert "a model of type 'gemma3_text': Missing 13 parameters" in refusal(base, outputs)


def test_fewer_layers_than_the_pattern_of_windows_takes(base: Path, outputs: Path) -> None:
    change(base / "config.json", sliding_window_pattern=6)
    reason = "tiny cannot be run by mlx-lm: list index out of range; its config.json does not fit the architecture"
    assert refusal(base, outputs) == f"{reason}; choose another model"


@pytest.mark.parametrize("key", ["quantization", "quantization_config"])
def test_a_quantised_model(base: Path, outputs: Path, key: str) -> None:
    change(base / "config.json", **{key: {"group_size": 64, "bits": 4}})
    assert refusal(base, outputs) == "tiny is quantised; choose the model that it was made from"

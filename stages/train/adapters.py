"""LoRA adapters on a model of mlx-lm: added, written, fused."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.nn.layers.linear import Linear
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model, save_model

from shared.artifacts import LINEAGE, Adapters, ChatDataset, FineTunedModel, MlxModel
from shared.asking.call_policy import FILE as CALLS_FILE
from shared.errors import StageError


@dataclass(frozen=True)
class Lora:
    """The shape of adapters: how many layers get them, from the last one down, their rank and their factor."""

    layers: int
    rank: int
    scale: float
    modules: tuple[str, ...] = ()
    """The linear layers that get them, such as q_proj; all where empty."""

    def parameters(self, model: Any) -> dict[str, Any]:
        """Returns what mlx-lm calls lora_parameters. Dropout is 0, because a shared prefix could draw only once.

        Raises StageError for a module that the model does not have.
        """
        parameters: dict[str, Any] = {"rank": self.rank, "scale": self.scale, "dropout": 0.0}
        if self.modules:
            parameters["keys"] = self._keys(model)
        return parameters

    def count(self, model: Any) -> int:
        """Returns how many numbers the adapters will hold; the model has none yet."""
        keys = self.parameters(model).get("keys")
        return sum(
            self.rank * sum(module.weight.shape)
            for layer in model.layers[-self.layers :]
            for path, module in layer.named_modules()
            if isinstance(module, Linear) and (keys is None or path in keys)
        )

    def _keys(self, model: Any) -> list[str]:
        paths = {path for layer in model.layers for path, module in layer.named_modules() if isinstance(module, Linear)}
        known = {path.rpartition(".")[2] for path in paths}
        if unknown := [name for name in self.modules if name not in known]:
            reason = f"lora_modules names {', '.join(unknown)}, which the model does not have"
            raise StageError(f"{reason}; it has {', '.join(sorted(known))}")
        return sorted(path for path in paths if path.rpartition(".")[2] in self.modules)


def load_base(base: MlxModel) -> Any:
    """Returns the base model with lazy weights. Raises StageError where they do not fit its config.json."""
    try:
        model, _ = load_model(base.path, lazy=True)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise StageError(f"the base model in {base.path} cannot be loaded: {reason}; convert it again") from None
    return model


def add_adapters(model: Any, lora: Lora, seed: int) -> dict[str, Any]:
    """Freezes the model, and adds adapters to linear layers of its last layers; returns mlx-lm's lora_parameters.

    Raises StageError for a module that the model does not have.
    """
    parameters = lora.parameters(model)
    mx.random.seed(seed)
    model.freeze()
    linear_to_lora_layers(model, lora.layers, parameters)
    mx.eval(model.parameters())
    return parameters


def count_trained(model: Any) -> int:
    """Returns the number of weights that are trained."""
    return sum(weight.size for weight in _trained_weights(model).values())


def write_adapters(model: Any, lora: Lora, parameters: dict[str, Any], folder: Path) -> Adapters:
    """Writes the adapters as `mlx_lm.load(…, adapter_path=folder)` reads them; parameters: those of add_adapters."""
    folder.mkdir()
    mx.save_safetensors(str(folder / "adapters.safetensors"), _trained_weights(model))
    config = {"fine_tune_type": "lora", "num_layers": lora.layers, "lora_parameters": parameters}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return Adapters(folder)


def write_fused(model: Any, base: MlxModel, dataset: ChatDataset, folder: Path) -> FineTunedModel:
    """Fuses the adapters into the model and writes it, with the base's other files and how it is to be asked."""
    fused = [(name, module.fuse()) for name, module in model.named_modules() if hasattr(module, "fuse")]
    model.update_modules(tree_unflatten(fused))
    save_model(folder, model)
    _copy_other_files(base.path, folder)
    (folder / "prompt.json").write_text(dataset.prompt().to_json(), "utf-8")
    if policy := dataset.policy():
        (folder / CALLS_FILE).write_text(policy.to_json(), "utf-8")
    return FineTunedModel(folder)


def _copy_other_files(base: Path, folder: Path) -> None:
    for file in sorted(base.iterdir()):
        is_weights = file.name.endswith((".safetensors", ".safetensors.index.json"))
        if file.is_file() and not is_weights and file.name not in (LINEAGE, CALLS_FILE):
            shutil.copyfile(file, folder / file.name)


def weights_dtype(model: Any) -> str:
    """Returns the type of the model's weights, for example float32."""
    weights: Any = tree_flatten(model.parameters())
    return str(weights[0][1].dtype).removeprefix("mlx.core.")


def _trained_weights(model: Any) -> dict[str, mx.array]:
    return dict(tree_flatten(model.trainable_parameters()))

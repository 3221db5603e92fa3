"""Hugging Face weights → MLX weights, by mlx-lm's own loading and saving."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.nn.layers.base import Module
from mlx.nn.layers.linear import Linear
from mlx.utils import tree_map_with_path
from mlx_lm.utils import load_model, save_config, save_model

from shared.artifacts import MlxModel
from shared.errors import StageError
from stages.convert.base_model import Base
from stages.convert.source import CONFIG, kept_files


def convert(base: Base, dtype: str, folder: Path) -> MlxModel:
    """Writes base as an MLX model with weights of dtype to folder; equal bases give equal bytes.

    Raises StageError where mlx-lm does not know the architecture, or the weights do not fit it.
    """
    model, config = _load(base)
    _cast(model, dtype)
    _check_it_runs(base.name, model)
    save_model(folder, model, donate_model=True)
    save_config(_with_dtype(config, dtype), folder / CONFIG)
    for name in kept_files(list(base.files)):
        shutil.copyfile(base.folder / name, folder / name)
    origin = {"model_name": base.name, "revision": base.revision, "dtype": dtype, "files": base.files}
    (folder / "base.json").write_text(json.dumps(origin, indent=2, sort_keys=True) + "\n")
    return MlxModel(folder)


def _load(base: Base) -> tuple[Module, dict[str, Any]]:
    kind = json.loads((base.folder / CONFIG).read_text("utf-8"))["model_type"]
    loader = f"mlx-lm {version('mlx-lm')}"
    try:
        model, config = load_model(base.folder, lazy=True)
    except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise StageError(
            f"{loader} cannot load {base.name}, a model of type {kind!r}: {reason}; choose another"
        ) from None
    if not any(isinstance(module, Linear) for layer in getattr(model, "layers", []) for module in layer.modules()):
        raise StageError(f"{base.name}, a model of type {kind!r}, has no layers for adapters; choose a text model")
    return model, config


def _cast(model: Module, dtype: str) -> None:
    may_cast = getattr(model, "cast_predicate", lambda name: True)

    def cast(name: str, weight: mx.array) -> mx.array:
        is_number = mx.issubdtype(weight.dtype, mx.floating) and may_cast(name)
        return weight.astype(getattr(mx, dtype)) if is_number else weight

    weights: Any = model.parameters()  # type: ignore[no-untyped-call]
    model.update(tree_map_with_path(cast, weights))


def _check_it_runs(name: str, model: Any) -> None:
    """Raises StageError where the model cannot read one token: some settings do no harm before."""
    try:
        mx.eval(model(mx.array([[0]])))
    except (ValueError, IndexError) as error:
        reason = f"{name} cannot be run by mlx-lm: {error}; its config.json does not fit the architecture"
        raise StageError(f"{reason}; choose another model") from None


def _with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    """Returns the configuration naming dtype, under both names that readers of config.json look for."""
    return config | {"dtype": dtype, "torch_dtype": dtype}

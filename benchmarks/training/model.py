"""Writes a model with random weights, and the adapters that all contenders begin with: `… model demo FOLDER 1 2 3`."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.training.shape import RANK, SCALE, SHAPES


def write(shape: str, folder: Path, layers: list[int]) -> None:
    """Writes config.json, model.safetensors and adapters/<layers>.safetensors, all float32."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.models.gemma3_text import Model, ModelArgs
    from mlx_lm.utils import load_model

    from stages.train.adapters import Lora, add_adapters

    (folder / "adapters").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(SHAPES[shape], indent=2))
    mx.random.seed(0)
    model = Model(ModelArgs.from_dict(SHAPES[shape]))  # type: ignore[no-untyped-call]
    model.sanitize({})  # type: ignore[no-untyped-call]  # ties the embeddings
    # Gemma adds 1 to the weights of a norm. Twice the size of a real start makes attention so sharp that rounding grows
    # a hundredfold through the layers, and no two engines would agree on a gradient.
    plain: Any = tree_flatten(model.parameters())
    weights = [(name, mx.zeros_like(array) if "norm" in name else array) for name, array in plain]
    mx.save_safetensors(str(folder / "model.safetensors"), dict(weights), {"format": "pt"})
    for count in layers:
        adapted, _ = load_model(folder)
        add_adapters(adapted, Lora(count, RANK, SCALE), seed=0)
        trained: Any = tree_flatten(adapted.trainable_parameters())
        first = {name: array for name, array in trained if name.endswith("lora_a")}
        mx.save_safetensors(str(folder / "adapters" / f"{count}.safetensors"), first)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), [int(number) for number in sys.argv[3:]])

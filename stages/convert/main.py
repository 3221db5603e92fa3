"""Converts a Hugging Face model, from the hub or a folder, to an MLX model."""

import sys
import tempfile
from pathlib import Path

from shared import stage
from stages.convert.base_model import find_base
from stages.convert.contract import Inputs, Outputs


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Finds the base model, checks it, converts it, and records what it was made from."""
    with tempfile.TemporaryDirectory(dir=outputs) as work:
        base = find_base(inputs.model_name, inputs.model_revision, Path(work))
        print(f"converting {base.name} at {base.revision} to {inputs.dtype}", file=sys.stderr, flush=True)
        # Only now: it brings mlx-lm, whose import takes seconds, and what is refused shall be refused at once.
        from stages.convert.conversion import convert

        model = convert(base, inputs.dtype, outputs / "model")
    return Outputs(model=model, base_revision=base.revision)


if __name__ == "__main__":
    stage.main("convert", run)

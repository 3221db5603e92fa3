"""Says a line at each step, goes on from its checkpoint, and makes a model that its inputs alone decide."""

import hashlib
import json
import struct
import sys
import time
from pathlib import Path

from shared import archive, stage
from shared.artifacts import MlxModel, TrainingMetrics
from shared.errors import StageError
from shared.tests.handed_over.contract import Inputs, Outputs


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Does inputs.steps steps, and then what inputs.behaviour says."""
    digest = _steps(inputs)
    if inputs.behaviour == "fail":
        raise StageError("the rows are wrong; mend them")
    if inputs.behaviour == "crash":
        raise RuntimeError("first\n::error::second\x1b[2J")
    if inputs.behaviour == "die":
        sys.exit(7)
    print("::error::done \x1b[2J ä", file=sys.stderr, flush=True)
    return Outputs(
        model=_model(outputs / "a model", digest, inputs.size),
        numbers=_metrics(outputs / "numbers.json", digest),
        rows=len(inputs.dataset.rows("train")),
        note=f"ä {archive.digest(inputs.metrics.path)[:8]}",
    )


def _steps(inputs: Inputs) -> str:
    kept = Path(inputs.checkpoint_to, "kept.json") if inputs.checkpoint_to else None
    step, digest = json.loads(kept.read_text()) if kept and kept.exists() else (0, "")
    if step:
        print(f"going on behind {step}", file=sys.stderr, flush=True)
    while step < inputs.steps:
        time.sleep(inputs.seconds)
        step, digest = step + 1, hashlib.sha256(f"{digest}{step}".encode()).hexdigest()
        print(f"step {step}/{inputs.steps}", file=sys.stderr, flush=True)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            passing = kept.with_name("passing")
            passing.write_text(json.dumps([step, digest]))
            passing.replace(kept)
    return digest


def _model(folder: Path, digest: str, size: int) -> MlxModel:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "toy"}')
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text("{}")
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    weights = (bytes.fromhex(digest) * (size // 32 + 1))[:size]
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + weights)
    return MlxModel(folder)


def _metrics(file: Path, digest: str) -> TrainingMetrics:
    known = {"parameters": {}, "training_loss": [], "validation_loss": [], "seconds": 1.5, "digest": digest}
    file.write_text(json.dumps(known))
    return TrainingMetrics(file)


if __name__ == "__main__":
    stage.main("toy", run)

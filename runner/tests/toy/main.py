"""Counts as far as it is told, from its checkpoint on; or misbehaves as it is told."""

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import IO

from shared import stage
from shared.artifacts import TrainingMetrics
from shared.errors import StageError
from stages.toy.contract import Inputs, Outputs


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Writes metrics that depend on the inputs alone."""
    BEHAVIOURS.get(inputs.behaviour, lambda: None)()
    folder = Path(inputs.checkpoint_to or outputs)
    with (folder / "alone").open("a") as lock:
        _count(folder / "step", inputs.steps, lock)
    (folder / "alone").unlink()
    (folder / "step").unlink()
    metrics = outputs / "metrics.json"
    parameters = {"iters": inputs.steps, "seed": 0, "learning_rate": 0.1, "batch_size": 1}
    metrics.write_text(json.dumps(SAMPLE | {"parameters": parameters}))
    return Outputs(TrainingMetrics(metrics), len(inputs.dataset.rows("train")))


def _count(file: Path, steps: int, lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StageError("the same job runs twice at once") from None
    for step in range(int(file.read_text()) if file.exists() else 0, steps):
        print(f"step {step + 1} of {steps}", file=sys.stderr, flush=True)
        time.sleep(0.05)
        file.with_suffix(".new").write_text(str(step + 1))
        file.with_suffix(".new").replace(file)


def _refuse() -> None:
    raise StageError("the rows are of no use; write others")


def _call_out() -> None:
    try:
        socket.create_connection(("127.0.0.1", int(os.environ.get("PORT", "9"))), 1).close()
    except OSError as error:
        raise StageError(f"no network: {error.strerror}") from None


def _write_elsewhere() -> None:
    for place in (Path(__file__).parent, *Path.cwd().parents, Path("/etc"), Path("/usr"), Path("/var/tmp")):
        with contextlib.suppress(OSError):
            (place / "left-behind").write_text("x")


def _hold() -> None:
    block = bytearray(512 << 20)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(30)


BEHAVIOURS = {"refuse": _refuse, "call out": _call_out, "write elsewhere": _write_elsewhere, "hold": _hold}
SAMPLE = {
    "training_loss": [{"iteration": 1, "loss": 1.0}],
    "validation_loss": [{"iteration": 1, "loss": 1.0}],
    "seconds": 1.0,
    "tokens_per_second": 1.0,
    "peak_memory_bytes": 1,
    "device": "cpu",
}

if __name__ == "__main__":
    stage.main("toy", run)

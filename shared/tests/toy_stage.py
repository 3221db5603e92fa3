"""Does what its input says, for the tests of the engine.

Run as `python shared/tests/toy_stage.py --behaviour ok --dataset FOLDER --outputs FOLDER`.
"""

import hashlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

from shared import contract, stage
from shared.artifacts import ChatDataset, MlxModel, TrainingMetrics
from shared.contract import Variable, above, at_least, at_most, matches, one_of
from shared.errors import StageError
from tests import samples

ENVIRONMENT = (
    Variable("TOY_ADDRESS", "the toy server's address", required=True),
    Variable("TOY_TOKEN", "a token for it", secret=True),
)
RUNTIME = ("checkpoint_from",)


@dataclass(frozen=True)
class Inputs:
    """What toy needs."""

    behaviour: Annotated[str, "what to do"]
    dataset: Annotated[ChatDataset, "the rows"]
    learning_rate: Annotated[float, "the step size, 100 % yours", above(0), at_most(1)] = 2e-4
    iters: Annotated[int, "steps", at_least(1), at_most(2_000_000)] = 300
    is_loud: Annotated[bool, "whether to shout"] = False
    dtype: Annotated[str, "the type", one_of("float32", "bfloat16")] = "float32"
    agent_name: Annotated[str, "the agent", matches("[a-z-]*", "a-z and dashes")] = ""
    checkpoint_from: Annotated[str, "an earlier attempt's checkpoint"] = ""


@dataclass(frozen=True)
class Outputs:
    """What toy makes."""

    model: Annotated[MlxModel, "a model"]
    metrics: Annotated[TrainingMetrics, "its metrics"]
    note: Annotated[str, "a text"]
    rows: Annotated[int, "a number"]
    share: Annotated[float, "a share"]
    is_done: Annotated[bool, "a truth"]


def declared() -> contract.Contract:
    """Returns this module's contract."""
    return contract.of("toy", sys.modules[__name__], "1.2.3")


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Writes a model and metrics, and then does what inputs.behaviour says."""
    made = MlxModel(samples.write_model(outputs / "a model").path)
    metrics = samples.write_metrics(outputs / "metrics.json")
    result = {
        "model": made,
        "metrics": metrics,
        "note": f"{inputs.agent_name} {inputs.checkpoint_from}",
        "rows": len(inputs.dataset.rows("train")),
        "share": inputs.learning_rate,
        "is_done": inputs.is_loud,
    }
    change = BEHAVIOURS[inputs.behaviour](inputs, outputs)
    return Outputs(**(result | (change or {})))  # type: ignore[arg-type]


Change = dict[str, object] | None


def _say_bad_things(inputs: Inputs, outputs: Path) -> NoReturn:
    raise StageError("no\n::error::file=x::y\r\x1b[2J\u202e\ud800 ##[error]z")


def _crash(inputs: Inputs, outputs: Path) -> NoReturn:
    raise RuntimeError("first\n::error::second\x1b[2J")


def _invalid(inputs: Inputs, outputs: Path) -> Change:
    (outputs / "a model" / "config.json").unlink()
    return None


def _fill(inputs: Inputs, outputs: Path) -> Change:
    with Path("/dev/full").open("w") as device:
        device.write("x")
    return None


def _outside(inputs: Inputs, outputs: Path) -> Change:
    return {"model": MlxModel(inputs.dataset.path)}


def _subtype(inputs: Inputs, outputs: Path) -> Change:
    return {"model": samples.write_model(outputs / "tuned")}


def _sleep(inputs: Inputs, outputs: Path) -> Change:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "half of it").touch()
        print("working", flush=True)
        time.sleep(60)
    return None


def _compute(inputs: Inputs, outputs: Path) -> Change:
    print("working", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 30)  # minutes in one call of native code
    return None


def _pool(inputs: Inputs, outputs: Path) -> Change:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        total = sum(pool.map(abs, range(4)))
    time.sleep(0.2)
    return {"rows": total}


BEHAVIOURS: dict[str, Callable[[Inputs, Path], Change]] = {
    "ok": lambda inputs, outputs: None,
    "say bad things": _say_bad_things,
    "crash": _crash,
    "invalid model": _invalid,
    "full device": _fill,
    "outside": _outside,
    "subtype": _subtype,
    "sleep": _sleep,
    "compute": _compute,
    "pool": _pool,
    "long note": lambda inputs, outputs: {"note": "ä" * 513},
    "longest note": lambda inputs, outputs: {"note": "ä" * 512},
    "no number": lambda inputs, outputs: {"share": float("nan")},
    "wrong type": lambda inputs, outputs: {"rows": True},
    "large number": lambda inputs, outputs: {"rows": 1 << 63},
}


if __name__ == "__main__":
    contract.load = lambda stage: declared()
    stage.main("toy", run)

"""One stage's run on this machine, by either back end, and what is asked of it afterwards.

At least as strict as a cluster: the exit code counts, every output must be there and parse, the
time limit holds, and the environment holds what the contract names and nothing else.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.contract import Contract
from shared.errors import StageError, one_line
from shared.runner.settings import URL
from shared.runner.settings import VARIABLES as RUNNER
from workflows.local.copilot import read_output
from workflows.placement import Image, Placement

ROOT = Path(__file__).resolve().parents[2]
TIMED_OUT = 124  # the exit code of timeout(1)
GRACE_SECONDS = 10


class StageFailed(Exception):
    """A stage failed: another exit code than 0, or outputs that are not as declared.

    It has said why on stderr; `reason` repeats it.
    """

    def __init__(self, stage: str, code: int, reason: str) -> None:
        super().__init__(stage, code, reason)
        self.stage, self.code, self.reason = stage, code, reason

    def __str__(self) -> str:
        # From the attributes: flytekit puts words of its own into an exception's arguments.
        return f"{self.stage} failed with exit code {self.code}: {self.reason}"


@dataclass(frozen=True)
class Execution:
    """One stage's run on this machine; everything of it lies in `folder`."""

    contract: Contract
    folder: Path
    placement: Placement
    image: Image

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    @property
    def reason_file(self) -> Path:
        return self.folder / "reason"

    @property
    def seconds(self) -> float:
        """The time limit."""
        return self.placement.timeout.total_seconds()

    def late(self) -> str:
        """Returns the reason for a stage that ran past its limit."""
        return f"it ran longer than {self.seconds / 60:g} minutes (placement.toml)"

    @property
    def variables(self) -> list[str]:
        """The environment variables that the stage reads here, where nothing fills its RUNTIME inputs."""
        given = RUNNER if os.environ.get(URL.name) else ()
        return [each.name for each in self.contract.environment if not each.runtime or each in given]

    def environment(self) -> dict[str, str]:
        """Returns those of its variables that are set here."""
        declared = self.variables
        names = [*declared, *(f"{name}_FILE" for name in declared)]
        return {name: os.environ[name] for name in names if name in os.environ}


BackEnd = Callable[[Execution, Mapping[str, Any]], int]


def run_to_end(
    back_end: BackEnd, execution: Execution, inputs: Mapping[str, Any], version: str, attempts: int = 1
) -> dict[str, Any]:
    """Runs a stage to its end and returns its outputs: scalars, and paths of files.

    back_end: starts the stage, waits for its end and returns its exit code. inputs: scalars, and paths of
    artefacts. version: of the stage that runs. attempts: how often it may be started, as a cluster starts a
    failed one again. Raises StageFailed where the last attempt fails, runs past its time limit or leaves an
    output out; StageError where the back end cannot run it.
    """
    stage = execution.contract.stage
    execution.folder.mkdir(parents=True)
    say(f"── {stage} {version} ──{_differs(execution, version)}")
    for attempt in range(1, attempts + 1):
        try:
            return _attempt(back_end, execution, inputs, {"stage": stage, "version": version, "attempt": attempt})
        except StageFailed as failure:
            if attempt == attempts:
                raise
            say(f"{stage}: exit code {failure.code}: {failure.reason}; attempt {attempt + 1} of {attempts}")
    raise ValueError(f"attempts is {attempts}")


def _attempt(
    back_end: BackEnd, execution: Execution, inputs: Mapping[str, Any], record: dict[str, Any]
) -> dict[str, Any]:
    shutil.rmtree(execution.outputs, ignore_errors=True)
    execution.outputs.mkdir()
    execution.reason_file.write_bytes(b"")
    started = time.monotonic()
    code = back_end(execution, inputs)
    seconds = time.monotonic() - started
    reason = execution.reason_file.read_text("utf-8", "replace")
    record |= {"seconds": round(seconds, 2), "exit_code": code, "reason": reason}
    (execution.folder / "stage.json").write_text(json.dumps(record) + "\n")
    if code:
        raise StageFailed(execution.contract.stage, code, reason or _unsaid_reason(code))
    outputs = _read_outputs(execution)
    say(f"{execution.contract.stage}: done in {seconds:.1f} s")
    return outputs


def _unsaid_reason(code: int) -> str:
    if code == 128 + signal.SIGKILL:
        return "it was killed; did the machine run out of memory?"
    return "it gave no reason"


def _read_outputs(execution: Execution) -> dict[str, Any]:
    stage = execution.contract.stage
    found: dict[str, Any] = {}
    for field in execution.contract.outputs:
        file = execution.outputs / field.name
        if not file.is_file():
            raise StageFailed(stage, 0, f"it left no output {field.name}")
        try:
            found[field.name] = file if field.artifact else read_output(field, file.read_bytes())
        except StageError as error:
            raise StageFailed(stage, 0, f"its output {error}") from None
    return found


def _differs(execution: Execution, version: str) -> str:
    pinned, tree = execution.image.version, execution.contract.version
    if pinned == tree:
        return ""
    return f" (images.toml pins {pinned}; the tree is run)" if version == tree else f" (the tree has {tree})"


def say(line: str) -> None:
    """Prints a line of the run's log."""
    print(one_line(line), file=sys.stderr, flush=True)

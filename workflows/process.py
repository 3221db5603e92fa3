"""The back end `process`: a stage as a process of this machine, in the stage's own locked environment.

At least as strict as a cluster: the exit code counts, every output must be there and parse, the
time limit holds, and the environment holds what the contract names and nothing else.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import contract
from shared.contract import Contract
from shared.errors import StageError, one_line
from workflows.placement import Image, Placement

ROOT = Path(__file__).resolve().parent.parent
GRACE_SECONDS = 10
TIMED_OUT = 124  # the exit code of timeout(1)
# What a program needs of any machine; a container has the same from its image and its node.
_PASSED_ON = (
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "TZ",
    "TERM",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "CI",
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


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


def run_stage(execution: Execution, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Runs a stage to its end and returns its outputs: scalars, and paths of files.

    inputs: scalars, and paths of artefacts. Raises StageFailed where the stage fails, runs past its
    time limit or leaves an output out; StageError where its environment has not been made.
    """
    declared = execution.contract
    execution.outputs.mkdir(parents=True)
    execution.reason_file.touch()
    _say(f"── {declared.stage} {declared.version} ──{_differs(execution)}")
    started = time.monotonic()
    code = _wait(_start(execution, inputs), execution)
    seconds = time.monotonic() - started
    reason = execution.reason_file.read_text("utf-8", "replace")
    record = {"stage": declared.stage, "version": declared.version, "seconds": round(seconds, 2), "exit_code": code}
    (execution.folder / "stage.json").write_text(json.dumps(record | {"reason": reason}) + "\n")
    if code:
        raise StageFailed(declared.stage, code, reason or _unsaid_reason(code))
    outputs = _read_outputs(execution)
    _say(f"{declared.stage}: done in {seconds:.1f} s")
    return outputs


def _start(execution: Execution, inputs: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    stage = execution.contract.stage
    python = ROOT / ".venvs" / stage / "bin" / "python"
    if not python.exists():
        raise StageError(f"the environment of {stage} has not been made; run `make environments`")
    arguments = [
        f"{field.flag}={contract.to_text(value) if field.artifact is None else value}"
        for field in execution.contract.inputs
        for value in (inputs[field.name],)
    ]
    command = [str(python), "-m", f"stages.{stage}.main", *arguments, f"--outputs={execution.outputs}"]
    # A session of its own: Ctrl-C reaches this process alone, which then stops the stage in order.
    return subprocess.Popen(
        command, cwd=ROOT, env=_environment(execution), stdin=subprocess.DEVNULL, start_new_session=True
    )


def _environment(execution: Execution) -> dict[str, str]:
    declared = [variable.name for variable in execution.contract.environment]
    names = [*_PASSED_ON, *declared, *(f"{name}_FILE" for name in declared)]
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return passed | {"PYTHONDONTWRITEBYTECODE": "1", "TERMINATION_LOG": str(execution.reason_file)}


def _wait(process: subprocess.Popen[bytes], execution: Execution) -> int:
    """Returns the exit code, as a container has it; a stage that runs past its limit is stopped.

    So is one whose parent is stopped, and whatever a stage has started ends with it.
    """
    try:
        code = process.wait(execution.placement.timeout.total_seconds())
    except subprocess.TimeoutExpired:
        _stop(process)
        limit = f"{execution.placement.timeout.total_seconds() / 60:g} minutes"
        execution.reason_file.write_text(f"it ran longer than {limit} (placement.toml)")
        return TIMED_OUT
    finally:
        _stop(process)
    return code if code >= 0 else 128 - code


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        if process.poll() is None:
            process.terminate()
            process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass  # it is killed below, as it is where a second Ctrl-C ends the wait
    finally:
        # The stage leads a process group. macOS refuses to signal a group whose members have all ended.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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
            # Bytes, because reading as text would change line ends, which Flyte does not.
            found[field.name] = file if field.artifact else field.parse(file.read_bytes().decode())
        except StageError as error:
            raise StageFailed(stage, 0, f"its output {error}") from None
        except UnicodeDecodeError:
            raise StageFailed(stage, 0, f"its output {field.name} is not UTF-8 text") from None
    return found


def _differs(execution: Execution) -> str:
    pinned = execution.image.version
    return "" if pinned == execution.contract.version else f" (images.toml pins {pinned}; the tree is run)"


def _say(line: str) -> None:
    print(one_line(line), file=sys.stderr, flush=True)

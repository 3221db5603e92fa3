"""The back end `process`: a stage as a process of this machine, in the stage's own locked environment."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

from shared import contract
from shared.errors import StageError
from workflows.local.execution import GRACE_SECONDS, ROOT, TIMED_OUT, Execution, run_to_end

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


def run_stage(execution: Execution, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Runs the tree's stage as a process and returns its outputs: scalars, and paths of files.

    Raises StageFailed where the stage fails, and StageError where its environment has not been made.
    """
    return run_to_end(_run, execution, inputs, execution.contract.version)


def _run(execution: Execution, inputs: Mapping[str, Any]) -> int:
    return _wait(_start(execution, inputs), execution)


def _start(execution: Execution, inputs: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    stage = execution.contract.home
    python = ROOT / ".venvs" / stage / "bin" / "python"
    if not python.exists():
        raise StageError(f"the environment of {stage} has not been made; run `make environments`")
    arguments = [
        f"{field.flag}={contract.to_text(value) if field.artifact is None else value}"
        for field in execution.contract.inputs
        for value in (inputs[field.name],)
    ]
    command = [str(python), "-m", execution.contract.program, *arguments, f"--outputs={execution.outputs}"]
    # A session of its own: Ctrl-C reaches this process alone, which then stops the stage in order.
    return subprocess.Popen(
        command, cwd=ROOT, env=_environment(execution), stdin=subprocess.DEVNULL, start_new_session=True
    )


def _environment(execution: Execution) -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | execution.environment()
    return passed | {"PYTHONDONTWRITEBYTECODE": "1", "TERMINATION_LOG": str(execution.reason_file)}


def _wait(process: subprocess.Popen[bytes], execution: Execution) -> int:
    """Returns the exit code, as a container has it; a stage that runs past its limit is stopped.

    So is one whose parent is stopped, and whatever a stage has started ends with it.
    """
    try:
        code = process.wait(execution.seconds)
    except subprocess.TimeoutExpired:
        _stop(process)
        execution.reason_file.write_text(execution.late())
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

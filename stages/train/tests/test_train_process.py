"""Train as a program of its own: what it computes again, and how it stops."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from stages.train.contract import Inputs


def start(inputs: Inputs, outputs: Path, iters: int) -> "subprocess.Popen[str]":
    arguments = {
        "dataset": inputs.dataset.path,
        "model": inputs.model.path,
        "batch-size": 4,
        "iters": iters,
        "lora-layers": 2,
        "outputs": outputs,
    }
    flags = [str(part) for name, value in arguments.items() for part in (f"--{name}", value)]
    command = [sys.executable, "-m", "stages.train.main", *flags]
    # A folder of its own for temporary files shows what a stopped process leaves behind.
    temporary = outputs.with_name(f"{outputs.name}-temporary")
    temporary.mkdir(parents=True)
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def test_two_processes_write_the_same_bytes(inputs: Inputs, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert start(inputs, tmp_path / name, iters=5).communicate(timeout=60)[1]
    for output in ("adapters", "model", "validation_loss"):
        assert (tmp_path / "one" / output).read_bytes() == (tmp_path / "two" / output).read_bytes()


def test_a_stopped_process_ends_at_once_with_143_and_leaves_nothing(inputs: Inputs, tmp_path: Path) -> None:
    outputs = tmp_path / "stopped"
    process = start(inputs, outputs, iters=1_000_000)
    assert process.stderr
    for line in process.stderr:
        if line.startswith("iteration 1/"):
            break
    process.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    rest = process.communicate(timeout=10)[1]
    assert time.monotonic() - stopped < 2
    assert process.returncode == 143
    assert rest.splitlines()[-1] == "train: stopped by SIGTERM"
    assert list(outputs.iterdir()) == []
    assert list((tmp_path / "stopped-temporary").iterdir()) == []

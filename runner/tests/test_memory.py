"""A job that holds too much is ended, with a reason; one that does not is left alone."""

import signal
import subprocess
import sys

import psutil

from runner.machine.memory import MemoryWatch
from runner.machine.processes import proportional_bytes, resident_bytes, tree

MIB = 1024**2
HOLDS = "import time; held = bytearray({bytes}); print('held', flush=True); time.sleep({seconds})"


def started(megabytes: int, seconds: float, below: bool = False) -> subprocess.Popen[bytes]:
    """Returns a process that holds so many MiB, itself or by a child."""
    code = HOLDS.format(bytes=megabytes * MIB, seconds=seconds)
    if below:
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"held\n"
    return process


def test_what_a_child_holds_counts_and_ends_both() -> None:
    with started(150, 30, below=True) as process:
        below = tree(process.pid)
        with MemoryWatch(process.pid, 100 * MIB, seconds=0.05) as watch:
            assert process.wait(10) == -signal.SIGKILL
    assert psutil.wait_procs(below, timeout=5)[1] == []
    assert watch.most > 150 * MIB
    assert watch.reason.endswith("let it need less (batch_size, max_seq_length), or raise memory_bytes in runner.toml")
    assert watch.reason.startswith(
        f"the job holds {watch.most / 1024**3:.2f} GiB, and this runner gives a job 0.10 GiB; "
    )


def test_a_job_below_its_limit_ends_by_itself() -> None:
    with started(50, 0.3) as process, MemoryWatch(process.pid, 500 * MIB, seconds=0.05) as watch:
        assert process.wait(10) == 0
    assert watch.reason == "" and 50 * MIB < watch.most < 500 * MIB


def test_memory_that_workers_share_is_counted_once_before_a_job_is_ended() -> None:
    code = f"""
import multiprocessing, time
held = bytearray({100 * MIB})
def look():
    sum(held[::4096]); time.sleep(30)
workers = [multiprocessing.get_context("fork").Process(target=look, daemon=True) for _ in range(3)]
for worker in workers: worker.start()
time.sleep(0.5); print("held", flush=True); time.sleep(30)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"held\n"
        assert resident_bytes(process.pid) > 350 * MIB
        if sys.platform == "linux":
            assert proportional_bytes(process.pid) < 200 * MIB
        for child in reversed(tree(process.pid)):
            child.kill()


def test_a_process_that_is_gone_holds_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert (tree(process.pid), resident_bytes(process.pid)) == ([], 0)

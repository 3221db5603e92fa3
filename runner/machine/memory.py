"""A job's memory, watched: what it and all below it hold, and an end with a reason where that is too much."""

import threading
from pathlib import Path
from typing import Self

from runner.machine import processes

SECONDS = 0.5
_GIB = 1024**3


def as_of_a_container(folder: Path, limit_bytes: int) -> Path:
    """Writes into a folder what a container's cgroup (v2) says of its memory, and returns it: for `sandboxed`.

    So a stage that asks how much it may take learns the runner's limit, and says before it begins that it needs more.
    """
    folder.mkdir(exist_ok=True)
    (folder / "memory.max").write_text(f"{limit_bytes}\n")
    (folder / "memory.stat").write_text("anon 0\n")
    return folder


class MemoryWatch:
    """Ends a job's processes when they hold more than a limit.

        with MemoryWatch(process.pid, limit_bytes) as watch:
            process.wait()
        if watch.reason: …

    most: the most bytes that were seen. reason: why the job was ended, in one line; empty where it was not.
    """

    def __init__(self, pid: int, limit_bytes: int, seconds: float = SECONDS) -> None:
        self.most = 0
        self.reason = ""
        self._pid, self._limit, self._seconds = pid, limit_bytes, seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            held = processes.resident_bytes(self._pid)
            if held > self._limit:  # which may count pages that forked workers share several times
                held = processes.proportional_bytes(self._pid)
            self.most = max(self.most, held)
            if held > self._limit:
                self.reason = (
                    f"the job holds {held / _GIB:.2f} GiB, and this runner gives a job {self._limit / _GIB:.2f} GiB; "
                    "let it need less (batch_size, max_seq_length), or raise memory_bytes in runner.toml"
                )
                processes.kill(self._pid)
                return

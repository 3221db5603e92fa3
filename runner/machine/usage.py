"""What a computation takes of its machine: GPU, power, memory and processors, sampled each second while it runs.

It needs the standard library alone, and tells more where psutil and nvidia-ml-py are installed.
"""

import os
import platform
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Self

from runner.machine import apple_gpu, host, nvidia_gpu

SECONDS = 1.0
# MLflow's own names (mlflow/system_metrics/metrics/*.py), each below this prefix.
PREFIX = "system/"

Sample = Callable[[], Mapping[str, float]]


class Usage:
    """Samples in a thread between `with` and its end, whatever becomes of the sources.

    with Usage(process.pid) as usage:
        process.wait()
    metrics = usage.summary()
    """

    def __init__(self, pid: int = 0, seconds: float = SECONDS) -> None:
        """pid: whose memory and processors, with all below it; this process's where it is 0."""
        self._host = host.Host(pid or os.getpid())
        self._sources: list[Sample] = [self._host.sample, *_gpus()]
        self._values: dict[str, list[float]] = defaultdict(list)
        self._seconds, self._interval = 0.0, seconds
        self._gpu_seconds: float | None = None
        self._energy_joules: float | None = None
        self._latest: Mapping[str, float] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._sample_until_the_end, name="usage", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def latest(self) -> dict[str, float]:
        """The newest sample, under MLflow's names: what a page of metrics shows while a job runs."""
        with self._lock:
            return {PREFIX + name: value for name, value in self._latest.items()}

    def summary(self) -> dict[str, float]:
        """Returns what was seen so far: each metric's mean under MLflow's name, its maximum as `…_max`, and the sums.

        seconds: of the clock. cpu_seconds: of the processors, by the process and all below it.
        process_memory_usage_megabytes: what they held. gpu_seconds: in which a GPU was busy (its utilisation, over
        time, of all GPUs together). energy_joules: what the GPUs took (their power, over time). The last two are there
        only where the machine tells them. Megabytes are 10⁶ bytes, as MLflow's are.
        """
        with self._lock:
            found = {PREFIX + name: sum(values) / len(values) for name, values in self._values.items()}
            found |= {f"{PREFIX}{name}_max": max(values) for name, values in self._values.items()}
            sums = {
                "seconds": self._seconds,
                "cpu_seconds": self._host.cpu_seconds,
                "gpu_seconds": self._gpu_seconds,
                "energy_joules": self._energy_joules,
            }
        return {name: round(value, 3) for name, value in (found | sums).items() if value is not None}

    def _sample_until_the_end(self) -> None:
        last = time.monotonic()
        while True:
            self._take({name: value for source in self._sources for name, value in source().items()})
            ended = self._ended.wait(self._interval)
            now = time.monotonic()
            self._add(now - last)
            last = now
            if ended:
                self._host.count()
                return

    def _take(self, sample: Mapping[str, float]) -> None:
        with self._lock:
            for name, value in sample.items():
                self._values[name].append(float(value))
            self._latest = sample

    def _add(self, seconds: float) -> None:
        """Adds what the latest sample means for the seconds since it was taken."""
        busy = [value for name, value in self._latest.items() if _is_gpu(name, "utilization_percentage")]
        watts = [value for name, value in self._latest.items() if _is_gpu(name, "power_usage_watts")]
        with self._lock:
            self._seconds += seconds
            if busy:
                self._gpu_seconds = (self._gpu_seconds or 0.0) + sum(busy) / 100 * seconds
            if watts:
                self._energy_joules = (self._energy_joules or 0.0) + sum(watts) * seconds


def device() -> str:
    """Returns `gpu` where a computation can run on one: on Apple silicon, or where NVML knows one. Else `cpu`."""
    is_apple = (sys.platform, platform.machine()) == ("darwin", "arm64")
    return "gpu" if is_apple or nvidia_gpu.devices() else "cpu"


def _is_gpu(name: str, what: str) -> bool:
    return name.startswith("gpu_") and name.endswith(what)


def _gpus() -> list[Sample]:
    """Returns the sources that tell of this machine's GPUs; none where it has none that a program can ask."""
    if sys.platform == "darwin":
        return [apple_gpu.sample]
    devices = nvidia_gpu.devices()
    return [lambda: nvidia_gpu.sample(devices)] if devices else []

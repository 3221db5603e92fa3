"""What a process and all below it take of processors and memory, and how busy the machine is.

By psutil where it is installed; else the standard library tells a little of this process and those that it waited for.
"""

import os
import sys

try:
    import psutil

    from runner.machine import processes
except ImportError:
    psutil = None  # type: ignore[assignment, unused-ignore]

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]


class Host:
    """Samples one process, with all below it, and the machine.

    cpu_seconds: what they have used between the first sample and the last; None where nobody tells.
    """

    def __init__(self, pid: int) -> None:
        self.cpu_seconds: float | None = None
        self._pid = pid
        self._first: float | None = None
        if psutil:
            psutil.cpu_percent()  # measures from here to the next call

    def sample(self) -> dict[str, float]:
        """Returns the metrics under MLflow's names, and the process's own memory."""
        self.count()
        return self._with_psutil() if psutil else self._without()

    def count(self) -> None:
        """Brings cpu_seconds up to now."""
        used = self._used_seconds()
        self._first = used if self._first is None else self._first
        # What a process that has ended has used is gone with it, so that the sum would fall.
        self.cpu_seconds = max(self.cpu_seconds or 0.0, used - self._first)

    def _used_seconds(self) -> float:
        return processes.cpu_seconds(self._pid) if psutil else sum(os.times()[:4])

    def _with_psutil(self) -> dict[str, float]:
        memory, held = psutil.virtual_memory(), processes.resident_bytes(self._pid)
        found = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / 1e6,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
        }
        return found | ({"process_memory_usage_megabytes": held / 1e6} if held else {})

    def _without(self) -> dict[str, float]:
        if resource is None:
            return {}
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024
        return {"process_memory_usage_megabytes": most * unit / 1e6}

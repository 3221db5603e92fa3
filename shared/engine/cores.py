"""How many cores a process may use: those of the machine, of its affinity, and of its container's limit."""

import os
from pathlib import Path

_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # microseconds of all cores in a period, or `max` (cgroup v2)


def usable_cores() -> int:
    """Returns the number of cores that this process may use, at least one; on anything but Linux all there are."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = len(os.sched_getaffinity(0))
    quota, period = _CPU_LIMIT.read_text().split() if _CPU_LIMIT.exists() else ("max", "")
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))

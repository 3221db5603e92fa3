"""How many cores a process may use: those of the machine, of its affinity, and of its container's limit."""

import os

from shared.engine import container_limits


def usable_cores() -> int:
    """Returns the number of cores that this process may use, at least one; on anything but Linux all there are."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores, limited = len(os.sched_getaffinity(0)), container_limits.cores()
    return cores if limited is None else max(1, min(cores, int(limited)))

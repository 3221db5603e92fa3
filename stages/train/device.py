"""The device that the arrays live on, made ready."""

import os
from pathlib import Path
from typing import Any

import mlx.core as mx

_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # the limit of a container (cgroup v2)


def prepare_device() -> str:
    """Returns `cpu` or `gpu`, what mlx uses here; on a CPU it turns compiling off.

    There mlx compiles by calling g++, which took half a minute before a tiny model's first steps; a gain in the
    steps themselves was not seen, and the image needs no compiler.
    """
    device = mx.default_device().type.name
    if device == "cpu":
        mx.disable_compile()
    return str(device)


def available_memory() -> int:
    """Returns the bytes that arrays may still take: a GPU's own, else what the machine and the container leave."""
    if mx.default_device() == mx.Device(mx.gpu):
        told: Any = mx.device_info()
        return int(told.get("max_recommended_working_set_size") or told["memory_size"])
    if not _MEMORY.exists():  # macOS tells only how much there is
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = dict(line.split(":") for line in _MEMORY.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    limit = _GROUP / "memory.max"
    if limit.exists() and (most := limit.read_text().strip()) != "max":
        kept = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        free = min(free, int(most) - int(kept["anon"]))
    return free

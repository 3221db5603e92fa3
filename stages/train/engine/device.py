"""The device that the arrays live on, made ready."""

import os
import resource
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx

from shared.engine import container_limits

_MEMORY = Path("/proc/meminfo")
_OWN = Path("/proc/self/status")


def prepare_device() -> str:
    """Returns `cpu` or `gpu`, what mlx uses here; on a CPU it turns compiling off.

    There mlx compiles by calling g++, which took half a minute before a tiny model's first steps; a gain in the
    steps themselves was not seen, and the image needs no compiler.
    """
    device = mx.default_device().type.name
    if device == "cpu":
        mx.disable_compile()
    return str(device)


def is_gpu() -> bool:
    """Returns whether arrays live on a GPU."""
    return mx.default_device() == mx.Device(mx.gpu)


def resident_memory() -> int:
    """Returns the bytes of this process that are in memory now."""
    return _resident("VmRSS")


def peak_memory() -> int:
    """Returns the most bytes that this process had in memory so far; on a GPU, that its arrays took there."""
    return mx.get_peak_memory() if is_gpu() else _resident("VmHWM")


def _resident(name: str) -> int:
    # Of Linux the kernel's own count: getrusage's begins with what the parent had in memory.
    if _OWN.exists():
        return _kibibytes(_OWN)[name] * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _kibibytes(file: Path) -> dict[str, int]:
    """Returns the counts in KiB of a file of the kernel's, by name."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1] == "kB"}


def available_memory() -> int:
    """Returns the bytes that this process may have: a GPU's own, else what it has and machine and container leave."""
    if is_gpu():
        told: Any = mx.device_info()
        return int(told.get("max_recommended_working_set_size") or told["memory_size"])
    if not _MEMORY.exists():  # macOS tells only how much there is
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = _kibibytes(_MEMORY)["MemAvailable"] * 1024
    limited = container_limits.free_memory()
    if limited is not None:
        free = min(free, limited)
    return free + resident_memory()

"""What NVIDIA's management library tells of the GPUs. Nothing where it, its driver or nvidia-ml-py is missing.

Not run on a GPU yet.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

try:
    import pynvml
except ImportError:
    pynvml = None


def devices() -> list[Any]:
    """Returns NVML's handles of this machine's GPUs, in its order."""
    if pynvml is None:
        return []
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []


def sample(handles: Sequence[Any]) -> dict[str, float]:
    """Returns each GPU's metrics under MLflow's names; a GPU leaves out what it does not tell."""
    found: dict[str, float] = {}
    for index, handle in enumerate(handles):
        with contextlib.suppress(pynvml.NVMLError):
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            found[f"gpu_{index}_memory_usage_percentage"] = memory.used / memory.total * 100
            found[f"gpu_{index}_memory_usage_megabytes"] = memory.used / 1e6
        with contextlib.suppress(pynvml.NVMLError):
            found[f"gpu_{index}_utilization_percentage"] = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
        with contextlib.suppress(pynvml.NVMLError):
            watts = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
            found[f"gpu_{index}_power_usage_watts"] = watts
            limit = pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000
            found[f"gpu_{index}_power_usage_percentage"] = watts / limit * 100
    return found

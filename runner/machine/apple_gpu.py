"""What a Mac tells of its GPU: the driver's statistics by `ioreg`, and its power by `macmon` where that is installed.

Both need no root. Not run on a Mac yet: the formats are those that others have recorded of macOS 14 to 26.
"""

import json
import plistlib
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any
from xml.parsers.expat import ExpatError

IOREG = ("/usr/sbin/ioreg", "-a", "-r", "-c", "AGXAccelerator", "-d", "1")
MACMON = ("macmon", "pipe", "-s", "1", "-i", "200")
SECONDS = 3


def sample() -> dict[str, float]:
    """Returns the GPU's metrics under MLflow's names; without what this Mac does not tell."""
    found = statistics(_output(IOREG))
    if shutil.which(MACMON[0]):
        found |= power(_output(MACMON))
    return found


def statistics(output: bytes) -> dict[str, float]:
    """Returns what ioreg's property list says of each GPU: how busy it is, and which memory it uses."""
    found: dict[str, float] = {}
    try:
        entries = plistlib.loads(output) if output else []
    except (ValueError, plistlib.InvalidFileException, ExpatError):
        return found
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        told = entry.get("PerformanceStatistics", {}) if isinstance(entry, dict) else {}
        if "Device Utilization %" in told:
            found[f"gpu_{index}_utilization_percentage"] = float(told["Device Utilization %"])
        if "In use system memory" in told:
            found[f"gpu_{index}_memory_usage_megabytes"] = told["In use system memory"] / 1e6
    return found


def power(output: bytes) -> dict[str, float]:
    """Returns the GPU's power, which a line of macmon's JSON says in watts."""
    try:
        told: Any = json.loads(output.splitlines()[0]) if output.strip() else {}
    except ValueError:
        return {}
    watts = told.get("gpu_power") if isinstance(told, dict) else None
    return {"gpu_0_power_usage_watts": float(watts)} if isinstance(watts, int | float) else {}


def _output(command: Sequence[str]) -> bytes:
    """Returns what a program prints, or nothing where it is missing, fails or does not end."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""

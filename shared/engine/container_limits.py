"""What a container's limits leave a process, read where Linux tells it: cgroup v2, or v1 on older nodes."""

from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def cores() -> float | None:
    """Returns how many cores' time the container has, None where that is not limited."""
    v2, v1 = _GROUP / "cpu.max", _GROUP / "cpu"
    if v2.exists():
        quota, period = v2.read_text().split()
    elif (v1 / "cpu.cfs_quota_us").exists():
        quota, period = ((v1 / name).read_text().strip() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
    else:
        return None
    return None if quota in {"max", "-1"} else int(quota) / int(period)


def free_memory() -> int | None:
    """Returns the bytes that the container may still take, None where that is not limited.

    What the kernel keeps of files is free: it goes when a process needs the room.
    """
    v2, v1 = _GROUP / "memory.max", _GROUP / "memory"
    if v2.exists():
        most, kept = v2.read_text().strip(), _statistics(_GROUP)["anon"]
        return None if most == "max" else int(most) - kept
    if (v1 / "memory.limit_in_bytes").exists():
        # Without a limit v1 tells the largest number of pages, which exceeds any machine's memory.
        return int((v1 / "memory.limit_in_bytes").read_text()) - _statistics(v1)["total_rss"]
    return None


def _statistics(folder: Path) -> dict[str, int]:
    lines = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return {name: int(count) for name, count in lines}

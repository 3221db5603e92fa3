"""What a container's limits leave, as both versions of Linux's control groups tell it."""

from pathlib import Path

import pytest

from shared.engine import container_limits


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(container_limits, "_GROUP", tmp_path)
    return tmp_path


def write(group: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (group / name).parent.mkdir(exist_ok=True)
        (group / name).write_text(text)


def test_a_machine_without_control_groups_limits_nothing(group: Path) -> None:
    assert (container_limits.cores(), container_limits.free_memory()) == (None, None)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "250000 100000\n"}, 2.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
    ],
)
def test_a_limit_of_cores(group: Path, files: dict[str, str], cores: float | None) -> None:
    write(group, files)
    assert container_limits.cores() == cores


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"memory.max": "max\n", "memory.stat": "anon 1000\nfile 5\n"}, None),
        ({"memory.max": "3000\n", "memory.stat": "anon 1000\nfile 5\n"}, 2000),
        ({"memory/memory.limit_in_bytes": "3000\n", "memory/memory.stat": "cache 5\ntotal_rss 900\n"}, 2100),
    ],
)
def test_a_limit_of_memory(group: Path, files: dict[str, str], free: int | None) -> None:
    write(group, files)
    assert container_limits.free_memory() == free


def test_without_a_limit_the_older_groups_tell_more_than_any_machine_has(group: Path) -> None:
    write(group, {"memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/memory.stat": "total_rss 900\n"})
    free = container_limits.free_memory()
    assert free is not None and free > 1 << 60

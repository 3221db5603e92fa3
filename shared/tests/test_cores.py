"""A container's limit counts, and not the machine's cores alone."""

import os
from pathlib import Path

import pytest

from shared.engine import cores

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


@pytest.mark.skipif(not CORES, reason="only Linux limits a container's cores so")
@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000\n", CORES),
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),
        ("99900000 100000\n", CORES),
        (None, CORES),
    ],
)
def test_a_container_s_limit_counts(
    limit: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit:
        (tmp_path / "cpu.max").write_text(limit)
    monkeypatch.setattr(cores, "_CPU_LIMIT", tmp_path / "cpu.max")
    assert cores.usable_cores() == expected


def test_where_nothing_limits_a_process_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.usable_cores() == 1

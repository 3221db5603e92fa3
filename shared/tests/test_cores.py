"""A container's limit counts, and not the machine's cores alone."""

import os

import pytest

from shared.engine import container_limits, cores

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


@pytest.mark.skipif(not CORES, reason="only Linux limits a container's cores so")
@pytest.mark.parametrize(("limit", "expected"), [(None, CORES), (1.0, 1), (0.5, 1), (999.0, CORES)])
def test_a_container_s_limit_counts(limit: float | None, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_limits, "cores", lambda: limit)
    assert cores.usable_cores() == expected


def test_where_nothing_limits_a_process_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.usable_cores() == 1

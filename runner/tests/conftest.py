"""One project for all tests, and a runner for each module of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.tests.world import Project, Runner


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.make(tmp_path_factory.mktemp("project") / "app")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    made = Runner.make(tmp_path_factory.mktemp("runner") / "home").start()
    yield made
    made.stop()


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "pod"

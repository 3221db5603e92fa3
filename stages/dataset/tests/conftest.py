"""What several stories of this stage need and is made once."""

from pathlib import Path

import pytest
from hypothesis import settings

from stages.dataset.contract import Outputs
from stages.dataset.tests import repositories

settings.register_profile("any-machine", deadline=None)  # a busy machine is no failure
settings.load_profile("any-machine")

AGENTS = ("agent-sre", "agent-bruno", "agent-auditor")


@pytest.fixture(scope="session")
def homelab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a Git repository; not to be changed."""
    return repositories.make_homelab(tmp_path_factory.mktemp("gitops") / "homelab")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one agent of one alert; not to be changed."""
    return repositories.make(tmp_path_factory.mktemp("gitops") / "tiny")


@pytest.fixture(scope="session")
def example_outputs(homelab: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outputs]:
    """What the stage makes of the three agents of the example."""
    folder = tmp_path_factory.mktemp("outputs")
    return {agent: repositories.read(homelab, folder / agent, agent) for agent in AGENTS}

"""A real Ollama for the session, and a world in which it got two versions, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from examples.demo_model.training import TRAINING
from tests.served.ollama_server import OllamaServer, running_ollama
from tests.served.world import Run, World
from workflows.local.demo import DEMO_MODEL

AGENT = "agent-bruno"
HARDLY, BETTER = 40, 240
"""Steps of the two versions: enough to answer otherwise, and too few for a use."""
SETTINGS = {name.upper(): value for name, value in TRAINING.items()} | {"EXAMPLES_PER_ALERT": 12}


@dataclass(frozen=True)
class Published:
    """The world, and the runs of its two versions; Git names the second one."""

    world: World
    first: Run
    second: Run


@pytest.fixture(scope="session")
def ollama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaServer]:
    """An Ollama without models."""
    with running_ollama(tmp_path_factory.mktemp("ollama")) as server:
        yield server


@pytest.fixture(scope="session")
def published(ollama_server: OllamaServer, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Two runs of the workflow with one dataset: the champion, and its successor, which learned for longer."""
    servers = [{"kind": "ollama", "url": ollama_server.url}]
    world = World.make(tmp_path_factory.mktemp("served"), AGENT, servers)
    runs = [world.run(MODEL=DEMO_MODEL, **{**SETTINGS, "ITERS": steps}) for steps in (HARDLY, BETTER)]
    return Published(world, *runs)

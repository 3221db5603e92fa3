"""A real Ollama for the session, and a model of seconds that it serves."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served.ollama_server import OllamaServer, running_ollama
from workflows.local.execution import ROOT

_WRITE_BASE = "import pathlib, sys, tests.tiny_model as tiny; tiny.write_tiny_base(pathlib.Path(sys.argv[1]))"


@pytest.fixture(scope="session")
def ollama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaServer]:
    """An Ollama without models."""
    with running_ollama(tmp_path_factory.mktemp("ollama")) as server:
        yield server


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of Gemma 3's architecture."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    subprocess.run([ROOT / ".venvs/train/bin/python", "-c", _WRITE_BASE, folder], cwd=ROOT, check=True)
    return folder

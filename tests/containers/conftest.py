"""The images under test, and what a run of the workflow gives each stage."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from shared import contract
from workflows.local.execution import ROOT
from workflows.placement import read_image

AGENT = "agent-bruno"
TINY = {
    "EXAMPLES_PER_ALERT": 4,
    "ITERS": 4,
    "BATCH_SIZE": 4,
    "LORA_LAYERS": 2,
    "MAX_TOKENS": 24,
    "MINIMUM_ACCURACY": 0,
    "MAXIMUM_FALSE_CALLS": 1,
    "MAXIMUM_MISSED_CALLS": 1,
}


def missing(reason: str) -> None:
    """Skips the test on a laptop, and fails it where everything has to be there."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the Docker engine; every stage's image is there."""
    try:
        client = docker.from_env()
        for stage in contract.STAGES:
            client.images.get(read_image(stage).address)
    except ImageNotFound as error:
        missing(f"{error.explanation}; `make images` builds it")
    except DockerException as error:
        missing(f"Docker does not answer: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model."""
    folder = tmp_path_factory.mktemp("base") / "tiny"
    code = "import sys, pathlib, tests.tiny_model as tiny; tiny.write_tiny_base(pathlib.Path(sys.argv[1]))"
    subprocess.run([ROOT / ".venvs/train/bin/python", "-c", code, str(folder)], cwd=ROOT, check=True)
    return folder


@dataclass(frozen=True)
class Run:
    """A finished run of the workflow; `runs` holds it with its database, store and repository."""

    runs: Path

    @property
    def folder(self) -> Path:
        return (self.runs / "latest").resolve()

    def output(self, stage: str, name: str) -> Path:
        return self.folder / stage / "outputs" / name

    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "summary.json").read_text()))


def start(runs: Path, settings: dict[str, Any], **environment: str) -> "subprocess.Popen[str]":
    """Starts `make run` with settings; runs, database, store and repository lie in the folder `runs`."""
    command = [sys.executable, "-m", "workflows.local.run", *(f"{name}={value}" for name, value in settings.items())]
    known = {**os.environ, "AGENT_TRAINING_RUNS": str(runs), **environment}
    return subprocess.Popen(command, cwd=ROOT, env=known, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(scope="session")
def undisturbed(engine: docker.DockerClient, base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the workflow in containers, with everything on this machine."""
    runs = tmp_path_factory.mktemp("undisturbed") / "runs"
    running = start(runs, {"AGENT": AGENT, "MODEL": base_model, "BACKEND": "docker", **TINY})
    _, log = running.communicate(timeout=600)
    assert running.returncode == 0, log
    return Run(runs)

"""The whole workflow in containers, from a registry's digests, against a real MLflow, S3 and Git server."""

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, ImageNotFound
from git import Repo

from shared import contract
from tests.containers.conftest import AGENT, Run
from tests.containers.worlds import World
from tests.git_server import TOKEN, git_over_http
from tests.minio_server import MinioServer, minio_server
from tests.mlflow_server import mlflow_server, running_mlflow
from tests.registry_server import registry
from tools.images.release import raised
from workflows.local import container
from workflows.local.demo import demo_repository
from workflows.local.execution import ROOT

__all__ = ["minio_server", "mlflow_server", "registry"]
COMPARED = ("dataset/outputs/dataset", "convert/outputs/model", "train/outputs/model", "train/outputs/adapters")
# Run in a checkout: what Flyte would be given, as text.
_SERIALISED = """
from collections import OrderedDict
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from workflows.agent_training import agent_training_pipeline
image = Image(name="default", fqn="unused", tag="unused")
settings = SerializationSettings(project="p", domain="d", version="v", image_config=ImageConfig(default_image=image))
entities = OrderedDict()
get_serializable(entities, settings, agent_training_pipeline)
print("\\n".join(str(entity.to_flyte_idl()) for entity in entities.values()))
"""


class Checkout:
    """A clone of the repository whose images.toml names the tests' registry."""

    def __init__(self, folder: Path, registry: str) -> None:
        self.folder = folder
        Repo.clone_from(str(ROOT), folder).close()
        (folder / ".venvs").symlink_to(ROOT / ".venvs")
        self.images = folder / "workflows" / "images.toml"
        self.images.write_text(re.sub(r'"[^"/]+/', f'"{registry}/', self.images.read_text()))
        self.commit("Name the registry")

    def commit(self, subject: str) -> None:
        with Repo(self.folder) as repo:
            repo.git.add("--update")
            repo.git.execute(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", subject])

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=900)

    def done(self, *arguments: str) -> str:
        """Runs a tool, which must succeed, and returns what it printed."""
        finished = self.tool(*arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def build(self, *stages: str) -> None:
        base = os.environ.get("BASE_IMAGE", "")
        self.done("tools.images", "build", *stages, *(["--base", base] if base else []))

    def pinned(self) -> dict[str, str]:
        return dict(re.findall(r'^(\w+) = "([^"]+)"', self.images.read_text(), flags=re.M))

    def serialised(self) -> list[str]:
        finished = subprocess.run([sys.executable, "-c", _SERIALISED], cwd=self.folder, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return sorted(finished.stdout.splitlines())  # flytekit lists a node's predecessors in any order

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        assert old in file.read_text(), path
        file.write_text(file.read_text().replace(old, new, 1))


@pytest.fixture(scope="module")
def checkout(
    engine: docker.DockerClient, registry: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Checkout]:
    made = Checkout(tmp_path_factory.mktemp("checkout") / "project", registry)
    made.build()
    made.done("tools.images", "push")
    for stage in contract.STAGES:
        made.done("tools.images.pins", "pin", stage, "--version", contract.load(stage).version)
    made.commit("Pin what was pushed")
    for reference in made.pinned().values():
        engine.images.remove(reference.partition("@")[0])  # so that a run has to fetch it
    yield made
    for image in engine.images.list(filters={"reference": f"{registry}/*/*"}):
        for name in (*image.tags, *image.attrs["RepoDigests"]):  # the same content may have names of others
            if name.startswith(registry):
                with contextlib.suppress(ImageNotFound):  # its last tag takes the digest with it
                    engine.images.remove(name)


@pytest.fixture(scope="module")
def servers(
    mlflow_server: str, minio_server: MinioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """Addresses and credentials of real servers, and the folder of the Git server."""
    repositories = tmp_path_factory.mktemp("repositories")
    make_bucket(minio_server, "models")
    with git_over_http(repositories) as (address, _):
        yield {
            "repositories": repositories,
            "git": address,
            "environment": {"MLFLOW_TRACKING_URI": mlflow_server, "GIT_TOKEN": TOKEN, **minio_server.environment()},
        }


def make_bucket(server: MinioServer, name: str) -> None:
    """Makes a bucket by the client that publish has."""
    code = (
        "import os, sys; from minio import Minio; address, name = sys.argv[1:]\n"
        "keys = os.environ['AWS_ACCESS_KEY_ID'], os.environ['AWS_SECRET_ACCESS_KEY']\n"
        "Minio(address.removeprefix('http://'), *keys, secure=False).make_bucket(name)"
    )
    python = ROOT / ".venvs/publish/bin/python"
    environment = {**os.environ, **server.environment()}
    subprocess.run([python, "-c", code, server.endpoint, name], env=environment, check=True)


def world(folder: Path, checkout: Checkout, servers: dict[str, Any], model: Path, **environment: str) -> World:
    """Returns a place with a repository and a prefix in the bucket of its own."""
    name = folder.name
    bare = demo_repository(servers["repositories"] / f"{name}.git")
    with Repo(bare) as repo:
        repo.git.config("http.receivepack", "true")
    known = {**servers["environment"], "STORE_URI": f"s3://models/{name}", **environment}
    return World(folder, checkout.folder, f"{servers['git'].rstrip('/')}/homelab.git", bare, known, model)


@pytest.fixture(scope="module")
def real(
    checkout: Checkout, servers: dict[str, Any], base_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> World:
    return world(tmp_path_factory.mktemp("real"), checkout, servers, base_model)


@pytest.fixture(scope="module")
def published(real: World) -> Run:
    return real.run(BACKEND="docker")


def test_the_workflow_runs_from_a_registry_s_digests_against_real_servers(
    checkout: Checkout, real: World, published: Run
) -> None:
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", reference) for reference in checkout.pinned().values())
    assert [f"{stage}: pulling " in real.log() for stage in contract.PIPELINE] == [True] * 6
    summary, state = published.summary(), real.state()
    version = summary["model_version"]
    assert summary["outcome"].startswith(f"published {version}: ")
    assert state["git"]["version"] == version
    assert f"{AGENT}/{version}/manifest.json" in state["store"]
    assert state["mlflow"]["aliases"]["champion"] == state["mlflow"]["versions"][0][0]
    assert state["mlflow"]["runs"] == [[f"{AGENT}-functiongemma-{version.removeprefix('v')}", "FINISHED"]]


def test_running_again_changes_nothing(real: World, published: Run) -> None:
    version, before = published.summary()["model_version"], real.state()
    assert real.run(BACKEND="docker").summary()["outcome"] == f"already published: {version}"
    assert real.state() == before


def test_processes_and_containers_make_the_same_bytes(
    checkout: Checkout, servers: dict[str, Any], base_model: Path, real: World, published: Run, tmp_path: Path
) -> None:
    (tmp_path / "mlflow").mkdir()
    local = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow/mlflow.db"}
    by_process = world(tmp_path, checkout, servers, base_model, **local)
    run = by_process.run(BACKEND="process")
    assert run.summary()["model_version"] == published.summary()["model_version"]
    for path in COMPARED:
        assert (run.folder / path).read_bytes() == (published.folder / path).read_bytes(), path
    assert by_process.state()["store"].keys() == real.state()["store"].keys()


@pytest.fixture(params=["database", "server"])
def tracking_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An MLflow that knows nothing yet: a file of this machine, or a server of its own."""
    folder = tmp_path / "mlflow"
    folder.mkdir()
    if request.param == "database":
        yield f"sqlite:///{folder}/mlflow.db"
        return
    with running_mlflow(folder) as server:
        yield server.address


def test_a_stage_that_was_killed_at_any_moment_is_mended_by_its_next_attempt(
    tracking_uri: str,
    checkout: Checkout,
    servers: dict[str, Any],
    base_model: Path,
    real: World,
    published: Run,
    engine: docker.DockerClient,
    tmp_path: Path,
) -> None:
    disturbed = world(tmp_path, checkout, servers, base_model, MLFLOW_TRACKING_URI=tracking_uri)
    delays = {stage: random.uniform(0, seconds(published, stage)) for stage in contract.PIPELINE}
    early = random.choice(contract.PIPELINE)  # as this run may be faster than that one, and all would miss it
    delays[early] = random.uniform(0, seconds(published, early) / 4)
    print(f"each is killed after so many seconds: {delays}")
    killer = Killer(engine, f"-{AGENT}-", delays)
    killer.start()
    try:
        run = disturbed.run(BACKEND="docker")
    finally:
        killer.ended.set()
        killer.join()
    assert killer.killed, f"every stage was faster than {delays}"
    again = disturbed.run(BACKEND="docker")
    assert again.summary()["outcome"] == f"already published: {published.summary()['model_version']}"
    expected, state = real.state(), disturbed.state()
    assert state["git"] == expected["git"]
    assert state["mlflow"] == expected["mlflow"]
    assert state["store"].keys() == expected["store"].keys()
    for path in COMPARED:
        assert (run.folder / path).read_bytes() == (published.folder / path).read_bytes(), path


def seconds(run: Run, stage: str) -> float:
    return float(json.loads((run.folder / stage / "stage.json").read_text())["seconds"])


class Killer(threading.Thread):
    """Kills each stage's first container, a while after its start."""

    def __init__(self, engine: docker.DockerClient, name: str, delays: dict[str, float]) -> None:
        super().__init__(daemon=True)
        self.engine, self.name_part, self.delays = engine, name, dict(delays)
        self.ended = threading.Event()
        self.killed: list[str] = []

    def run(self) -> None:
        while not self.ended.wait(0.05):
            for found in self.engine.containers.list(filters={"label": container.RUN_LABEL}, ignore_removed=True):
                stage = str(found.name).rpartition("-")[2]
                if delay := self.delays.pop(stage, None):
                    self._kill(str(found.id), stage, delay)

    def _kill(self, identity: str, stage: str, delay: float) -> None:
        time.sleep(delay)
        try:
            self.engine.api.kill(identity, "SIGKILL")
            self.killed.append(stage)
        except APIError:  # it has ended by itself
            pass


def test_another_version_of_a_stage_is_one_line_there_and_one_back(
    checkout: Checkout, servers: dict[str, Any], base_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "mlflow").mkdir()
    local = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow/mlflow.db"}
    place = world(tmp_path, checkout, servers, base_model, **local)
    old_pins, old_workflow = checkout.images.read_text(), checkout.serialised()

    first = contract.load("train").version
    second = raised(first, "minor")
    checkout.edit("stages/train/main.py", '"""', f'"""Version {second}: ')
    checkout.edit("stages/train/CHANGELOG.md", f"## {first}", f"## Unreleased\n\n- Says its version.\n\n## {first}")
    checkout.done("tools.images.release", "train", "--part", "minor")
    checkout.commit(f"Release train {second}")
    checkout.build("train")
    checkout.done("tools.images", "push", "train")
    checkout.done("tools.images.pins", "pin", "train", "--version", second)
    assert changed_lines(old_pins, checkout.images.read_text()) == 1
    assert checkout.pinned()["train"].partition("@")[0].endswith(f"/train:{second}")
    different = set(checkout.serialised()) ^ set(old_workflow)
    assert different and all(first in line or second in line for line in different), different
    place.run(BACKEND="docker")
    assert f"── train {second} ──\n" in place.log()

    checkout.done("tools.images.pins", "pin", "train", "--version", first)
    assert checkout.images.read_text() == old_pins
    assert checkout.serialised() == old_workflow
    place.run(BACKEND="docker")
    assert f"── train {first} ── (the tree has {second})\n" in place.log()


def test_a_digest_that_the_registry_does_not_have_stops_the_run_before_it_starts(
    checkout: Checkout, real: World
) -> None:
    pins = checkout.images.read_text()
    checkout.images.write_text(re.sub(r"^(train = .*@sha256:)\w+", rf"\g<1>{'0' * 64}", pins, flags=re.M))
    try:
        running = real.start(BACKEND="docker")
        _, log = running.communicate(timeout=300)
    finally:
        checkout.images.write_text(pins)
    assert running.returncode == 2
    *_, last = log.splitlines()
    assert re.fullmatch(
        r"run: the image \S+/train@sha256:0{64} is neither here nor in its registry; "
        r"`make versions` shows what is there, `make pin-train VERSION=…` pins it",
        last,
    ), last
    assert "── dataset" not in log


def changed_lines(old: str, new: str) -> int:
    return sum(before != after for before, after in zip(old.splitlines(), new.splitlines(), strict=True))


def test_a_version_with_another_interface_is_refused_by_name(checkout: Checkout) -> None:
    checkout.edit("stages/evaluate/contract.py", "max_tokens", "most_tokens")
    heading = f"## {contract.load('evaluate').version}"
    checkout.edit("stages/evaluate/CHANGELOG.md", heading, f"## Unreleased\n\n- Renames max_tokens.\n\n{heading}")
    refused = checkout.tool("tools.images.release", "evaluate", "--part", "minor")
    assert refused.returncode == 1
    assert "max_tokens" in refused.stderr and "major" in refused.stderr, refused.stderr
    checkout.done("tools.images.release", "evaluate")
    version = raised(contract.load("evaluate").version, "major")
    checkout.commit(f"Release evaluate {version}")
    checkout.build("evaluate")
    checkout.done("tools.images", "push", "evaluate")
    with Repo(checkout.folder) as repo:  # the other stages, and the workflow, stay what they were
        repo.git.checkout("HEAD~1", "--", "stages/evaluate")
    before = checkout.images.read_text()
    refused = checkout.tool("tools.images.pins", "pin", "evaluate", "--version", version)
    assert refused.returncode == 1
    assert f"evaluate {version} has no input max_tokens, which the workflow passes" in refused.stderr
    assert checkout.images.read_text() == before

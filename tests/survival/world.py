"""One row's own agent, repository and place in the store, on servers that all rows share."""

import itertools
import json
import os
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from shared import contract
from tests import samples
from tests.git_server import TOKEN
from tests.minio_server import MinioServer
from tests.survival.forking_stage import Request
from tests.survival.mlflow_rest import ask, send
from tests.survival.programs import Finished, Fork, ForkingStage, run_program
from tests.survival.reader import NOBODY, Reader

BUCKET = "models"
STAGES = ("register", "publish")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Servers:
    """Real servers, the stages that are ready to fork, and the folder that holds all data of the servers."""

    mlflow: str
    s3: MinioServer
    git: str
    repositories: Path
    folder: Path
    stages: Mapping[str, ForkingStage]


@dataclass(frozen=True)
class World:
    """An agent that is registered and published: its artefacts, repository, environment, and who looks at it."""

    servers: Servers
    folder: Path
    agent: str
    artefacts: Mapping[str, Path]
    environment: Mapping[str, str]
    repository: Path
    store: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, servers: Servers, folder: Path, agent: str = "", weights: bytes = bytes(64)) -> "World":
        """Returns a new world. weights: the content of the model."""
        name = agent or f"agent-{next(_numbers)}"
        (folder / "temporary").mkdir(parents=True)
        repository = servers.repositories / f"{name}.git"
        write_repository(repository, [name])
        environment = _environment(servers, f"s3://{BUCKET}/{name}", folder / "temporary")
        world = cls(servers, folder, name, write_artefacts(folder, name, weights), environment, repository, name)
        return replace(world, settings={"repository": world.url, "minimum_accuracy": "0.8"})

    @property
    def url(self) -> str:
        """The repository as publish gets it."""
        return f"{self.servers.git}/{self.repository.name}"

    @property
    def temporary(self) -> Path:
        """Where the stages make their temporary files."""
        return self.folder / "temporary"

    def reader(self) -> Reader:
        """Returns who looks at it past the stages."""
        bucket, _, prefix = self.environment["STORE_URI"].removeprefix("s3://").partition("/")
        client = s3_client(self.servers.s3)
        return Reader(self.agent, self.servers.mlflow, client, bucket, prefix, self.repository)

    def with_environment(self, **changed: str) -> "World":
        """Returns the same world as stages with other variables find it."""
        return replace(self, environment={**self.environment, **changed})

    def with_settings(self, **changed: str) -> "World":
        """Returns the same world with other scalar inputs."""
        return replace(self, settings={**self.settings, **changed})

    def with_s3(self, server: MinioServer) -> "World":
        """Returns the same world with its store on another server."""
        return replace(self, servers=replace(self.servers, s3=server)).with_environment(**server.environment())

    def with_inputs(self, **changed: Path) -> "World":
        """Returns the same world with other artefacts."""
        return replace(self, artefacts={**self.artefacts, **changed})

    # Runs

    def run(self, stage: str, given: Mapping[str, str] | None = None) -> Finished:
        """Runs a stage as a program. given: what earlier stages handed on."""
        outputs = self._outputs_folder(stage)
        finished = run_program(stage, self.arguments(stage, given or {}, outputs), self.environment)
        return replace(finished, outputs=read_outputs(stage, outputs))

    def start(self, stage: str, given: Mapping[str, str] | None = None, **disturbance: Any) -> "Running":
        """Starts a forked run. disturbance: as forking_stage.Request has it."""
        outputs = self._outputs_folder(stage)
        log = outputs.with_suffix(".log")
        log.touch()  # a run may die before it opens it
        arguments = self.arguments(stage, given or {}, outputs)
        request = Request(arguments, dict(self.environment), str(log), **disturbance)
        return Running(self.servers.stages[stage].start(request), outputs)

    def register(self) -> dict[str, str]:
        """Registers the model by a forked run, which must succeed, and returns what it hands on."""
        return succeeded(self.start("register").wait()).outputs

    def publish(self, given: Mapping[str, str]) -> dict[str, str]:
        """Publishes by a forked run, which must succeed."""
        return succeeded(self.start("publish", given).wait()).outputs

    def _outputs_folder(self, stage: str) -> Path:
        return self.folder / f"{stage}-{uuid.uuid4().hex[:8]}"

    def arguments(self, stage: str, given: Mapping[str, str], outputs: Path) -> list[str]:
        """Returns a stage's command line. given: what earlier stages handed on."""
        artefacts = {name: str(path) for name, path in self.artefacts.items()}
        known = {**given, **artefacts, **self.settings}
        fields = [field for field in contract.load(stage).inputs if field.name in known]
        return [*(part for field in fields for part in (field.flag, known[field.name])), "--outputs", str(outputs)]

    # What is there

    def forget(self) -> None:
        """Makes the world what it was at first: for MLflow, in the store, and in the repository."""
        self.forget_in_mlflow()
        client = s3_client(self.servers.s3)
        for found in client.list_objects(BUCKET, prefix=f"{self.store}/", recursive=True):
            client.remove_object(BUCKET, str(found.object_name))
        subprocess.run(["rm", "-rf", self.repository], check=True)
        write_repository(self.repository, [self.agent])

    def forget_in_mlflow(self) -> None:
        """Takes everything that MLflow knows of the agent out of its sight."""
        _forget(self.servers.mlflow, self.agent)


@dataclass(frozen=True)
class Running:
    """A forked run, and where its outputs will be."""

    fork: Fork
    outputs: Path

    def kill(self, with_children: bool = True) -> None:
        """Ends it by SIGKILL."""
        self.fork.kill(with_children)

    def wait(self) -> Finished:
        """Returns what became of it."""
        finished = self.fork.wait()
        return replace(finished, outputs=read_outputs(finished.stage, self.outputs))


def succeeded(run: Finished) -> Finished:
    """Returns a run that ended well."""
    assert run.code == 0, run.errors
    return run


def read_outputs(stage: str, folder: Path) -> dict[str, str]:
    """Returns a stage's outputs by name: the text of a scalar, the path of an artefact."""
    fields = [field for field in contract.load(stage).outputs if (folder / field.name).is_file()]
    return {
        field.name: str(folder / field.name) if field.artifact else (folder / field.name).read_text("utf-8")
        for field in fields
    }


def write_artefacts(folder: Path, agent: str, weights: bytes) -> dict[str, Path]:
    """Writes what dataset, train and evaluate hand on, for an agent; returns it by the names of the inputs."""
    dataset = samples.write_dataset(folder / "dataset").path
    (dataset / "agent.json").write_text(json.dumps(samples.AGENT | {"agent": agent}))
    return {
        "dataset": dataset,
        "model": samples.write_model(folder / "model", weights).path,
        "adapters": samples.write_adapters(folder / "adapters").path,
        "metrics": samples.write_metrics(folder / "metrics.json").path,
        "evaluation": samples.write_evaluation(folder / "evaluation").path,
    }


def write_repository(bare: Path, agents: Iterable[str]) -> None:
    """Makes a bare repository whose branch main holds the folder of each agent."""
    files = "".join(
        f"M 100644 inline flux/ai/{agent}/MODEL_VERSION\ndata {len(NOBODY) + 1}\n{NOBODY}\n" for agent in agents
    )
    commit = (
        f"commit refs/heads/main\ncommitter Anna <anna@localhost> 1700000000 +0000\ndata 13\nAdd the agent\n{files}"
    )
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", bare], check=True)
    fast_import(bare, commit.encode())


def commit_of(subject: str, files: str, branch: str = "main") -> str:
    """Returns the stream of a first commit. files: as `git fast-import` takes them."""
    person = "Anna <anna@localhost> 1700000000 +0000"
    return f"commit refs/heads/{branch}\ncommitter {person}\ndata {len(subject)}\n{subject}\n{files}"


def fast_import(bare: Path, stream: bytes) -> None:
    """Feeds `git fast-import`."""
    subprocess.run(["git", "-C", bare, "fast-import", "--quiet", "--force"], input=stream, check=True)


def s3_client(server: MinioServer) -> Minio:
    """Returns a client of the server, to look at it past the stages."""
    return Minio(server.endpoint.removeprefix("http://"), server.access_key, server.secret_key, secure=False)


def s3_admin(server: MinioServer) -> MinioAdmin:
    """Returns who makes accounts and quotas on the server."""
    keys = StaticProvider(server.access_key, server.secret_key)
    host = server.endpoint.removeprefix("http://")
    return MinioAdmin(endpoint=host, credentials=keys, region="us-east-1", secure=False)


def _environment(servers: Servers, store: str, temporary: Path) -> dict[str, str]:
    own = {"MLFLOW_TRACKING_URI": servers.mlflow, "STORE_URI": store, "GIT_TOKEN": TOKEN, "TMPDIR": str(temporary)}
    return {**os.environ, **servers.s3.environment(), **own}


def _forget(mlflow: str, agent: str) -> None:
    model = {"name": f"{agent}-functiongemma"}
    if ask(mlflow, f"registered-models/get?{urlencode(model)}"):
        send(mlflow, "DELETE", "registered-models/delete", model)
    found = ask(mlflow, f"experiments/get-by-name?experiment_name={agent}-training")
    if found:  # MLflow keeps the name of a deleted experiment, so it gets another one
        experiment, renamed = found["experiment"]["experiment_id"], f"{agent}-training-{uuid.uuid4().hex[:8]}"
        send(mlflow, "POST", "experiments/update", {"experiment_id": experiment, "new_name": renamed})

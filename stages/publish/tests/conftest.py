"""A fresh MLflow database, a store and a bare repository for each test, and a model that was registered."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

import pytest
from minio import Minio
from mlflow.tracking import MlflowClient

from shared import names
from shared.access.mlflow import prepare
from shared.errors import StageError
from stages.publish.contract import Inputs, Outputs
from stages.publish.main import run
from stages.publish.store.bundle import Bundle
from tests import samples
from tests.minio_server import MinioServer
from tests.minio_server import minio_server as minio_server
from tests.mlflow_server import mlflow_server as mlflow_server

AGENT = str(samples.AGENT["agent"])
MODEL = names.registered_model(AGENT)
PATH = names.model_version_path(AGENT)
VERSION, OLD = "v20251224-01234567", "v20251201-aaaaaaaa"
DECISION = f"accuracy 0.90 on 4 rows is at least 0.80; not worse than {OLD}: 4 of 4 common rows right against 3"


def publish(inputs: Inputs) -> Outputs:
    """Runs the stage beside its inputs."""
    return run(inputs, inputs.dataset.path.parent)


def refusal_of(inputs: Inputs) -> str:
    """Returns why the stage publishes nothing."""
    with pytest.raises(StageError) as refused:
        publish(inputs)
    return str(refused.value)


def deploying(inputs: Inputs, **deploy: object) -> Inputs:
    """Returns the inputs of an agent whose config.yaml has this block `deploy`."""
    agent = samples.AGENT | {"config": {"deploy": deploy}}
    (inputs.dataset.path / "agent.json").write_text(json.dumps(agent))
    return inputs


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with all its tables; making them takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    address = f"sqlite:///{file}"
    prepare(address, {})
    MlflowClient(address).search_experiments()
    return file


@pytest.fixture
def database(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the empty database, which the environment names."""
    file = tmp_path / "mlflow.db"
    copyfile(empty_database, file)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    return file


@pytest.fixture
def client(database: Path) -> MlflowClient:
    """A client of the test's database."""
    address = f"sqlite:///{database}"
    return MlflowClient(address, registry_uri=address)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, which the environment names."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv("STORE_URI", folder.as_uri())
    return folder


@pytest.fixture
def bucket(minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, which the environment names as the store."""
    name = f"models-{uuid.uuid4().hex[:12]}"
    s3_client(minio_server).make_bucket(name)
    for variable, value in minio_server.environment().items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("STORE_URI", f"s3://{name}/models")
    return name


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A version of three files."""
    files = {name: tmp_path / "files" / name for name in ("adapters/weights", "config.json", "evaluation/report.json")}
    for name, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return Bundle(files, about(VERSION))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Keys in PEM, as openssl makes them: private and public, of others, and some that cannot sign."""
    file = tmp_path_factory.mktemp("keys") / "signing.pem"
    made = openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
    file.write_text(made)
    other = file.with_name("other.pem")
    other.write_text(openssl("ecparam", "-name", "prime256v1", "-genkey"))
    return {
        "private": made,
        "public": openssl("ec", "-in", str(file), "-pubout"),
        "other private": other.read_text(),
        "other public": openssl("ec", "-in", str(other), "-pubout"),
        "encrypted": openssl("ec", "-in", str(file), "-aes256", "-passout", "pass:geheim"),
        "ed25519": openssl("genpkey", "-algorithm", "ed25519"),
        "secp256k1": openssl("ecparam", "-name", "secp256k1", "-genkey", "-noout"),
        "no key": "geheim",
    }


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A clone of the repository, as a person has it."""
    folder = tmp_path / "work"
    (folder / PATH).parent.mkdir(parents=True)
    (folder / PATH).write_text(f"{OLD}\n")
    (folder / "README.md").write_text("# homelab\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Add the agent")
    return folder


@pytest.fixture
def repository(work: Path, tmp_path: Path) -> Path:
    """The bare repository that `work` pushes to."""
    bare = tmp_path / "homelab.git"
    git(tmp_path, "clone", "-q", "--bare", str(work), str(bare))
    git(work, "remote", "add", "origin", str(bare))
    return bare


@pytest.fixture
def inputs(tmp_path: Path, repository: Path, store: Path) -> Inputs:
    """What register hands on for an approved model."""
    return Inputs(
        dataset=samples.write_dataset(tmp_path / "dataset"),
        model=samples.write_model(tmp_path / "model"),
        adapters=samples.write_adapters(tmp_path / "adapters"),
        evaluation=samples.write_evaluation(tmp_path / "evaluation"),
        card=samples.write_card(tmp_path / "card.md"),
        repository=str(repository),
        approved=True,
        decision=DECISION,
        model_version=VERSION,
        champion=OLD,
        run_id="0123abcd",
        minimum_accuracy=0.8,
    )


@pytest.fixture
def registered(inputs: Inputs, client: MlflowClient) -> Inputs:
    """The inputs, with the champion and the model registered in the test's database."""
    register(client, inputs)
    return inputs


def about(version: str, content: str = "ab" * 32) -> dict[str, str]:
    """Returns what a manifest says about a version."""
    known = {"agent": AGENT, "version": version, "name": names.model_name(AGENT, version), "source_commit": "c0" * 20}
    return {**known, names.CONTENT_TAG: content, names.DATASET_TAG: "cd" * 32}


def openssl(*arguments: str) -> str:
    """Returns what openssl prints."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def blob_of(content: str) -> str:
    """Returns the key of a file that holds a text."""
    return f"blobs/sha256/{hashlib.sha256(content.encode()).hexdigest()}"


def register(client: MlflowClient, inputs: Inputs) -> None:
    """Registers a champion, and the model as its challenger."""
    client.create_registered_model(MODEL)
    run = client.create_run("0").info
    for version, content, status in (
        (OLD, "00" * 32, names.PUBLISHED),
        (VERSION, inputs.model.content_digest(), names.REGISTERED),
    ):
        tags = {names.VERSION_TAG: version, names.CONTENT_TAG: content, names.STATUS_TAG: status}
        client.create_model_version(MODEL, f"{run.artifact_uri}/model", run.run_id, tags=tags)
    client.set_registered_model_alias(MODEL, names.CHAMPION, "1")


def aliases(client: MlflowClient) -> dict[str, str]:
    """Returns the aliases of the registered model; MLflow has numbers as text or as integers."""
    return {alias: str(number) for alias, number in client.get_registered_model(MODEL).aliases.items()}


def s3_client(server: MinioServer) -> Minio:
    """Returns a client of the server, to look at it past the stage."""
    host = server.endpoint.removeprefix("http://")
    return Minio(host, server.access_key, server.secret_key, secure=False, region="us-east-1")


def git(folder: Path, *arguments: str) -> str:
    """Returns what git prints."""
    identity = ["-c", "user.name=Anna", "-c", "user.email=anna@localhost", "-c", "commit.gpgsign=false"]
    run = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def push(work: Path, message: str, **changes: str) -> str:
    """Commits and pushes new contents of files, by their paths; returns the commit."""
    for path, content in changes.items():
        (work / path).write_text(content)
    git(work, "add", ".")
    git(work, "commit", "-qm", message)
    git(work, "push", "-q", "origin", "main")
    return git(work, "rev-parse", "HEAD")


def install_hook(repository: Path, name: str, script: str) -> None:
    """Makes a hook of the bare repository."""
    hook = repository / "hooks" / name
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


@contextmanager
def frozen(server: MinioServer) -> Iterator[None]:
    """Stops the server for the time of the block; connections to it stay open."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def nothing_changes(*places: Path) -> Iterator[None]:
    """Asserts that the block changes no file, no branch and no row of a database."""
    before = [_state(place) for place in places]
    yield
    assert [_state(place) for place in places] == before


def _state(place: Path) -> object:
    if place.suffix == ".db":
        with sqlite3.connect(place) as connection:
            return list(connection.iterdump())
    if place.suffix == ".git":
        return git(place, "for-each-ref")
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return [(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files]

"""A fresh MLflow database for each test, and the tiny artefacts that register takes."""

import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from shared import names
from shared.access.mlflow import prepare
from shared.artifacts import ChatDataset, Evaluation
from stages.register.contract import Inputs
from tests import samples
from tests.mlflow_server import mlflow_server as mlflow_server

AGENT = str(samples.AGENT["agent"])


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
    file = tmp_path / "mlflow" / "mlflow.db"
    file.parent.mkdir()
    copyfile(empty_database, file)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    return file


@pytest.fixture
def client(database: Path) -> MlflowClient:
    """A client of the test's database."""
    address = f"sqlite:///{database}"
    return MlflowClient(address, registry_uri=address)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """What a first run of the workflow gives to register."""
    return Inputs(
        dataset=samples.write_dataset(tmp_path / "dataset"),
        model=samples.write_model(tmp_path / "model"),
        adapters=samples.write_adapters(tmp_path / "adapters"),
        metrics=samples.write_metrics(tmp_path / "metrics.json"),
        evaluation=samples.write_evaluation(tmp_path / "evaluation"),
    )


def with_weights(inputs: Inputs, weights: bytes) -> Inputs:
    """Returns the inputs with another model."""
    folder = inputs.model.path.with_name(f"model-{weights.hex()}")
    return dataclasses.replace(inputs, model=samples.write_model(folder, weights))


def with_accuracy(inputs: Inputs, accuracy: float) -> Inputs:
    """Returns the inputs with an evaluation that tells another accuracy."""
    folder = inputs.evaluation.path.with_name(f"evaluation-{accuracy}")
    return dataclasses.replace(inputs, evaluation=samples.write_evaluation(folder, accuracy))


def with_answers(inputs: Inputs, answers: dict[int, str]) -> Inputs:
    """Returns the inputs with an evaluation that holds other raw answers, by the number of the row."""
    folder = inputs.evaluation.path.with_name("evaluation-with-answers")
    evaluation = samples.write_evaluation(folder)
    texts = {samples.row(number)["id"]: text for number, text in answers.items()}
    told = [known | {"tuned": texts.get(known["id"], known["tuned"])} for known in evaluation.predictions()]
    write_lines(folder / "predictions.jsonl", told)
    return dataclasses.replace(inputs, evaluation=Evaluation(folder))


def with_remedy(inputs: Inputs, number: int, call: dict[str, Any]) -> Inputs:
    """Returns the inputs with a dataset in which one test row has another right call."""
    folder = inputs.dataset.path.with_name("dataset-with-remedy")
    samples.write_dataset(folder)
    wanted = samples.row(number)["id"]
    rows = [row | ({"call": json.dumps(call)} if row["id"] == wanted else {}) for row in inputs.dataset.rows("test")]
    write_lines(folder / "test.jsonl", rows)
    return dataclasses.replace(inputs, dataset=ChatDataset(folder))


def write_lines(file: Path, objects: Iterable[dict[str, Any]]) -> None:
    """Writes JSON lines."""
    file.write_text("".join(json.dumps(value) + "\n" for value in objects))


def crown(client: MlflowClient, version: str) -> None:
    """Makes the version the champion."""
    model = names.registered_model(AGENT)
    found = [one for one in client.search_model_versions(f"name = '{model}'") if one.tags["model_version"] == version]
    client.set_registered_model_alias(model, names.CHAMPION, found[0].version)


@contextmanager
def nothing_changes(database: Path) -> Iterator[None]:
    """Asserts that the block changes no row of the database and no artefact."""
    before = state(database)
    yield
    assert state(database) == before


def state(database: Path) -> tuple[list[str], dict[str, bytes]]:
    """Returns the database as SQL, and its artefacts by their paths."""
    artefacts = database.parent / "mlflow-artifacts"
    files = {str(path.relative_to(artefacts)): path.read_bytes() for path in artefacts.rglob("*") if path.is_file()}
    with sqlite3.connect(database) as connection:
        return list(connection.iterdump()), files

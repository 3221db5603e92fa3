"""register before a server that wants a password, stands still, or takes no artefact: each is told in one line."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared.access import mlflow as mlflow_access
from shared.errors import StageError
from stages.register.contract import Inputs
from stages.register.main import run
from stages.register.tests.conftest import with_weights
from tests.mlflow_server import MlflowServer, running_mlflow
from tests.small_servers import serving

PASSWORD = "geheim-geheim-geheim"
CREDENTIALS = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def guarded(place: Path) -> Iterator[MlflowServer]:
    """A server with basic authentication, as MLflow brings it: https://mlflow.org/docs/latest/auth"""
    settings = {
        "default_permission": "READ",
        "database_uri": f"sqlite:///{place}/accounts.db",
        "admin_username": "admin",
        "admin_password": PASSWORD,
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
    }
    file = place / "accounts.ini"
    file.write_text("[mlflow]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    variables = {"MLFLOW_AUTH_CONFIG_PATH": str(file), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-the-tests"}
    with running_mlflow(place, "--app-name", "basic-auth", **variables) as server:
        yield server


@pytest.fixture(autouse=True)
def credentials(guarded: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    given = {"URI": guarded.address, "USERNAME": "admin", "PASSWORD": PASSWORD}
    os.environ |= {f"MLFLOW_TRACKING_{name}": value for name, value in given.items()}
    yield


def refusal_of(inputs: Inputs, folder: Path) -> str:
    with pytest.raises(StageError) as refused:
        run(inputs, folder)
    return str(refused.value)


def test_with_the_password_everything_is_registered(inputs: Inputs, guarded: MlflowServer, tmp_path: Path) -> None:
    outputs = run(inputs, tmp_path)
    assert MlflowClient(guarded.address).get_run(outputs.run_id).info.status == "FINISHED"


def test_the_page_of_the_run_is_the_server_s_without_the_password(
    inputs: Inputs, guarded: MlflowServer, tmp_path: Path
) -> None:
    host = guarded.address.removeprefix("http://")
    os.environ["MLFLOW_TRACKING_URI"] = f"http://admin:{PASSWORD}@{host}/"
    outputs = run(inputs, tmp_path)
    experiment = MlflowClient(guarded.address).get_run(outputs.run_id).info.experiment_id
    assert outputs.run_page == f"{guarded.address}/#/experiments/{experiment}/runs/{outputs.run_id}"


@pytest.mark.parametrize("password", ["", "wrong-geheim"])
def test_another_password_is_refused_without_showing_it(
    inputs: Inputs, guarded: MlflowServer, tmp_path: Path, password: str
) -> None:
    os.environ["MLFLOW_TRACKING_PASSWORD"] = password
    told = f"does not accept the credentials (401); check {CREDENTIALS}"
    assert refusal_of(inputs, tmp_path) == f"MLflow at {guarded.address} {told}"


def test_a_server_that_stands_still_is_told_from_one_that_is_down(
    inputs: Inputs, guarded: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    monkeypatch.setattr(mlflow_access, "_IMPATIENT", mlflow_access._IMPATIENT | short)
    os.killpg(guarded.pid, signal.SIGSTOP)
    try:
        told = "gave no answer in time; check that the server is well, and run again"
        assert refusal_of(inputs, tmp_path) == f"MLflow at {guarded.address} {told}"
    finally:
        os.killpg(guarded.pid, signal.SIGCONT)


def test_an_artefact_that_the_server_cannot_keep_is_told(
    inputs: Inputs, guarded: MlflowServer, place: Path, tmp_path: Path
) -> None:
    shutil.rmtree(place / "artifacts", ignore_errors=True)
    (place / "artifacts").write_text("no folder")
    os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    try:
        remedy = "check the server's log, and the space and the rights where it keeps them"
        told = f"does not take or give artefacts; {remedy}"
        assert refusal_of(with_weights(inputs, b"other"), tmp_path) == f"MLflow at {guarded.address} {told}"
    finally:
        (place / "artifacts").unlink()


# ── servers on which nothing is recorded ──────────────────────────────────────────────────────────


def recorded(address: str) -> list[str]:
    """Returns the names of what a server has beside its own experiment."""
    client = MlflowClient(address)
    models = [model.name for model in client.search_registered_models()]
    return models + [each.name for each in client.search_experiments() if each.name != "Default"]


def test_an_older_server_is_told_at_the_first_request(inputs: Inputs, tmp_path: Path) -> None:
    with serving({"/version": b"2.22.1", "/health": b"OK"}) as address:
        os.environ["MLFLOW_TRACKING_URI"] = address
        told = refusal_of(inputs, tmp_path)
    assert told == f"MLflow at {address} is too old: the server is MLflow 2.22.1; 3 or newer is needed"


def test_a_server_whose_version_nobody_can_read_is_asked_all_the_same(inputs: Inputs, tmp_path: Path) -> None:
    with serving({"/version": b"<html>"}) as address:
        os.environ["MLFLOW_TRACKING_URI"] = address
        assert "/api/2.0/mlflow/experiments/search failed with error code 501" in refusal_of(inputs, tmp_path)


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server that leaves it to its clients to write artefacts to a path."""
    folder = tmp_path_factory.mktemp("careless")
    options = ["--no-serve-artifacts", "--default-artifact-root", str(folder / "of-the-server")]
    with running_mlflow(folder, *options) as server:
        yield server


def test_a_server_that_has_its_clients_write_to_a_path_is_refused_before_anything_is_recorded(
    inputs: Inputs, careless: MlflowServer, tmp_path: Path
) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = careless.address
    told = refusal_of(inputs, tmp_path)
    assert told.startswith(f"MLflow at {careless.address} has artefacts written to /")
    assert told.endswith("a path of the machine that writes; start it with --artifacts-destination, or give a bucket")
    assert recorded(careless.address) == []


def test_an_experiment_that_such_a_server_made_stays_refused(
    inputs: Inputs, careless: MlflowServer, tmp_path: Path
) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = careless.address
    client = MlflowClient(careless.address)
    experiment = client.create_experiment("agent-test-training")
    told = refusal_of(inputs, tmp_path)
    client.rename_experiment(experiment, "agent-test-training-before")
    assert told.endswith(
        "start it with --artifacts-destination, or give a bucket; MLflow's experiment agent-test-training "
        "stays there: rename it, and the next training makes another"
    )


def test_once_the_server_keeps_artefacts_the_next_training_is_recorded(
    inputs: Inputs, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    folder = tmp_path_factory.mktemp("mended")
    with running_mlflow(folder, "--no-serve-artifacts", "--default-artifact-root", str(folder / "path")):
        pass  # its own experiment lies at the path ever after
    with running_mlflow(folder) as mended:
        os.environ["MLFLOW_TRACKING_URI"] = mended.address
        assert run(inputs, tmp_path).run_id
        assert recorded(mended.address) == ["agent-test-functiongemma", "agent-test-training"]

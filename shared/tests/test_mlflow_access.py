"""Which MLflow is accepted, and what is said when it does not do what it should."""

import logging
import os
from pathlib import Path

import pytest

from shared.access import mlflow as mlflow_access
from shared.errors import StageError

SERVER = "https://anna:geheim@mlflow.ml:5000"


def refusal_of(address: str) -> str:
    with pytest.raises(StageError) as refusal:
        mlflow_access.prepare(address, {})
    return str(refusal.value)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize("address", ["databricks", "postgresql://u:geheim@db/mlflow", "file:///srv/mlruns", "http://"])
def test_another_kind_of_address_is_refused(address: str) -> None:
    shown = address.replace("u:geheim@", "")
    expected = f"MLFLOW_TRACKING_URI is {shown}; it must be http(s)://host:port or sqlite:///file"
    assert refusal_of(address) == expected


def test_a_database_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/missing/mlflow.db"
    expected = f"MLFLOW_TRACKING_URI is {address}, but there is no folder {tmp_path}/missing; create it"
    assert refusal_of(address) == expected


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a shopping list")
    address = f"sqlite:///{tmp_path}/notes.txt"
    expected = f"{tmp_path}/notes.txt is no SQLite database; choose another file"
    assert refusal_of(address) == f"MLFLOW_TRACKING_URI is {address}, but {expected}"


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}"
    reason = f"{tmp_path} cannot be read and written; choose another file or change its mode"
    assert refusal_of(address) == f"MLFLOW_TRACKING_URI is {address}, but {reason}"


@pytest.mark.parametrize("address", ["sqlite:///", "sqlite:///:memory:"])
def test_a_database_that_keeps_nothing_is_refused(address: str) -> None:
    reason = "it names no file, so nothing would be kept; write sqlite:///<file>"
    assert refusal_of(address) == f"MLFLOW_TRACKING_URI is {address}, but {reason}"


def test_credentials_and_limits_reach_mlflow_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    mlflow_access.prepare(SERVER, {"MLFLOW_TRACKING_TOKEN": "t", "MLFLOW_TRACKING_USERNAME": ""})
    assert (os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_TOKEN"]) == (SERVER, "t")
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert logging.getLogger("alembic").level == logging.ERROR


def test_an_authority_of_one_s_own_is_told_to_mlflow_by_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/authority.pem")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    mlflow_access.prepare(SERVER, {})
    assert os.environ["REQUESTS_CA_BUNDLE"] == "/etc/authority.pem"


def test_impatience_ends_with_its_block() -> None:
    mlflow_access.prepare(SERVER, {})
    before = dict(os.environ)
    with mlflow_access.impatience():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "10"
    assert dict(os.environ) == before


def test_artefacts_lie_beside_a_database_and_where_a_server_puts_them(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/mlflow.db"
    assert mlflow_access.artifact_location(database) == (tmp_path / "mlflow-artifacts").as_uri()
    assert mlflow_access.artifact_location(SERVER) is None


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "API request to endpoint /api failed with error code 401 != 200. Response body: ''",
            "does not accept the credentials (401); "
            "check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
        ),
        (
            "API request to endpoint /api failed with error code 403 != 200. Response body: 'Invalid Host header'",
            "refuses the request (403); "
            "give the account the right, or start the server with --allowed-hosts mlflow.ml:5000",
        ),
        (
            "API request to endpoint /api/2.0/mlflow/logged-models/search failed with error code 404 != 200.",
            "is too old: the server does not know logged models; 3 or newer is needed",
        ),
        (
            "Max retries exceeded with url: https://anna:geheim@mlflow.ml/api",
            "does not answer; check MLFLOW_TRACKING_URI and that the server runs",
        ),
        (
            "Max retries exceeded with url: /api (Caused by NewConnectionError('[Errno 111] Connection refused'))",
            "does not answer; check MLFLOW_TRACKING_URI and that the server runs (Connection refused)",
        ),
        (
            "Max retries exceeded with url: /api (Caused by ReadTimeoutError('mlflow.ml: Read timed out.'))",
            "gave no answer in time; check that the server is well, and run again",
        ),
        (
            "Max retries exceeded with url: /api (Caused by ResponseError('too many 503 error responses'))",
            "fails again and again (503); check the server's log",
        ),
        (
            "Max retries exceeded with url: /api/2.0/mlflow-artifacts/artifacts/1 "
            "(Caused by ResponseError('too many 500 error responses'))",
            "does not take or give artefacts; check the server's log, and the space and the rights where it keeps them",
        ),
        ("INTERNAL_ERROR: disk\nfull", "failed: INTERNAL_ERROR: disk full"),
    ],
)
def test_a_failure_is_told_with_its_remedy_and_without_secrets(reason: str, told: str) -> None:
    expected = f"MLflow at https://mlflow.ml:5000 {told}"
    assert str(mlflow_access.failure(SERVER, reason)) == expected


def test_a_database_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/mlflow.db"

    def is_cut_off(passing: str) -> None:
        Path(passing.removeprefix("sqlite:///")).write_bytes(b"SQLite format 3\0 and a half of the tables")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mlflow_access.create_database(address, is_cut_off)
    assert list(tmp_path.iterdir()) == []
    mlflow_access.create_database(address, lambda uri: Path(uri.removeprefix("sqlite:///")).write_text("whole"))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]
    mlflow_access.create_database(address, is_cut_off)  # it is there
    assert (tmp_path / "mlflow.db").read_text() == "whole"


def test_a_server_s_database_is_its_own_affair() -> None:
    mlflow_access.create_database("http://127.0.0.1:5000", lambda uri: pytest.fail(uri))

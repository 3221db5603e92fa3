"""How stages reach MLflow: how long they wait, with which credentials, and what they say when it fails.

MLflow reads the environment wherever it needs an address, a limit or a password, so all of it is
set there, once, before its first import.
"""

import contextlib
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.access.git import without_secret
from shared.access.mlflow_server import check_version, is_server, too_old
from shared.contract import Variable
from shared.errors import StageError, one_line

MLFLOW_TRACKING_URI = Variable("MLFLOW_TRACKING_URI", "the MLflow server's address, or sqlite:///<file>", required=True)
_CREDENTIALS = (
    Variable("MLFLOW_TRACKING_USERNAME", "the user name for a server with basic authentication"),
    Variable("MLFLOW_TRACKING_PASSWORD", "the password for it", secret=True),
    Variable("MLFLOW_TRACKING_TOKEN", "a bearer token for the server", secret=True),
)
VARIABLES = (MLFLOW_TRACKING_URI, *_CREDENTIALS)
"""What a stage that asks MLflow reads of the environment."""

_SQLITE = "sqlite:///"
_SQLITE_HEADER = b"SQLite format 3\0"
_QUIET = {
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
# By default MLflow waits for four minutes until it says that a server is down.
_PATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "120",
}
_IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def prepare(address: str, credentials: Mapping[str, str]) -> None:
    """Sets MLflow's environment: address, credentials by variable, patience; and silences what is not ours to say.

    Raises StageError where the address is neither an http(s) server nor a SQLite file that can be used.
    """
    if address.startswith(_SQLITE):
        _check_database(address)
    elif not is_server(address) or not urlsplit(address).hostname:
        known = "http(s)://host:port or sqlite:///file"
        raise StageError(f"MLFLOW_TRACKING_URI is {without_secret(address)}; it must be {known}")
    os.environ.update(_QUIET)
    os.environ.update({name: value for name, value in credentials.items() if value})
    os.environ["MLFLOW_TRACKING_URI"] = address
    os.environ["MLFLOW_REGISTRY_URI"] = address
    if authorities := os.environ.get("SSL_CERT_FILE"):
        os.environ.setdefault("REQUESTS_CA_BUNDLE", authorities)
    for name, value in _PATIENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.ERROR)


def prepare_from_environment() -> str:
    """Prepares MLflow by VARIABLES and returns its address. Raises StageError as `prepare` does."""
    address = MLFLOW_TRACKING_URI.read()
    prepare(address, {variable.name: variable.read() for variable in _CREDENTIALS})
    return address


@contextmanager
def connected() -> Iterator[Any]:
    """Yields an MlflowClient of the MLflow that the environment names, which was asked whether it is there.

    For stages whose environment holds MLflow. Raises StageError, with the address and the remedy, where MLflow is not
    there, refuses or is too old, also later in the block.
    """
    address = prepare_from_environment()
    # MLflow reads the environment while it is imported, and takes seconds for it.
    client_of = import_module("mlflow.tracking").MlflowClient
    errors = (
        import_module("mlflow.exceptions").MlflowException,
        import_module("requests").RequestException,
        import_module("sqlalchemy.exc").SQLAlchemyError,
    )

    def reached(uri: str) -> Any:
        client = client_of(uri, registry_uri=uri)
        client.search_experiments(max_results=1)
        return client

    try:
        with impatience():
            create_database(address, reached)
            if is_server(address):
                check_version(address)
            client = reached(address)
        yield client
    except errors as error:
        raise failure(address, str(error)) from None


def create_database(address: str, initialise: Callable[[str], object]) -> None:
    """Makes the SQLite file of an address, whole or not at all; does nothing where it is there or for a server.

    initialise: lets MLflow make its tables in the database of an address. Cut off in between, MLflow would
    find the half of them ever after and refuse the file.
    """
    file = database(address)
    if not address.startswith(_SQLITE) or (file.exists() and file.stat().st_size):
        return
    passing = file.with_name(f".{file.name}.{secrets.token_hex(8)}.partial")
    try:
        initialise(f"{_SQLITE}{passing}")
        file.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):  # another stage was faster
            file.hardlink_to(passing)
    finally:
        passing.unlink(missing_ok=True)


@contextmanager
def impatience() -> Iterator[None]:
    """Makes MLflow give up soon: a server that is down shall be named within seconds."""
    before = {name: os.environ[name] for name in _IMPATIENT}
    os.environ.update(_IMPATIENT)
    try:
        yield
    finally:
        os.environ.update(before)


def artifact_location(address: str) -> str | None:
    """Returns where a new experiment keeps its artefacts: beside a SQLite file; None lets a server decide."""
    if not address.startswith(_SQLITE):
        return None
    return (database(address).parent.resolve() / "mlflow-artifacts").as_uri()


def failure(address: str, reason: str) -> StageError:
    """Returns the error for a reason that MLflow gave, with the remedy where it is known."""
    where = f"MLflow at {without_secret(address)}"
    if re.search(r"error code 401|UNAUTHENTICATED", reason):
        remedy = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return StageError(f"{where} does not accept the credentials (401); check {remedy}")
    if re.search(r"error code 403|PERMISSION_DENIED", reason):
        host = urlsplit(address).netloc.rpartition("@")[2]
        remedy = f"give the account the right, or start the server with --allowed-hosts {host}"
        return StageError(f"{where} refuses the request (403); {remedy}")
    if re.search(r"/logged-models\S* failed with error code 404", reason):
        return too_old(address, "does not know logged models")
    # Where the server fails before it has read an artefact, it answers 500 or just breaks off.
    if "/mlflow-artifacts/" in reason and re.search(r"too many 5\d\d|Connection aborted|Broken pipe", reason):
        remedy = "check the server's log, and the space and the rights where it keeps them"
        return StageError(f"{where} does not take or give artefacts; {remedy}")
    if failed := re.search(r"too many (5\d\d) error responses", reason):
        return StageError(f"{where} fails again and again ({failed[1]}); check the server's log")
    if re.search(r"Read timed out|ReadTimeout", reason):
        return StageError(f"{where} gave no answer in time; check that the server is well, and run again")
    if re.search(r"Max retries exceeded|Connection|timed out|Timeout", reason):
        cause = re.search(r"\[Errno -?\d+\] ([^'\")\]]+)", reason)
        found = f" ({cause[1].strip()})" if cause else ""
        return StageError(f"{where} does not answer; check MLFLOW_TRACKING_URI and that the server runs{found}")
    return StageError(f"{where} failed: {without_secret(one_line(reason))[:300]}")


def database(address: str) -> Path:
    """Returns the file of a sqlite:/// address."""
    return Path(address.removeprefix(_SQLITE).partition("?")[0])


def _check_database(address: str) -> None:
    file = database(address)
    known = f"MLFLOW_TRACKING_URI is {without_secret(address)}, but"
    if not file.name or file.name == ":memory:":
        raise StageError(f"{known} it names no file, so nothing would be kept; write sqlite:///<file>")
    if not file.parent.is_dir():
        raise StageError(f"{known} there is no folder {file.parent}; create it")
    reached = file if file.exists() else file.parent
    if not os.access(reached, os.R_OK | os.W_OK) or file.is_dir():
        raise StageError(f"{known} {reached} cannot be read and written; choose another file or change its mode")
    if file.exists() and _head(file) not in (b"", _SQLITE_HEADER):
        raise StageError(f"{known} {file} is no SQLite database; choose another file")


def _head(file: Path) -> bytes:
    with file.open("rb") as source:
        return source.read(len(_SQLITE_HEADER))

"""What an MLflow server must be before anything is recorded there: new enough, and the keeper of its own artefacts."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from shared.access.git import without_secret
from shared.errors import StageError

OLDEST = 3  # the first major version that knows logged models
_REMEDY = "start it with --artifacts-destination, or give a bucket"


def is_server(address: str) -> bool:
    """Returns whether an MLFLOW_TRACKING_URI names a server, not a file."""
    return urlsplit(address).scheme in ("http", "https")


def check_version(address: str) -> str:
    """Returns the version of the server at an address, '' where it does not say; MLflow's environment is set.

    Raises StageError where it is too old, and MlflowException where it does not answer or refuses.
    """
    request = import_module("mlflow.utils.rest_utils").http_request
    credentials = import_module("mlflow.utils.credentials").get_default_host_creds(address)
    answer = request(credentials, "/version", "GET", raise_on_status=False)
    # A proxy may let nothing but the API through.
    found = re.fullmatch(r"(\d+)\.\d+[\w.+-]*", answer.text.strip()[:40]) if answer.status_code == 200 else None
    if found and int(found[1]) < OLDEST:
        raise too_old(address, f"is MLflow {found[0]}")
    return found[0] if found else ""


def too_old(address: str, found: str) -> StageError:
    """Returns the error for a server that is too old; found: what it is."""
    return StageError(
        f"MLflow at {without_secret(address)} is too old: the server {found}; {OLDEST} or newer is needed"
    )


def check_artifact_place(client: Any, address: str, experiment: str) -> str:
    """Returns where a server keeps, or would keep, the artefacts of the experiment of a name.

    Raises StageError where that is a path: whoever writes would write it to a disk of their own.
    """
    if known := client.get_experiment_by_name(experiment):
        return checked_place(address, known)
    # Whoever starts the server anew with other options leaves the old experiments where they were.
    place = _place_of_newest(client)
    if _is_path(place):
        place = _place_of_a_new_one(client)
    if _is_path(place):
        raise StageError(f"{_found(address, place)}; {_REMEDY}")
    return place


def check_active(client: Any, experiment: str) -> None:
    """Raises StageError where somebody deleted the experiment of a name: MLflow keeps the name."""
    known = client.get_experiment_by_name(experiment)
    if known and known.lifecycle_stage != "active":
        reason = f"restore it: mlflow experiments restore --experiment-id {known.experiment_id}"
        raise StageError(f"the MLflow experiment {experiment} was deleted; {reason}")


def checked_place(address: str, experiment: Any) -> str:
    """Returns where the artefacts of an experiment that is there lie. Raises StageError where a server keeps a path."""
    place = str(experiment.artifact_location)
    if is_server(address) and _is_path(place):
        moved = f"MLflow's experiment {experiment.name} stays there: rename it, and the next training makes another"
        raise StageError(f"{_found(address, place)}; {_REMEDY}; {moved}")
    return place


def _found(address: str, place: str) -> str:
    return f"MLflow at {without_secret(address)} has artefacts written to {place}, a path of the machine that writes"


def _is_path(place: str) -> bool:
    return urlsplit(place).scheme in ("", "file")


def _place_of_newest(client: Any) -> str:
    """Returns where the newest experiment lies whose place the server chose: it ends with the experiment's id."""
    views = import_module("mlflow.entities").ViewType
    newest = client.search_experiments(views.ALL, max_results=100, order_by=["creation_time DESC"])
    chosen = (one for one in newest if one.artifact_location.rstrip("/").endswith(f"/{one.experiment_id}"))
    return str(next((one.artifact_location for one in chosen), ""))


def _place_of_a_new_one(client: Any) -> str:
    """Returns where the server keeps an experiment that is made now, for that alone, and deleted."""
    with _passing_experiment(client) as experiment:
        return str(client.get_experiment(experiment).artifact_location)


@contextmanager
def _passing_experiment(client: Any) -> Iterator[str]:
    experiment = client.create_experiment(f"agent-training-preflight-{secrets.token_hex(8)}")
    try:
        yield experiment
    finally:
        client.delete_experiment(experiment)

"""MLflow, before a training: new enough, the keeper of its own artefacts, and of one mind with Git."""

from collections.abc import Iterator
from pathlib import Path

from shared import model_stages, names
from shared.access.git import without_secret
from shared.access.mlflow import connected, database, impatience, prepare_from_environment
from shared.access.mlflow_server import check_active, check_artifact_place, check_version, is_server
from shared.errors import StageError
from stages.publish.git.probe import Finding
from stages.publish.registered_version import Registry
from stages.publish.succession import estranged


def examine(agent: str) -> Iterator[Finding]:
    """Yields what is found at MLflow. Nothing is recorded there."""
    try:
        model_stages.follow_aliases()
    except StageError as error:
        yield Finding("mlflow stages", False, str(error))
    address = prepare_from_environment()
    if is_new(address):
        yield Finding("mlflow", True, f"{without_secret(address)} will be made")
        return
    experiment = names.experiment(agent)
    with impatience(), connected() as client:
        version = f", version {check_version(address)}" if is_server(address) else ""
        yield Finding(
            "mlflow", True, f"MLflow at {without_secret(address)} answers{version.removesuffix(', version ')}"
        )
        check_active(client, experiment)
        place = check_artifact_place(client, address, experiment) if is_server(address) else "beside the database"
    yield Finding("artefacts", True, f"MLflow keeps them: {place}")


def examine_succession(agent: str, deployed: str) -> Iterator[Finding]:
    """Yields whether a version that is trained now may replace the one that Git names; nothing without MLflow."""
    try:
        if is_new(prepare_from_environment()):
            return
        with connected() as client:
            fault = estranged(Registry.of(client, agent), deployed)
    except StageError:  # MLflow's own finding tells it
        return
    yield Finding("version in use", not fault, fault or f"{deployed or 'none'}, in Git as in MLflow")


def is_new(address: str) -> bool:
    """Returns whether an address names a database that is not there yet, which an examination must not make."""
    return not is_server(address) and not Path(database(address)).exists()

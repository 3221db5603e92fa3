"""The connection to MLflow, which is asked at once whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared import mlflow_access
from stages.watch.contract import (
    MLFLOW_TRACKING_PASSWORD,
    MLFLOW_TRACKING_TOKEN,
    MLFLOW_TRACKING_URI,
    MLFLOW_TRACKING_USERNAME,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@contextmanager
def connected() -> Iterator[MlflowClient]:
    """Yields a client of the MLflow that the environment names.

    Raises StageError, with the address and the remedy, where MLflow is not there or refuses, also later in the block.
    """
    address = MLFLOW_TRACKING_URI.read()
    secrets = (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN)
    mlflow_access.prepare(address, {variable.name: variable.read() for variable in secrets})
    # MLflow reads the environment while it is imported, and takes seconds for it.
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    def reached(uri: str) -> MlflowClient:
        client = MlflowClient(uri, registry_uri=uri)
        client.search_experiments(max_results=1)
        return client

    try:
        with mlflow_access.impatience():
            mlflow_access.create_database(address, reached)
            client = reached(address)
        yield client
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        raise mlflow_access.failure(address, str(error)) from None

"""The connection to MLflow, which is asked at once whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared import mlflow_access

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@contextmanager
def connected() -> Iterator[MlflowClient]:
    """Yields a client of the MLflow that the environment names.

    Raises StageError, with the address and the remedy, where MLflow is not there or refuses, also later in the block.
    """
    address = mlflow_access.prepare_from_environment()
    # MLflow reads the environment while it is imported, and takes seconds for it.
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    def reached(uri: str) -> MlflowClient:
        client = MlflowClient(uri, registry_uri=uri)
        client.search_experiments(max_results=1)
        return client

    with mlflow_access.session(address, reached, (MlflowException, RequestException, SQLAlchemyError)) as client:
        yield client

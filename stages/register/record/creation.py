"""Creating in MLflow what another run may be creating at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unless_it_exists() -> Iterator[None]:
    """Ends the block, and goes on behind it, where MLflow says that what it creates exists already."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise

"""The servers of the end-to-end tests."""

from tests.mlflow_server import mlflow_server

__all__ = ["mlflow_server"]

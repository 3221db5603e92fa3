"""Where people look at what is in MLflow."""

from dataclasses import dataclass

from shared.access import web_address
from shared.access.git import without_secret
from shared.access.mlflow import MLFLOW_TRACKING_URI
from stages.register.contract import MLFLOW_PAGE_URL


@dataclass(frozen=True)
class MlflowPages:
    """MLflow's pages; `root` is their address, '' where MLflow is a file, which has none."""

    root: str

    @classmethod
    def read(cls) -> "MlflowPages":
        """Returns the pages that the environment names: the server's own, where it names no others.

        Raises StageError where MLFLOW_PAGE_URL is no address.
        """
        tracking = without_secret(MLFLOW_TRACKING_URI.read())
        is_server = tracking.startswith(("http://", "https://"))
        return cls((web_address.read(MLFLOW_PAGE_URL) or (tracking if is_server else "")).rstrip("/"))

    def of_run(self, experiment_id: str, run_id: str) -> str:
        """Returns the address of a run's page; '' where there is none."""
        return f"{self.root}/#/experiments/{experiment_id}/runs/{run_id}" if self.root else ""

"""The MLflow run of a model: found again by what it is about, and completed where it was cut off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared import names
from shared.access.mlflow import artifact_location
from shared.access.mlflow_server import check_active, check_artifact_place, checked_place, is_server
from shared.artifacts import FineTunedModel
from stages.register.record.creation import unless_it_exists
from stages.register.record.run_record import Point, RunRecord

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric, Run
    from mlflow.tracking import MlflowClient

FINISHED = "FINISHED"
MODEL_TYPE = "functiongemma"
BATCH = 1000  # the most values that one call of MLflow takes
DIGEST = 36  # the most characters that MLflow keeps of a dataset's digest: the first ones of the sha256


@dataclass(frozen=True)
class Experiment:
    """The agent's experiment on an MLflow server."""

    client: MlflowClient
    id: str

    @classmethod
    def of(cls, client: MlflowClient, agent: str, address: str) -> Experiment:
        """Returns the agent's experiment at an address, which is created where it is missing.

        Raises StageError where somebody deleted it, as MLflow keeps the name, and where a server keeps no artefacts.
        """
        name = names.experiment(agent)
        check_active(client, name)
        if is_server(address):
            check_artifact_place(client, address, name)
        if client.get_experiment_by_name(name) is None:
            with unless_it_exists():
                client.create_experiment(name, artifact_location=artifact_location(address))
        found: Any = client.get_experiment_by_name(name)
        checked_place(address, found)
        return cls(client, found.experiment_id)

    def open_run(self, record: RunRecord) -> Run:
        """Returns the run about this content and dataset: finished, cut off, or new. It is RUNNING unless FINISHED."""
        identity = {key: record.tags[key] for key in (names.CONTENT_TAG, names.DATASET_TAG)}
        known = self._runs(identity)
        if finished := [run for run in known if run.info.status == FINISHED]:
            return finished[0]
        if not known:
            return self.client.create_run(self.id, run_name=record.name, tags=record.tags)
        self.client.update_run(known[0].info.run_id, status="RUNNING", name=record.name)
        return known[0]

    def log(self, run: Run, record: RunRecord, model_id: str | None) -> None:
        """Writes the record into the run unless it is finished. What was written before is written alike."""
        from mlflow.entities import Param, RunTag

        if run.info.status == FINISHED:
            return
        # The run's own start as the time of every value: MLflow takes the same value at another time for a second one.
        run_id, time = run.info.run_id, run.info.start_time
        parameters = [Param(key, value) for key, value in record.parameters.items()]
        run_tags = [RunTag(key, value) for key, value in record.tags.items()]
        self.client.log_batch(run_id, params=parameters, tags=run_tags)
        self.client.log_inputs(run_id, [_dataset(record)])
        metrics = _metrics(record.training, time) + _metrics(record.evaluation, time, model_id)
        for start in range(0, len(metrics), BATCH):
            self.client.log_batch(run_id, metrics=metrics[start : start + BATCH])
        for folder, files in record.files.items():
            for file in files:
                self.client.log_artifact(run_id, str(file), folder or None)

    def finish(self, run: Run, record: RunRecord) -> None:
        """Marks the run as complete, where it is not yet; a complete one is told what led to it this time."""
        if run.info.status != FINISHED:
            self.client.set_terminated(run.info.run_id)
            return
        for key, value in record.why.items():
            if run.data.tags.get(key) != value:
                self.client.set_tag(run.info.run_id, key, value)

    def log_model(self, run: Run, model: FineTunedModel, record: RunRecord) -> str:
        """Returns the id of the run's logged model, with the model's files; a half uploaded one is completed."""
        from mlflow.entities import LoggedModelStatus

        run_id = run.info.run_id
        known = self.client.search_logged_models([self.id], filter_string=f"source_run_id = '{run_id}'")
        for logged in known:
            if logged.status == LoggedModelStatus.READY:
                return str(logged.model_id)
        # The name may hold no dot, which a second content of the same commit has in its version.
        name = record.name.replace(".", "-")
        logged = (
            known[0]
            if known
            else self.client.create_logged_model(self.id, name, run_id, params=record.parameters, model_type=MODEL_TYPE)
        )
        self.client.log_model_artifacts(logged.model_id, str(model.path))
        self.client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        return str(logged.model_id)

    def _runs(self, tags: dict[str, str]) -> list[Run]:
        """Returns the runs with these tags, newest first."""
        condition = " and ".join(f"tags.{key} = '{value}'" for key, value in tags.items())
        return list(self.client.search_runs([self.id], condition, order_by=["attributes.start_time DESC"]))


def _dataset(record: RunRecord) -> DatasetInput:
    """Returns the dataset with what MLflow's page shows of one: its columns, and how many rows it has."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    rows = record.rows
    schema = {"mlflow_colspec": [{"name": name, "type": "string"} for name in rows.columns]}
    profile = {"num_rows": sum(rows.splits.values()), **rows.splits}
    described = {"schema": json.dumps(schema), "profile": json.dumps(profile)}
    dataset = Dataset(record.agent, rows.digest[:DIGEST], "git", rows.source, **described)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _metrics(points: list[Point], time: int, model_id: str | None = None) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(point.key, point.value, time, point.step, model_id=model_id) for point in points]

"""What watch decided before: one MLflow run for each decision, in the experiment `{agent}-watch`.

A decision to train is a start. It is written down before it is told, so that of two that look at the same time one
starts; and it counts for a limited time, so that one that came to nothing does not block for ever.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared import names
from shared.access.mlflow import MLFLOW_TRACKING_URI, artifact_location
from shared.contract import to_text
from shared.errors import StageError
from stages.watch.contract import EXECUTION
from stages.watch.decision import Decision

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

RETRAIN, TRIGGER, TIME, EXECUTION_TAG = "retrain", "trigger", "time", "execution"  # tags, besides cause and reason
LEAST_HOURS = 1.0  # a start of the same cause counts so long even without a cool-down: its training has just begun
DEAD_SECONDS = 3600  # a record that is not complete by then is of a watch that was killed
NEWEST = 100


@dataclass(frozen=True)
class Start:
    """A decision to train.

    time: by which its cool-down counts. written: milliseconds since 1970, by the clock of who wrote it down. execution:
    '' where no engine had a name for it. is_complete: whoever wrote it down told it, too.
    """

    run_id: str
    time: datetime
    written: int
    cause: str
    reason: str
    execution: str
    is_complete: bool

    @property
    def rank(self) -> tuple[int, str]:
        """Its place among all starts, the same for everybody who looks."""
        return self.written, self.run_id

    @property
    def is_dead(self) -> bool:
        """Whether whoever wrote it down was killed before he could tell it."""
        return not self.is_complete and time.time() - self.written / 1000 > DEAD_SECONDS

    def until(self, cause: str, hours: float) -> datetime:
        """Returns the time before which no other start for a cause may follow; hours: the agent's cool-down."""
        return self.time + timedelta(hours=max(hours, LEAST_HOURS) if cause == self.cause else hours)

    def obstacle(self, cause: str, hours: float) -> str:
        """Returns in words what stands against another start for a cause."""
        until = _shown(self.until(cause, hours))
        if cause == self.cause:
            why = f"the training that this started on {_shown(self.time)} has no result yet"
            return f"not again before {until} without force_retrain: {why}"
        why = f"the cool-down after the start on {_shown(self.time)} is {hours:g} hours"
        return f"not before {until} without force_retrain: {why}"


@dataclass(frozen=True)
class Starts:
    """The starts of an agent, and the record of every decision."""

    client: MlflowClient
    agent: str

    def of_execution(self, name: str) -> Start | None:
        """Returns the start that an earlier attempt of an execution wrote down, or None."""
        return next((start for start in self._newest() if name and start.execution == name), None)

    def holding(self, cause: str, hours: float, now: datetime) -> list[Start]:
        """Returns the starts that stand against another one for a cause, the first one first."""
        holding = [start for start in self._newest() if now < start.until(cause, hours) and not start.is_dead]
        return sorted(holding, key=lambda start: start.rank)

    def obstacle(self, cause: str, hours: float, now: datetime) -> str:
        """Returns in words which earlier start stands against one for a cause; '' where none does."""
        holding = self.holding(cause, hours, now)
        return max(holding, key=lambda start: start.until(cause, hours)).obstacle(cause, hours) if holding else ""

    def record(self, decision: Decision, trigger: str, measures: Mapping[str, float], now: datetime) -> Start:
        """Writes a decision down, whatever it is, and returns its record, which is to be completed."""
        from mlflow.entities import Metric

        told = {RETRAIN: to_text(decision.retrain), names.REASON_TAG: decision.reason, names.CAUSE_TAG: decision.cause}
        tags = told | {TRIGGER: trigger, TIME: to_text(now), EXECUTION_TAG: EXECUTION.read()}
        run = self.client.create_run(self._made_experiment(), tags={key: text for key, text in tags.items() if text})
        stamp = int(now.timestamp() * 1000)
        metrics = [Metric(key, value, stamp, 0) for key, value in measures.items()]
        self.client.log_batch(run.info.run_id, metrics=metrics)
        return _start(run)

    def yielding(self, own: Start, decision: Decision, hours: float, now: datetime) -> Decision:
        """Returns the decision, turned down where another start was written down at the same time, but before own."""
        first = next((start for start in self.holding(own.cause, hours, now) if start.rank < own.rank), None)
        if first is None:
            return decision
        yielded = decision.turned_down(first.obstacle(own.cause, hours))
        for key, text in {RETRAIN: to_text(False), names.REASON_TAG: yielded.reason}.items():
            self.client.set_tag(own.run_id, key, text)
        return yielded

    def complete(self, record: Start) -> None:
        """Marks a decision as one that will be told."""
        self.client.set_terminated(record.run_id)

    def _newest(self) -> list[Start]:
        """Returns the newest starts, newest first."""
        experiment = self._experiment()
        if experiment is None:
            return []
        condition, order = f"tags.{RETRAIN} = 'true'", ["attributes.start_time DESC"]
        found = self.client.search_runs([experiment], condition, max_results=NEWEST, order_by=order)
        return [_start(run) for run in found]

    def _experiment(self) -> str | None:
        """Returns the experiment's id. Raises StageError where somebody deleted it: MLflow keeps the name."""
        found = self.client.get_experiment_by_name(names.watch_experiment(self.agent))
        if found and found.lifecycle_stage != "active":
            remedy = f"restore it: mlflow experiments restore --experiment-id {found.experiment_id}"
            raise StageError(f"the MLflow experiment {found.name} was deleted; {remedy}")
        return str(found.experiment_id) if found else None

    def _made_experiment(self) -> str:
        """Returns the id of the experiment, which is created where it is missing."""
        from mlflow.exceptions import MlflowException

        known = self._experiment()
        if known:
            return known
        place = artifact_location(MLFLOW_TRACKING_URI.read())
        try:
            return str(self.client.create_experiment(names.watch_experiment(self.agent), artifact_location=place))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return str(self._experiment())  # another watch was faster


def _start(run: Run) -> Start:
    tags = run.data.tags
    return Start(
        run_id=run.info.run_id,
        time=datetime.fromisoformat(tags[TIME]),
        written=run.info.start_time,
        cause=tags.get(names.CAUSE_TAG, ""),
        reason=tags[names.REASON_TAG],
        execution=tags.get(EXECUTION_TAG, ""),
        is_complete=run.info.status != "RUNNING",
    )


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

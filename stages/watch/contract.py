"""Decides whether an agent is to be trained again, and never trains anything.

It looks at the champion's stored answers by today's runbook, at alerts that the champion never saw, at a live
metric and at the champion's age.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from shared.access import mlflow
from shared.agent_config.settings import (
    CoolDownHours,
    LiveMetric,
    LiveMetricMinimum,
    MostUnseenAlerts,
    RetrainAfterDays,
    RetrainBelow,
)
from shared.artifacts import ChatDataset
from shared.contract import Variable, one_of

PROMETHEUS_URL = Variable("PROMETHEUS_URL", "the address of the Prometheus that live_metric is read from")
PROMETHEUS_TOKEN = Variable("PROMETHEUS_TOKEN", "a bearer token for it", secret=True)
EXECUTION = Variable("FLYTE_INTERNAL_EXECUTION_ID", "the execution's name, recorded with the decision")
ENVIRONMENT = (
    *mlflow.VARIABLES,
    PROMETHEUS_URL,
    PROMETHEUS_TOKEN,
    EXECUTION,
)
RUNTIME = ()

NOW = datetime(1970, 1, 1, tzinfo=UTC)
"""The default of kickoff_time, which stands for the time at which watch runs."""


@dataclass(frozen=True)
class Inputs:
    """What watch needs."""

    dataset: Annotated[ChatDataset, "today's rows, from dataset"]
    trigger: Annotated[
        str,
        "who asks: watch looks for a fall in quality alone, the others also for any change of the agent's inputs",
        one_of("watch", "schedule", "runbook", "request"),
    ] = "request"
    force_retrain: Annotated[bool, "train in any case"] = False
    retrain_below: RetrainBelow = 0.80
    most_unseen_alerts: MostUnseenAlerts = 0
    retrain_after_days: RetrainAfterDays = 0
    cool_down_hours: CoolDownHours = 24.0
    live_metric: LiveMetric = ""
    live_metric_minimum: LiveMetricMinimum = 0.0
    train_version: Annotated[str, "the version of train that would run; another than the champion's is a change"] = ""
    kickoff_time: Annotated[datetime, "the time that age and cool-down count by; 1970-01-01T00:00:00Z for now"] = NOW
    remember: Annotated[bool, "records the decision in MLflow, so that one cause starts one training"] = True


@dataclass(frozen=True)
class Outputs:
    """What watch decides."""

    retrain: Annotated[bool, "whether the agent is to be trained"]
    reason: Annotated[str, "why, in one sentence with the numbers"]
    cause: Annotated[str, "the key of what a training would be made of and why; one cause trains once; empty: none"]
    champion_accuracy: Annotated[float, "share of the champion's stored answers that are right today; 0 without any"]
    unseen_alerts: Annotated[int, "alerts of today's dataset that the champion never saw"]

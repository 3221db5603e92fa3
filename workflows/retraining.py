"""The workflow that every trigger starts: today's runbook → dataset → watch → the training, where there is a cause.

One condition, and none below it: flytekit runs both branches of a condition within a condition.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from flytekit import conditional, sleep, workflow

from shared.contract import PIPELINE
from workflows.agent_training import DatasetFile, dataset, preflight, train_to_publish
from workflows.inputs import of, settings_of, taking
from workflows.placement import placed_image
from workflows.tasks import stage_task

watch = stage_task("watch")

BEHIND_DATASET = settings_of(*PIPELINE[1:], "preflight")
# What is the same at every start: which train would run, and that the decision is written down.
GIVEN = {"train_version": placed_image("train").version, "remember": True}
ASKED = {name: field for name, field in settings_of("watch", *PIPELINE).items() if name not in GIVEN}


class Verdict(NamedTuple):
    """What an execution shows; `outcome` first."""

    outcome: str
    retrain: bool
    reason: str
    cause: str
    champion_accuracy: float
    unseen_alerts: int
    model_version: str
    run_page: str
    model_page: str


class Outcome(NamedTuple):
    """What both branches give; without a training, all but `outcome` is empty."""

    outcome: str
    model_version: str
    run_page: str
    model_page: str


@workflow
@taking(BEHIND_DATASET)
def training(rows: DatasetFile, **settings: Any) -> Outcome:
    """Train, evaluate, register and publish a model on rows that are there already.

    preflight, and the stages of agent_training_pipeline behind dataset.
    """
    result = train_to_publish(rows, preflight(**of("preflight", settings)), settings)
    return Outcome(result.outcome, result.model_version, result.run_page, result.model_page)


@workflow
def no_training(reason: str) -> Outcome:
    """Say why nothing is trained.

    Starts no container.
    """
    # Flyte wants a workflow to have a node, and this one needs no container.
    sleep(timedelta(seconds=1))
    return Outcome(reason, "", "", "")


@workflow
@taking(ASKED)
def retraining(**settings: Any) -> Verdict:
    """Train one agent's model again where its runbook, its quality or its age ask for it.

    dataset reads today's runbook, watch decides, and only with a cause the stages behind dataset run. One cause trains
    once, whoever saw it; `force_retrain` trains in any case. `outcome` says what came of it, or why there was nothing
    to do.
    """
    rows = dataset(**of("dataset", settings))
    seen = watch(dataset=rows.dataset, **of("watch", settings), **GIVEN)
    known = {name: settings[name] for name in BEHIND_DATASET if name in settings}
    ended = (
        conditional("decision")
        .if_(seen.retrain.is_true())
        .then(training(rows=rows.dataset, cause=seen.cause, reason=seen.reason, **known))
        .else_()
        .then(no_training(reason=seen.reason))
    )
    return Verdict(
        outcome=ended.outcome,
        retrain=seen.retrain,
        reason=seen.reason,
        cause=seen.cause,
        champion_accuracy=seen.champion_accuracy,
        unseen_alerts=seen.unseen_alerts,
        model_version=ended.model_version,
        run_page=ended.run_page,
        model_page=ended.model_page,
    )

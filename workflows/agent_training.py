"""The workflow: runbook → dataset, base model → train → evaluate → register → publish. Wiring only.

A scalar input of a stage is an input of the workflow of the same name; what joins two stages is written out.
"""

from typing import Any, NamedTuple

from flytekit import workflow

from shared.artifacts import ChatDataset, Evaluation
from shared.contract import PIPELINE
from workflows.inputs import Settings, of, settings_of, taking
from workflows.tasks import file_of, stage_task

preflight, dataset, convert = stage_task("preflight"), stage_task("dataset"), stage_task("convert")
train = stage_task("train")
evaluate, register, publish = stage_task("evaluate"), stage_task("register"), stage_task("publish")

DatasetFile, EvaluationFile = file_of(ChatDataset), file_of(Evaluation)


class Result(NamedTuple):
    """What an execution shows; `outcome` first."""

    outcome: str
    accuracy: float
    accuracy_before: float
    decision: str
    model_version: str
    model_uri: str
    model_page: str
    bump_commit: str
    run_id: str
    run_page: str
    evaluation: EvaluationFile  # type: ignore[valid-type]


@workflow
@taking(settings_of(*PIPELINE))
def agent_training_pipeline(**settings: Any) -> Result:
    """Train, evaluate, register and publish the model of one agent from its runbook.

    Trains in any case. preflight finds out whether what will be trained could be published; without that nothing is
    trained. dataset turns the runbook into rows, convert the base model into MLX; train tunes it, evaluate
    compares it with the base, register records it in MLflow and decides, publish stores it and bumps MODEL_VERSION in
    Git. A model that is not good enough is rejected: `outcome` says why, and nothing changes.
    """
    # A laptop runs what is called first, first.
    checked = preflight(**of("preflight", settings))
    rows = dataset(**of("dataset", settings))
    return train_to_publish(rows.dataset, checked, settings)


def train_to_publish(rows: Any, checked: Any, settings: Settings) -> Result:
    """Wires the stages behind dataset: rows is its artefact, and checked what preflight gives."""
    base = convert(**of("convert", settings))
    trained = train(dataset=rows, model=base.model, **of("train", settings))
    checked >> trained.metrics  # train waits for it, and takes nothing of it
    measured = evaluate(
        dataset=rows, base_model=base.model, model=trained.model, metrics=trained.metrics, **of("evaluate", settings)
    )
    registered = register(
        dataset=rows,
        model=trained.model,
        adapters=trained.adapters,
        metrics=trained.metrics,
        evaluation=measured.evaluation,
        **of("register", settings),
    )
    published = publish(
        dataset=rows,
        model=trained.model,
        adapters=trained.adapters,
        evaluation=measured.evaluation,
        card=registered.card,
        approved=registered.approved,
        decision=registered.decision,
        model_version=registered.model_version,
        champion=registered.champion,
        run_id=registered.run_id,
        **of("publish", settings),
    )
    return _result(measured, registered, published)


def _result(measured: Any, registered: Any, published: Any) -> Result:
    """Wires what an execution shows from the outputs of the last three stages."""
    return Result(
        outcome=published.outcome,
        accuracy=measured.accuracy,
        accuracy_before=measured.accuracy_before,
        decision=registered.decision,
        model_version=registered.model_version,
        model_uri=published.model_uri,
        model_page=published.model_page,
        bump_commit=published.bump_commit,
        run_id=registered.run_id,
        run_page=registered.run_page,
        evaluation=measured.evaluation,
    )

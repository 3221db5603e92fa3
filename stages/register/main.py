"""register: the run and the model go to MLflow, and the gate decides about them."""

import sys
from pathlib import Path

from shared import mlflow_access, names, stage
from shared.origin import Origin, check_made_from
from stages.register import gate, run_record
from stages.register.comparison import compare, tuned_texts
from stages.register.connection import connected
from stages.register.contract import MLFLOW_TRACKING_URI, Inputs, Outputs
from stages.register.gate import Verdict
from stages.register.registration import Champion, RegisteredModel
from stages.register.run_record import RunRecord
from stages.register.tracking import FINISHED, Experiment


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Records the model and its run, once, and decides whether it may be published."""
    check_made_from(inputs.model, "dataset", inputs.dataset)
    check_made_from(inputs.evaluation, "dataset", inputs.dataset)
    check_made_from(inputs.evaluation, "model", inputs.model)
    origin = Origin.of(inputs.dataset)
    content = inputs.model.content_digest()
    record = run_record.describe(inputs, origin, content)
    with connected() as client:
        experiment = Experiment.of(client, origin.agent, mlflow_access.artifact_location(MLFLOW_TRACKING_URI.read()))
        model = RegisteredModel.of(client, origin.agent)
        champion = model.champion()
        verdict = _decide(inputs, content, champion, experiment)
        version = model.version_name(origin, content)
        run_id = _record(inputs, record, experiment, model, names.model_name(origin.agent, version), version, verdict)
    _say(f"{version}: {'approved' if verdict.approved else 'rejected'}: {verdict.decision}")
    return Outputs(verdict.approved, verdict.decision, version, champion.version if champion else "", run_id)


def _decide(inputs: Inputs, content: str, champion: Champion | None, experiment: Experiment) -> Verdict:
    """Returns the gate's verdict, after the comparison with the champion where there is another one."""
    new = tuned_texts(inputs.evaluation)
    accuracy = inputs.evaluation.report()["tuned"]["accuracy"]
    is_champion = champion is not None and champion.content == content
    comparison = None
    if champion and not is_champion:
        stored = experiment.stored_predictions(champion.content, champion.version)
        comparison = compare(inputs.dataset, new, champion.version, stored)
    return gate.decide(accuracy, len(new), inputs.minimum_accuracy, comparison, is_champion)


def _record(
    inputs: Inputs,
    record: RunRecord,
    experiment: Experiment,
    model: RegisteredModel,
    name: str,
    version: str,
    verdict: Verdict,
) -> str:
    """Returns the id of the run that holds the record; the model is registered from it."""
    tags = record.tags | {names.VERSION_TAG: version}
    mlflow_run = experiment.open_run(name, tags)
    run_id = str(mlflow_run.info.run_id)
    registered = model.find(record.tags[names.CONTENT_TAG])
    _say(f"MLflow run {name} ({run_id})")
    if registered is None:
        model_id = experiment.log_model(mlflow_run, inputs.model, name, record.parameters)
        registered = model.add(
            model_id, run_id, _version_tags(record, version), f"{name}, from the runbook at its commit"
        )
    if mlflow_run.info.status != FINISHED:
        experiment.log(mlflow_run, record, tags, model.logged_model(registered))
    model.record(registered, verdict.approved, verdict.decision)
    if mlflow_run.info.status != FINISHED:
        experiment.client.set_terminated(run_id)
    return run_id


def _version_tags(record: RunRecord, version: str) -> dict[str, str]:
    accuracy = next(point.value for point in record.evaluation if point.key == "accuracy")
    shown = ("agent", "runbook_commit", "runbook_sha256", names.DATASET_TAG, names.CONTENT_TAG, "base_model")
    lineage = {key: record.tags[key] for key in shown if key in record.tags}
    return lineage | {names.VERSION_TAG: version, "accuracy": f"{accuracy:.4f}"}


def _say(line: str) -> None:
    print(f"register: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    stage.main("register", run)

"""register: the run and the model go to MLflow, and the gate decides about them."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from shared import model_stages, stage
from shared.access.mlflow import MLFLOW_TRACKING_URI, connected
from shared.answers import tuned_texts
from shared.artifacts import FineTunedModel
from shared.champion import Champion
from shared.origin import Origin, check_made_from, check_made_together
from stages.register.card.model_card import write_card
from stages.register.card.report_page import with_champion
from stages.register.contract import Inputs, Outputs
from stages.register.gate import gate
from stages.register.gate.comparison import Comparison, compare
from stages.register.gate.gate import Verdict
from stages.register.gate.measured import read_measured
from stages.register.gate.policy import Policy, read_policy
from stages.register.record import run_record
from stages.register.record.mlflow_pages import MlflowPages
from stages.register.record.registration import RegisteredModel
from stages.register.record.run_record import RunRecord
from stages.register.record.tracking import Experiment


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Records the model and its run, once, and decides whether it may be published."""
    follows_stages, pages = model_stages.follow_aliases(), MlflowPages.read()
    check_made_from(inputs.model, "dataset", inputs.dataset)
    check_made_together(inputs.adapters, inputs.model)
    check_made_from(inputs.evaluation, "dataset", inputs.dataset)
    check_made_from(inputs.evaluation, "model", inputs.model)
    origin = Origin.of(inputs.dataset)
    policy, content = read_policy(inputs), inputs.model.content_digest()
    record = run_record.describe(inputs, origin, content)
    with connected() as client, TemporaryDirectory() as folder:
        experiment = Experiment.of(client, origin.agent, MLFLOW_TRACKING_URI.read())
        model = RegisteredModel.of(client, origin.agent)
        champion = Champion.of(client, origin.agent)
        verdict, comparison = _decide(inputs, policy, content, champion)
        record = record.named(model.version_name(origin, content)).compared(comparison)
        record = record.reported(with_champion(inputs.evaluation, comparison, Path(folder)))
        card = write_card(inputs, record, model.settled_verdict(content) or verdict, outputs)
        record = record.described(card)
        run_id = _record(inputs.model, record, verdict, experiment, model, follows_stages)
        page = pages.of_run(experiment.id, run_id)
    _say(f"{record.version}: {'approved' if verdict.approved else 'rejected'}: {verdict.decision}")
    compared = champion.version if champion else ""
    return Outputs(verdict.approved, verdict.decision, record.version, compared, run_id, page, card)


def _decide(
    inputs: Inputs, policy: Policy, content: str, champion: Champion | None
) -> tuple[Verdict, Comparison | None]:
    """Returns the gate's verdict, and the comparison with the champion where there is another one."""
    new = tuned_texts(inputs.evaluation.predictions())
    is_champion = champion is not None and champion.content == content
    comparison = None
    if champion and not is_champion:
        stored = tuned_texts(champion.run().predictions())
        comparison = compare(inputs.dataset, new, champion.version, stored)
    tested = sum(row["id"] in new for row in inputs.dataset.rows("test"))
    return gate.decide(read_measured(inputs.evaluation, tested), policy, comparison, is_champion), comparison


def _record(
    files: FineTunedModel,
    record: RunRecord,
    verdict: Verdict,
    experiment: Experiment,
    model: RegisteredModel,
    follows_stages: bool,
) -> str:
    """Returns the id of the run that holds the record; the model is registered with the verdict."""
    run = experiment.open_run(record)
    _say(f"MLflow run {record.name} ({run.info.run_id})")
    known = model.find(record.content)
    version = model.settled(known or model.add(experiment.log_model(run, files, record), run.info.run_id, record))
    experiment.log(run, record, model.logged_model(version))
    model.record(version, verdict)
    if verdict.approved and follows_stages:
        model.stage(version)
    experiment.finish(run, record)
    return str(run.info.run_id)


def _say(line: str) -> None:
    print(f"register: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    stage.main("register", run)

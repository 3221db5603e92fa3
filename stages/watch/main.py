"""watch: reads the champion from MLflow, looks at it by today's dataset, decides, and remembers the decision."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from shared import stage
from shared.access.mlflow import connected
from shared.champion import Champion
from stages.watch import live_metric
from stages.watch.cause import Today
from stages.watch.contract import EXECUTION, NOW, Inputs, Outputs
from stages.watch.decision import Decision, decide
from stages.watch.findings import find
from stages.watch.live_metric import Reading
from stages.watch.standing import Standing, alerts_of, look
from stages.watch.starts import Starts
from stages.watch.trainings import trained_for


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Decides whether the agent is trained again. Nothing is trained here, and no alias is moved."""
    now = inputs.kickoff_time if inputs.kickoff_time != NOW else datetime.now(UTC)
    today = Today.of(inputs.dataset, inputs.train_version)
    with connected() as client:
        champion = Champion.of(client, today.agent)
        standing = look(champion, inputs.dataset, now) if champion else None
        # Where a training is asked for, no number can change that; and without a champion there is nothing to measure.
        live = live_metric.read(inputs.live_metric) if standing and not inputs.force_retrain else None
        starts = Starts(client, today.agent)
        decision = _decide(inputs, today, standing, live, starts, now)
        if inputs.remember:
            decision = _remember(decision, inputs, _measures(standing, live), starts, now)
    _say(f"{'retrain' if decision.retrain else 'no'}: {decision.reason}")
    unseen = standing.unseen if standing else alerts_of(inputs.dataset)
    accuracy = standing.accuracy if standing else 0.0
    return Outputs(decision.retrain, decision.reason, decision.cause, accuracy, len(unseen))


def _decide(
    inputs: Inputs, today: Today, standing: Standing | None, live: Reading | None, starts: Starts, now: datetime
) -> Decision:
    def obstacle(cause: str) -> str:
        if trained := trained_for(starts.client, today.agent, cause):
            return f"trained for this already: {trained}"
        return starts.obstacle(cause, inputs.cool_down_hours, now)

    subject = standing.version if standing else today.agent
    findings = list(find(standing, live, inputs, today))
    return decide(subject, findings, inputs.force_retrain, today.cause, obstacle)


def _measures(standing: Standing | None, live: Reading | None) -> dict[str, float]:
    """Returns what a person may plot over time; what could not be measured is left out."""
    known: dict[str, float | None] = {"live_metric": live.value if live else None}
    if standing:
        known |= {"unseen_alerts": float(len(standing.unseen)), "age_days": standing.age_days}
        known |= {"champion_accuracy": standing.accuracy if standing.known else None}
    return {key: value for key, value in known.items() if value is not None}


def _remember(
    decision: Decision, inputs: Inputs, measures: dict[str, float], starts: Starts, now: datetime
) -> Decision:
    """Returns the decision that holds: an earlier attempt's of this execution, or that of whoever started first."""
    if earlier := starts.of_execution(EXECUTION.read()):
        decision = Decision(True, earlier.reason, earlier.cause)
    own = earlier or starts.record(decision, inputs.trigger, measures, now)
    if own.is_complete:
        return decision
    if decision.retrain and not inputs.force_retrain:
        decision = starts.yielding(own, decision, inputs.cool_down_hours, now)
    starts.complete(own)
    return decision


def _say(line: str) -> None:
    print(f"watch: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    stage.main("watch", run)

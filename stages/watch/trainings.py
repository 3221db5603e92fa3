"""What came of earlier trainings: whether a cause was trained for already, and with which verdict."""

from typing import Any

from shared import names
from shared.errors import one_line

MAX_DECISION = 300  # characters of a verdict that are repeated
_ENDS = {
    names.REJECTED: "rejected",
    names.REGISTERED: "approved, but never published",
    names.PROPOSED: "proposed, and waits for the merge",
    names.PUBLISHED: "published",
}


def trained_for(client: Any, agent: str, cause: str) -> str:
    """Returns what came of the finished training for a cause, such as `v20251224-abc12345, rejected: …`; '' if none."""
    experiment = client.get_experiment_by_name(names.experiment(agent))
    condition = f"tags.`{names.trained_tag(cause)}` = 'true' and attributes.status = 'FINISHED'"
    runs = client.search_runs([experiment.experiment_id], condition, max_results=1) if experiment else []
    if not runs:
        return ""
    tags = runs[0].data.tags
    version = tags.get(names.VERSION_TAG, f"run {runs[0].info.run_id}")
    return f"{version}{_verdict(client, agent, tags.get(names.CONTENT_TAG, ''))}"


def _verdict(client: Any, agent: str, content: str) -> str:
    condition = f"name = '{names.registered_model(agent)}' and tags.{names.CONTENT_TAG} = '{content}'"
    versions = client.search_model_versions(condition)
    status = versions[0].tags.get(names.STATUS_TAG, "") if versions else ""
    decision = one_line(versions[0].tags.get(names.DECISION_TAG, "")) if status == names.REJECTED else ""
    reason = f": {decision[:MAX_DECISION]}" if decision else ""
    return f", {_ENDS[status]}{reason}" if status in _ENDS else ""

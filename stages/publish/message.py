"""The message of the commit that bumps MODEL_VERSION."""

import textwrap

from shared import archive
from shared.errors import one_line
from shared.origin import Origin
from stages.publish.contract import EXECUTION, Inputs


def commit_message(inputs: Inputs, origin: Origin, content: str) -> str:
    """Returns subject, reason and the trailers that lead from the commit to what it rolls out."""
    trailers = {
        "Model-Version": inputs.model_version,
        "Model-Sha256": content,
        "Mlflow-Run": inputs.run_id,
        "Dataset-Sha256": archive.digest(inputs.dataset.path),
        "Runbook-Commit": origin.commit,
        "Flyte-Execution": EXECUTION.read(),
    }
    lines = [f"{key}: {one_line(value)}" for key, value in trailers.items() if value]
    decision = one_line(inputs.decision)
    reason = textwrap.fill(f"{decision[:1].upper()}{decision[1:]}.", 72) if decision else ""
    parts = [f"Bump {origin.agent} to {inputs.model_version}", reason, "\n".join(lines)]
    return "\n\n".join(filter(None, parts)) + "\n"

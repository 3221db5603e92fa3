"""One Flyte launch plan per agent that a GitOps repository holds, with the agent's configuration as its defaults."""

import os
from pathlib import Path

from flytekit import LaunchPlan

from stages.dataset.agent_config import read_config
from workflows.agent_training import agent_training_pipeline

GITOPS = "GITOPS"  # the checkout whose agents are registered
REPOSITORY = "GITOPS_URL"  # where the cluster clones it from
_EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "homelab"


def launch_plans(checkout: Path, repository: str) -> list[LaunchPlan]:
    """Returns a launch plan for each agent with a training/config.yaml below checkout, by name.

    Raises StageError where a configuration is wrong.
    """
    return [_launch_plan(file, repository) for file in sorted(checkout.glob("flux/ai/*/training/config.yaml"))]


def _launch_plan(file: Path, repository: str) -> LaunchPlan:
    agent = file.parent.parent.name
    blocks = read_config(file.read_text("utf-8"), str(file)).settings()
    defaults = {**blocks.get("training", {}), **blocks.get("gate", {}), "repository": repository}
    return LaunchPlan.get_or_create(
        agent_training_pipeline, name=f"{agent}-training", fixed_inputs={"agent_name": agent}, default_inputs=defaults
    )


# flytekit registers what it finds as a name of a module.
for _plan in launch_plans(
    Path(os.environ.get(GITOPS) or _EXAMPLE), os.environ.get(REPOSITORY) or "https://git.example.com/homelab.git"
):
    globals()[_plan.name.replace("-", "_")] = _plan

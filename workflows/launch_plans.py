"""One Flyte launch plan per agent that a GitOps repository holds, with the agent's configuration as its defaults."""

import os
from pathlib import Path

from flytekit import LaunchPlan

from shared.errors import StageError
from stages.dataset.agent_config import read_config
from workflows.agent_training import agent_training_pipeline

GITOPS = "GITOPS"  # the checkout whose agents are registered
REPOSITORY = "GITOPS_URL"  # where the cluster clones it from
_EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "homelab"
_EXAMPLE_URL = "https://git.example.com/homelab.git"


def launch_plans(checkout: Path, repository: str) -> list[LaunchPlan]:
    """Returns a launch plan for each agent with a training/config.yaml below checkout, by name.

    Raises StageError where there is none, and where a configuration is wrong.
    """
    files = sorted(checkout.glob("flux/ai/*/training/config.yaml"))
    if not files:
        raise StageError(f"{checkout} holds no flux/ai/<agent>/training/config.yaml; let {GITOPS} name a checkout")
    return [_launch_plan(file, repository) for file in files]


def _launch_plan(file: Path, repository: str) -> LaunchPlan:
    agent = file.parent.parent.name
    text = file.read_text("utf-8-sig", "replace")  # as dataset reads it
    defaults = {**read_config(text, str(file)).inputs(), "repository": repository}
    return LaunchPlan.get_or_create(
        agent_training_pipeline, name=f"{agent}-training", fixed_inputs={"agent_name": agent}, default_inputs=defaults
    )


def registered() -> list[LaunchPlan]:
    """Returns the launch plans of the checkout that the environment names, or of the example.

    Raises StageError, as `launch_plans` does, and where a checkout is given without its address.
    """
    checkout, repository = os.environ.get(GITOPS, ""), os.environ.get(REPOSITORY, "")
    if checkout and not repository:
        raise StageError(f"{REPOSITORY} is not set; it must hold the address that the cluster clones {checkout} from")
    return launch_plans(Path(checkout) if checkout else _EXAMPLE, repository or _EXAMPLE_URL)


# flytekit registers every launch plan that loading a package has made.
LAUNCH_PLANS = registered()

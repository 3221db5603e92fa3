"""Two Flyte launch plans for each agent that a GitOps repository holds, which fix what the agent's config.yaml decides.

`<agent>-training` trains where the agent's inputs have changed, or where quality has fallen; `<agent>-watch` where
quality has fallen. Both start the workflow `retraining`, so that one cause trains once, whoever saw it. Beside them
stands one plan under the plain name of the training itself, for programs that fetch it by that.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit import CronSchedule, Email, LaunchPlan
from flytekit.models.common import Labels
from flytekit.models.concurrency import ConcurrencyLimitBehavior, ConcurrencyPolicy
from flytekit.models.core.execution import WorkflowExecutionPhase as Phase
from flytekit.models.security import Identity, SecurityContext

from shared.errors import StageError
from stages.dataset.agent_config import AgentConfig, Fleet, Schedule, read_config
from stages.dataset.files import read_shared
from stages.dataset.gitops.folder import Folder, missing_pages
from workflows.agent_training import agent_training_pipeline
from workflows.retraining import retraining

GITOPS = "GITOPS"  # the checkout whose agents are registered
REPOSITORY = "GITOPS_URL"  # where the cluster clones it from
KICKOFF = "kickoff_time"
SERVICE_ACCOUNT = "agent-training"
# What a person may want to be another at one launch; the rest is fixed as the agent's config.yaml has it.
SHOWN = ("model_name", "runbook_path", "learning_rate", "batch_size", "iters", "revision", "force_retrain")
MAX_PARALLELISM = 2  # dataset and convert side by side; the rest is a row
_AS_OURS = SecurityContext(run_as=Identity(k8s_service_account=SERVICE_ACCOUNT))
_ENDED_BADLY = [Phase.FAILED, Phase.TIMED_OUT, Phase.ABORTED]
_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "homelab"
_EXAMPLE_URL = "https://git.example.com/homelab.git"


@dataclass(frozen=True)
class Agent:
    """An agent of a GitOps repository: the file of its configuration, and what it says."""

    file: Path
    config: AgentConfig

    @property
    def name(self) -> str:
        return self.file.parent.parent.name

    @property
    def schedule(self) -> Schedule:
        return self.config.schedule or Schedule()


def agents(checkout: Path) -> list[Agent]:
    """Returns the agents with a training/config.yaml below checkout, by name.

    Raises StageError where there is none, where one has no runbook, and where a configuration is wrong.
    """
    fleet = read_shared(Folder(checkout))
    pattern = f"{fleet.agents}/training/config.yaml"
    files = sorted(checkout.glob(pattern))
    if not files:
        usual = pattern.replace("*", "<agent>")
        raise StageError(f"{checkout} holds no {usual}; let {GITOPS} name a checkout")
    return [_agent(checkout, fleet, file) for file in files]


def launch_plans(checkout: Path, repository: str) -> list[LaunchPlan]:
    """Returns the launch plans of all agents below checkout. Raises StageError as `agents` does, and for a wrong cron.

    repository: the address that the cluster clones checkout from.
    """
    return [plan for agent in agents(checkout) for plan in _of_agent(agent, repository)]


def registered() -> list[LaunchPlan]:
    """Returns the launch plans of the checkout that the environment names, or of the example.

    Raises StageError, as `launch_plans` does, and where a checkout is given without its address.
    """
    checkout, repository = os.environ.get(GITOPS, ""), os.environ.get(REPOSITORY, "")
    if checkout and not repository:
        raise StageError(f"{REPOSITORY} is not set; it must hold the address that the cluster clones {checkout} from")
    return launch_plans(Path(checkout) if checkout else _EXAMPLE, repository or _EXAMPLE_URL)


def plain() -> LaunchPlan:
    """Returns the launch plan `agent_training_pipeline`: it trains in any case, with what it is given at the launch.

    It knows no agent; its repository is the one whose agents are registered, where there is one. Its other defaults are
    the contracts', not a config.yaml's.
    """
    repository = os.environ.get(REPOSITORY, "")
    return LaunchPlan.get_or_create(
        agent_training_pipeline,
        name="agent_training_pipeline",
        default_inputs={"repository": repository} if repository else {},
        security_context=_AS_OURS,
        max_parallelism=MAX_PARALLELISM,
        overwrite_cache=True,  # as of an agent whose base is not pinned
        auto_activate=True,
    )


def _agent(checkout: Path, fleet: Fleet, file: Path) -> Agent:
    text = file.read_text("utf-8-sig", "replace")  # as dataset reads it
    agent = Agent(file, read_config(text, str(file)).over(fleet))
    own = file.parent.parent.relative_to(checkout)
    runbook = checkout / own / "docs" / "RUNBOOK.md"
    if not agent.config.runbook_path and not runbook.is_file():
        raise StageError(f"{agent.name} has {file}, but no runbook {runbook}; write one, or remove the folder training")
    if faults := missing_pages(checkout, agent.config.runbook_path, own.as_posix()):
        raise StageError(f"{file}: runbook_path: {faults[0]}")
    return agent


def _of_agent(agent: Agent, repository: str) -> list[LaunchPlan]:
    settings = {**_defaults(), **agent.config.inputs(), **agent.config.watch_inputs(), "repository": repository}
    shown = {name: settings.pop(name) for name in (*SHOWN, KICKOFF)}
    fixed = {**settings, "agent_name": agent.name}
    del fixed["trigger"]
    training = {**shown, "trigger": "schedule"}
    return [
        _launch_plan(agent, "training", agent.schedule.cron, fixed, training),
        _launch_plan(agent, "watch", agent.schedule.watch, {**fixed, "trigger": "watch"}, shown),
    ]


def _defaults() -> dict[str, Any]:
    """Returns the inputs of the workflow by name, as the contracts have them; None without a default."""
    return {name: value for name, (_, value) in retraining.python_interface.inputs_with_defaults.items()}


def _launch_plan(agent: Agent, purpose: str, cron: str, fixed: dict[str, Any], defaults: dict[str, Any]) -> LaunchPlan:
    addresses = agent.schedule.notify
    return LaunchPlan.get_or_create(
        retraining,
        name=f"{agent.name}-{purpose}",
        fixed_inputs=fixed,
        default_inputs=defaults,
        schedule=_schedule(agent, cron),
        notifications=[Email(_ENDED_BADLY, addresses)] if addresses else [],
        labels=Labels({"agent": agent.name}),
        security_context=_AS_OURS,
        max_parallelism=MAX_PARALLELISM,
        concurrency=ConcurrencyPolicy(1, ConcurrencyLimitBehavior.SKIP),
        # A cached base would stay the one that was fetched first: only a pinned one may come from the cache.
        overwrite_cache=not fixed["model_revision"],
        auto_activate=True,
    )


def _schedule(agent: Agent, cron: str) -> CronSchedule | None:
    """Returns the schedule of a cron line; None without one."""
    try:
        return CronSchedule(schedule=cron, kickoff_time_input_arg=KICKOFF) if cron else None
    except ValueError:
        remedy = "write minute, hour, day, month and weekday, such as '0 2 * * 0'"
        raise StageError(f"{agent.file}: schedule has {cron!r}, which is no cron schedule; {remedy}") from None


# flytekit registers every launch plan that loading a package has made.
LAUNCH_PLANS = registered()
PLAIN = plain()

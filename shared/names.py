"""Names that several stages, the store, MLflow and Git must spell alike."""

import re
from datetime import UTC, datetime

from shared.errors import StageError, one_line

AGENTS = "flux/ai/*"  # where agents live, each in a folder of its name, unless FLEET says otherwise
FLEET = "agent-training.yaml"  # at the repository's root: where agents live, and defaults for all of them
CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"  # MLflow aliases
REGISTERED, REJECTED, PROPOSED, PUBLISHED = "registered", "rejected", "proposed", "published"  # MLflow tag `status`
VERSION_TAG, CONTENT_TAG, DATASET_TAG = "model_version", "content_sha256", "dataset_sha256"  # MLflow tags
STATUS_TAG, DECISION_TAG = "status", "decision"
CAUSE_TAG, REASON_TAG = "cause", "reason"  # MLflow tags of a run: what started the latest training that led to it
PREDICTIONS = "evaluation/predictions.jsonl"  # the artefact of a run that holds the model's answers
DATASET_CARD = "dataset/card.json"  # the one that tells the alerts of the model's dataset


def agent_folder(agent: str, agents: str = AGENTS) -> str:
    """Returns the agent's folder in the GitOps repository. agents: where the repository says that agents live."""
    return f"{agents.removesuffix('*')}{agent}"


def check_agents(agents: str) -> str:
    """Returns agents. Raises StageError where it is no folder with `*` behind it, which stands for the agent."""
    *folders, last = agents.split("/")
    if last != "*" or any(one_line(part) != part or part in ("", ".", "..") or "*" in part for part in folders):
        raise StageError(f"{agents!r} does not say where agents live; write a folder and *, such as {AGENTS}")
    return agents


def runbook_path(agent: str, agents: str = AGENTS) -> str:
    """Returns where the agent's runbook is when nobody says otherwise."""
    return f"{agent_folder(agent, agents)}/docs/RUNBOOK.md"


def training_folder(agent: str, agents: str = AGENTS) -> str:
    """Returns the folder of config.yaml and tools.yaml."""
    return f"{agent_folder(agent, agents)}/training"


def model_version_path(agent: str, agents: str = AGENTS) -> str:
    """Returns the file that publish bumps and Flux reads."""
    return f"{agent_folder(agent, agents)}/MODEL_VERSION"


def experiment(agent: str) -> str:
    """Returns the agent's MLflow experiment."""
    return f"{agent}-training"


def watch_experiment(agent: str) -> str:
    """Returns the agent's MLflow experiment that holds what watch decided."""
    return f"{agent}-watch"


def registered_model(agent: str) -> str:
    """Returns the agent's registered model in MLflow."""
    return f"{agent}-functiongemma"


def model_version(committed: datetime, commit: str, repeat: int = 1) -> str:
    """Returns `v{YYYYMMDD}-{commit, 8 hex}`, then `.2`, `.3` for other content of the same commit.

    committed: the time, with its zone, of the last commit that touched the agent's inputs; the name
    has its day in UTC.
    """
    suffix = "" if repeat == 1 else f".{repeat}"
    return f"v{committed.astimezone(UTC):%Y%m%d}-{commit[:8]}{suffix}"


def is_model_version(text: str) -> bool:
    """Returns whether text is a name as `model_version` makes it."""
    return re.fullmatch(r"v[0-9]{8}-[0-9a-f]{8}(\.[0-9]+)?", text) is not None


def trained_tag(cause: str) -> str:
    """Returns the tag, of value `true`, that a run bears for each cause that led to it."""
    return f"{CAUSE_TAG}.{cause}"


def model_name(agent: str, version: str) -> str:
    """Returns the model's full name, such as agent-sre-functiongemma-20251224-abc12345."""
    return f"{registered_model(agent)}-{version.removeprefix('v')}"

"""Turns an agent's runbook into training, validation and test rows.

The prompt of a row is what the agent sends at inference: an alert as Alertmanager delivers it.
"""

from dataclasses import dataclass
from typing import Annotated

from shared.agent_config.settings import (
    ExamplesPerAlert,
    MaxFunctionShare,
    NoCallShare,
    RenamedShare,
    Seed,
    UnseenAlertsShare,
)
from shared.artifacts import ChatDataset
from shared.contract import Variable, matches

GIT_TOKEN = Variable("GIT_TOKEN", "a token for an https repository", secret=True)
GIT_SSH_KEY_FILE = Variable("GIT_SSH_KEY_FILE", "the path of a private key for an ssh repository")
GIT_SSH_KNOWN_HOSTS_FILE = Variable("GIT_SSH_KNOWN_HOSTS_FILE", "the path of the known_hosts of an ssh repository")
ENVIRONMENT = (GIT_TOKEN, GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE)
RUNTIME = ()

DNS_LABEL = matches(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a name such as agent-sre: a-z, 0-9 and dashes")


@dataclass(frozen=True)
class Inputs:
    """What dataset needs."""

    agent_name: Annotated[
        str, "the agent: a folder below flux/ai, or below the one that agent-training.yaml names", DNS_LABEL
    ]
    repository: Annotated[str, "the GitOps repository: a URL, or the path of a clone or bare repository"]
    revision: Annotated[str, "branch, tag or commit; empty for the default branch"] = ""
    runbook_path: Annotated[
        str,
        "the runbook: a file below the agent's folder or in the repository, a folder of pages, a pattern such as "
        "docs/**/*.md, or several of these with commas between; empty for what config.yaml says, or docs/RUNBOOK.md",
    ] = ""
    examples_per_alert: ExamplesPerAlert = 24
    no_call_share: NoCallShare = 0.1
    renamed_share: RenamedShare = 0.25
    unseen_alerts_share: UnseenAlertsShare = 0.0
    max_function_share: MaxFunctionShare = 0.5
    seed: Seed = 0


@dataclass(frozen=True)
class Outputs:
    """What dataset makes."""

    dataset: Annotated[ChatDataset, "the rows, prompt.json, agent.json and the dataset card"]
    source_commit: Annotated[str, "the last commit that touched the agent's runbook, rules or training folder"]
    rows: Annotated[int, "rows in all splits"]

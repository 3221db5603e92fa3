"""What a person may set for a run: the workflow's inputs, from config.yaml and from NAME=value arguments."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.contract import PIPELINE, Field
from shared.errors import StageError, nearest
from stages.dataset.agent_config import read_config
from stages.dataset.gitops.repository import Repository
from stages.dataset.source import read_source
from workflows.inputs import settings_of

SHORT_NAMES = {"agent": "agent_name", "model": "model_name", "gitops": "repository"}


def workflow_fields() -> dict[str, Field]:
    """Returns the declaration of each workflow input, as the stage that takes it declares it."""
    return settings_of(*PIPELINE)


def parse_settings(arguments: Iterable[str], fields: Mapping[str, Field] | None = None) -> dict[str, Any]:
    """Returns workflow inputs from `ITERS=30`, `agent=agent-bruno` and the like.

    fields: what may be set, by name; all inputs of the pipeline where none are given. Raises StageError for an unknown
    name (with the nearest known one) and for a value that the stage would refuse.
    """
    fields = workflow_fields() if fields is None else fields
    short_names = (short for short, full in SHORT_NAMES.items() if full in fields)
    known = sorted(name.upper() for name in (*fields, *short_names))
    settings: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        key = setting_name(name)
        if key not in fields:
            raise StageError(f"{name} is no setting of a run; {nearest(name.upper(), known)}")
        if not equals:
            raise StageError(f"{name} has no value; write {name}=value")
        settings[key] = fields[key].parse(text)
    return settings


def setting_name(written: str) -> str:
    """Returns the input that a setting's name stands for: `GITOPS` and `repository` are one."""
    return SHORT_NAMES.get(written.lower(), written.lower())


def configured(
    repo: Repository, repository: str, agent: str, revision: str = "", runbook_path: str = ""
) -> dict[str, Any]:
    """Returns the workflow inputs that the agent's config.yaml sets at revision.

    Raises StageError, as dataset does, where the agent or its files are missing or wrong.
    """
    source = read_source(repo, repository, revision, agent, runbook_path)
    return read_config(source.config, source.config_path).over(source.fleet).inputs()

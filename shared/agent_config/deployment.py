"""The block `deploy` of config.yaml: how a new version gets into Git, and which YAML fields follow it.

dataset checks it before anything is trained, and hands it on in agent.json, where publish reads it.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from shared import names
from shared.agent_config import field_path
from shared.errors import StageError, one_line

MODES = PUSH, BRANCH, PULL_REQUEST = "push", "branch", "pull-request"
PROPOSALS = "agent-training"  # the folder of the branches on which versions are proposed
PLACEHOLDERS = ("{version}", "{agent}", "{name}")
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


@dataclass(frozen=True)
class FieldBump:
    """A field of a YAML file that follows the model's version. `file` is relative to the agent's folder."""

    file: str
    field: str
    value: str

    def filled(self, agent: str, version: str) -> str:
        """Returns the value with its placeholders filled."""
        known = {"{version}": version, "{agent}": agent, "{name}": names.model_name(agent, version)}
        return _BRACES.sub(lambda found: known[found[0]], self.value)


def check_mode(mode: str) -> str:
    """Returns mode. Raises StageError where there is no such mode."""
    if mode not in MODES:
        raise StageError(f"{mode!r} is no mode; it must be one of {', '.join(MODES)}")
    return mode


def check_file(file: str) -> str:
    """Returns file. Raises StageError where it is no YAML file of the agent's folder that a bump may change."""
    parts = file.split("/")
    if one_line(file) != file or "\\" in file or {"", ".", ".."} & set(parts):
        raise StageError(f"{file!r} must be a path below the agent's folder, such as k8s/lambdaagent.yaml")
    if PurePosixPath(file).suffix not in (".yaml", ".yml"):
        raise StageError(f"{file} is no YAML file; its name must end in .yaml or .yml")
    if parts[0] == "training":
        raise StageError(f"{file} is what the model is trained by; a bump that changes it would ask for a new model")
    return file


def check_field(field: str) -> str:
    """Returns field. Raises StageError where it is no path of a field."""
    field_path.parse(field)
    return field


def check_value(value: str) -> str:
    """Returns value. Raises StageError for an unknown placeholder, for nothing, and for more than a line."""
    if not value or one_line(value) != value:
        raise StageError(f"{value!r} must be one line of text without blanks around it")
    if unknown := [found for found in _BRACES.findall(value) if found not in PLACEHOLDERS]:
        raise StageError(f"{unknown[0]} is no placeholder; known are {', '.join(PLACEHOLDERS)}")
    return value


def proposal_branch(agent: str, version: str, replaced: str = "") -> str:
    """Returns the branch on which a version is proposed; `replaced` by name where it was in use before."""
    return f"{PROPOSALS}/{agent}/{version}{f'-for-{replaced}' if replaced else ''}"

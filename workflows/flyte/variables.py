"""Where a pod finds the environment variables that its stage declares: by name, never by value.

What a ConfigMap or Secret is called, and which variables are its keys, stands in placement.toml. Secrets are mounted as
files: Kubernetes puts a variable's value into any argument that holds `$(NAME)`, and what a runbook says reaches
arguments.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kubernetes.client import (
    V1ConfigMapKeySelector,
    V1EnvVar,
    V1EnvVarSource,
    V1KeyToPath,
    V1ProjectedVolumeSource,
    V1SecretProjection,
    V1VolumeProjection,
)

from shared.contract import SECRETS_FOLDER, Contract, Variable
from shared.errors import StageError
from shared.runner.settings import DEFAULT_URL
from workflows import toml_file
from workflows.placement import FILE

FOLDER = "/etc/agent-training"  # where a pod's secrets lie, each key a file
# Flyte and, for a pod whose account has a role, EKS and ECS set these themselves, where nobody else does; and a pod's
# profile says where its runner is.
SET_BY_THE_CLUSTER = ("FLYTE_INTERNAL_", "AWS_ROLE_", "AWS_WEB_IDENTITY_", "AWS_CONTAINER_", DEFAULT_URL.name)
CONFIG_MAPS, SECRETS = "config_maps", "secrets"  # tables of placement.toml
_FILE = "_FILE"


@dataclass(frozen=True)
class Holder:
    """The ConfigMap or Secret that holds a variable."""

    table: str
    name: str

    @property
    def is_secret(self) -> bool:
        return self.table == SECRETS

    def __str__(self) -> str:
        return f"[{self.table}] {self.name}"


def environment(declared: Contract, file: Path = FILE) -> list[V1EnvVar]:
    """Returns the variables of a stage from ConfigMaps, and where its secrets lie; not those that the cluster sets.

    Raises StageError for a variable that placement.toml does not place.
    """
    known = holders(file)
    found = [V1EnvVar(name=SECRETS_FOLDER, value=FOLDER)] if mounted_secrets(declared, file) else []
    for variable in declared.environment:
        holder = known.get(variable.name)
        if holder and not holder.is_secret:
            found.append(_from_config_map(variable, holder.name))
        elif not holder and not variable.name.startswith(SET_BY_THE_CLUSTER):
            reason = f"{declared.stage} reads {variable.name}, which neither [{CONFIG_MAPS}] nor [{SECRETS}] names"
            raise StageError(f"{file}: {reason}; add it to one of them")
    return found


def mounted_secrets(declared: Contract, file: Path = FILE) -> V1ProjectedVolumeSource | None:
    """Returns the secrets of a stage, to be mounted at FOLDER: those it declares, and those whose path it does.

    None where it has none. Raises StageError where placement.toml is wrong.
    """
    by_secret: dict[str, list[Variable]] = {}
    known = holders(file)
    for variable in declared.environment:
        holder = known.get(key(variable))
        if holder and holder.is_secret:
            by_secret.setdefault(holder.name, []).append(variable)
    sources = [V1VolumeProjection(secret=_projection(*each)) for each in by_secret.items()]
    return V1ProjectedVolumeSource(sources=sources, default_mode=0o440) if sources else None


def holders(file: Path = FILE) -> dict[str, Holder]:
    """Returns, by variable, what holds it. Raises StageError for a variable that is named twice."""
    found: dict[str, Holder] = {}
    for variable, holder in _entries(file):
        if other := found.get(variable):
            raise StageError(f"{file} names {variable} in {other} and in {holder}; leave one")
        found[variable] = holder
    return found


def key(variable: Variable) -> str:
    """Returns a variable's key in a Secret: that of GIT_SSH_KEY_FILE, which holds a path, is GIT_SSH_KEY."""
    return variable.name.removesuffix(_FILE)


def _entries(file: Path) -> Iterator[tuple[str, Holder]]:
    whole = toml_file.read(file)
    for name in (CONFIG_MAPS, SECRETS):
        table = whole.table(name)
        for holder, variables in table.values(dict.fromkeys(table.entries, list), ()).items():
            yield from ((str(variable), Holder(name, holder)) for variable in variables)


def _from_config_map(variable: Variable, config_map: str) -> V1EnvVar:
    selector = V1ConfigMapKeySelector(name=config_map, key=variable.name, optional=not variable.required)
    return V1EnvVar(name=variable.name, value_from=V1EnvVarSource(config_map_key_ref=selector))


def _projection(secret: str, variables: list[Variable]) -> V1SecretProjection:
    items = [V1KeyToPath(key=key(each), path=key(each)) for each in variables]
    return V1SecretProjection(name=secret, items=items, optional=not any(each.required for each in variables))

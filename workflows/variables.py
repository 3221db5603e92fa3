"""Where a pod finds the environment variables that its stage declares: by name, never by value.

What a ConfigMap or Secret is called, and which variables are its keys, stands in placement.toml. Secrets are mounted as
files: Kubernetes puts a variable's value into any argument that holds `$(NAME)`, and what a runbook says reaches
arguments.
"""

from collections.abc import Iterator
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
from workflows import toml_file
from workflows.placement import FILE

FOLDER = "/etc/agent-training"  # where a pod's secrets lie, each key a file
SET_BY_FLYTE = "FLYTE_INTERNAL_"
_FILE = "_FILE"


def environment(declared: Contract, file: Path = FILE) -> list[V1EnvVar]:
    """Returns the variables of a stage from ConfigMaps, and where its secrets lie; what Flyte sets itself is left out.

    Raises StageError for a variable that placement.toml does not place.
    """
    config_maps, secrets = _holders(file, "config_maps"), _holders(file, "secrets")
    found = [V1EnvVar(name=SECRETS_FOLDER, value=FOLDER)] if mounted_secrets(declared, file) else []
    for variable in declared.environment:
        name = variable.name
        if name in config_maps:
            key = V1ConfigMapKeySelector(name=config_maps[name], key=name, optional=not variable.required)
            found.append(V1EnvVar(name=name, value_from=V1EnvVarSource(config_map_key_ref=key)))
        elif name not in secrets and not name.startswith(SET_BY_FLYTE):
            reason = f"{declared.stage} reads {name}, which neither [config_maps] nor [secrets] names"
            raise StageError(f"{file}: {reason}; add it to one of them")
    return found


def mounted_secrets(declared: Contract, file: Path = FILE) -> V1ProjectedVolumeSource | None:
    """Returns the secrets of a stage, to be mounted at FOLDER: those it declares, and those whose path it does.

    None where it has none. Raises StageError where placement.toml is wrong.
    """
    by_secret: dict[str, list[Variable]] = {}
    holders = _holders(file, "secrets")
    for variable in declared.environment:
        if holder := holders.get(_key(variable)):
            by_secret.setdefault(holder, []).append(variable)
    sources = [V1VolumeProjection(secret=_projection(*each)) for each in by_secret.items()]
    return V1ProjectedVolumeSource(sources=sources, default_mode=0o440) if sources else None


def _key(variable: Variable) -> str:
    """Returns a variable's key in a Secret: that of GIT_SSH_KEY_FILE, which holds a path, is GIT_SSH_KEY."""
    return variable.name.removesuffix(_FILE)


def _projection(secret: str, variables: list[Variable]) -> V1SecretProjection:
    items = [V1KeyToPath(key=_key(each), path=_key(each)) for each in variables]
    return V1SecretProjection(name=secret, items=items, optional=not any(each.required for each in variables))


def _holders(file: Path, table: str) -> dict[str, str]:
    """Returns, by variable, the name of the object that holds it. Raises StageError for a variable named twice."""
    found: dict[str, str] = {}
    for variable, holder in _entries(file, table):
        if variable in found:
            raise StageError(f"{file}: [{table}] names {variable} in {found[variable]} and {holder}; leave one")
        found[variable] = holder
    return found


def _entries(file: Path, name: str) -> Iterator[tuple[str, str]]:
    table = toml_file.read(file).table(name)
    for holder, variables in table.values(dict.fromkeys(table.entries, list), ()).items():
        for variable in variables:
            yield str(variable), holder

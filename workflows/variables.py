"""Where a pod finds the environment variables that its stage declares: by name, never by value.

What a ConfigMap or Secret is called, and which variables are its keys, stands in placement.toml.
"""

from collections.abc import Iterator
from pathlib import Path

from kubernetes.client import (
    V1ConfigMapKeySelector,
    V1EnvVar,
    V1EnvVarSource,
    V1KeyToPath,
    V1ProjectedVolumeSource,
    V1SecretKeySelector,
    V1SecretProjection,
    V1VolumeProjection,
)

from shared.contract import Contract
from shared.errors import StageError
from workflows import toml_file
from workflows.placement import FILE

FILES = "/etc/agent-training"  # where the keys lie that are files
SET_BY_FLYTE = "FLYTE_INTERNAL_"


def environment(declared: Contract, file: Path = FILE) -> list[V1EnvVar]:
    """Returns the variables of a stage, each from its ConfigMap or Secret; what Flyte sets itself is left out.

    Raises StageError for a variable that placement.toml does not place.
    """
    config_maps, secrets = _holders(file, "config_maps"), _holders(file, "secrets")
    found = []
    for name, optional in ((variable.name, not variable.required) for variable in declared.environment):
        if name in secrets:
            secret = V1SecretKeySelector(name=secrets[name], key=name, optional=optional)
            found.append(V1EnvVar(name=name, value_from=V1EnvVarSource(secret_key_ref=secret)))
        elif name in config_maps:
            config_map = V1ConfigMapKeySelector(name=config_maps[name], key=name, optional=optional)
            found.append(V1EnvVar(name=name, value_from=V1EnvVarSource(config_map_key_ref=config_map)))
        elif not name.startswith(SET_BY_FLYTE):
            reason = f"{declared.stage} reads {name}, which neither [config_maps] nor [secrets] names"
            raise StageError(f"{file}: {reason}; add it to one of them")
    return found


def secret_files(declared: Contract, file: Path = FILE) -> V1ProjectedVolumeSource | None:
    """Returns what lies in FILES for a stage: the keys whose path it reads from a variable; None without any."""
    wanted = {variable.name.removesuffix("_FILE") for variable in declared.environment}
    by_secret: dict[str, list[str]] = {}
    for key, secret in _holders(file, "secret_files").items():
        if key in wanted:
            by_secret.setdefault(secret, []).append(key)
    sources = [V1VolumeProjection(secret=_projection(*each)) for each in by_secret.items()]
    return V1ProjectedVolumeSource(sources=sources, default_mode=0o440) if sources else None


def _projection(secret: str, keys: list[str]) -> V1SecretProjection:
    return V1SecretProjection(name=secret, items=[V1KeyToPath(key=key, path=key) for key in keys], optional=True)


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

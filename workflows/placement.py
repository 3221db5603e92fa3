"""placement.toml and images.toml: where each stage runs, with what, and which image of it."""

import re
import tomllib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.contract import STAGES
from shared.errors import StageError

FOLDER = Path(__file__).parent
_KEYS = {"cpu": str, "memory": str, "timeout_minutes": int, "retries": int}
_EXAMPLES = {str: "a Kubernetes quantity in quotes", int: "a whole number"}
_IMAGE = re.compile(r"(?P<name>[\w.:/-]+?):(?P<version>[\w.-]+)(@(?P<digest>sha256:[0-9a-f]{64}))?")


@dataclass(frozen=True)
class Placement:
    """What one stage gets: resources as Kubernetes writes them, a time limit, retries, and which nodes."""

    cpu: str
    memory: str
    timeout: timedelta
    retries: int
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Image:
    """A stage's image: `reference` as it is pulled, its version, and its digest, '' before the first push."""

    reference: str
    version: str
    digest: str

    @property
    def address(self) -> str:
        """What is run: `name@digest` where the image is pinned, `name:version` before its first push."""
        return f"{self.name}@{self.digest}" if self.digest else self.reference

    @property
    def name(self) -> str:
        """Registry and repository, without version and digest."""
        return self.reference.partition("@")[0].removesuffix(f":{self.version}")


def read_placement(stage: str, file: Path = FOLDER / "placement.toml") -> Placement:
    """Returns the placement of a stage. Raises StageError where the file lacks it or names an unknown profile."""
    table = _read(file)
    _check_stage(stage)
    _check_names(file, table, {*STAGES, "profiles"})
    entry, profiles = _table(file, table, stage), _table(file, table, "profiles")
    for key, kind in _KEYS.items():
        if type(entry.get(key)) is not kind:
            found = f"{key} = {entry[key]!r}" if key in entry else f"no {key}"
            raise StageError(f"{file}: [{stage}] has {found}; write {key} = {_EXAMPLES[kind]}")
    profile = entry.get("profile", "")
    if profile and profile not in profiles:
        raise StageError(f"{file}: [{stage}] names the profile {profile}; known are {', '.join(sorted(profiles))}")
    return Placement(
        cpu=entry["cpu"],
        memory=entry["memory"],
        timeout=timedelta(minutes=entry["timeout_minutes"]),
        retries=entry["retries"],
        **_profile(file, profiles, profile),
    )


def read_image(stage: str, file: Path = FOLDER / "images.toml") -> Image:
    """Returns the image of a stage. Raises StageError where the file lacks it or it has no version."""
    table = _read(file)
    _check_stage(stage)
    _check_names(file, table, set(STAGES))
    reference = table.get(stage, "")
    found = _IMAGE.fullmatch(str(reference))
    if not found:
        raise StageError(f"{file}: {stage} is {reference!r}; write registry/name:version, with @sha256:… once pushed")
    return Image(reference, found["version"], found["digest"] or "")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:  # a ValueError is what is no UTF-8 or no TOML
        raise StageError(f"{file} cannot be read as TOML: {error}; mend it, or take it from Git again") from None


def _check_stage(stage: str) -> None:
    if stage not in STAGES:
        raise StageError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}")


def _check_names(file: Path, table: dict[str, Any], known: set[str]) -> None:
    """Refuses a misspelt name, which would be left out without a word."""
    if unknown := table.keys() - known:
        raise StageError(f"{file}: {', '.join(sorted(unknown))} is no stage; the stages are {', '.join(STAGES)}")


def _table(file: Path, table: dict[str, Any], name: str) -> dict[str, Any]:
    entry = table.get(name, {})
    if not isinstance(entry, dict):
        raise StageError(f"{file}: {name} is {entry!r}; write a table [{name}] with a key a line")
    return entry


def _profile(file: Path, profiles: dict[str, Any], name: str) -> dict[str, Any]:
    entry = _table(file, profiles, name)
    known = ("node_selector", "tolerations")
    if unknown := entry.keys() - set(known):
        raise StageError(f"{file}: the profile {name} has {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    return entry

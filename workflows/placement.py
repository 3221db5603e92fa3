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


def read_placement(stage: str, file: Path = FOLDER / "placement.toml") -> Placement:
    """Returns the placement of a stage. Raises StageError where the file lacks it or names an unknown profile."""
    table = _read(file)
    entry: dict[str, Any] = table.get(stage, {})
    if missing := {"cpu", "memory", "timeout_minutes", "retries"} - entry.keys():
        raise StageError(f"{file.name}: [{stage}] has no {', '.join(sorted(missing))}")
    profiles = table.get("profiles", {})
    profile = entry.get("profile", "")
    if profile and profile not in profiles:
        raise StageError(f"{file.name}: [{stage}] names the profile {profile}; known are {', '.join(sorted(profiles))}")
    return Placement(
        cpu=entry["cpu"],
        memory=entry["memory"],
        timeout=timedelta(minutes=entry["timeout_minutes"]),
        retries=entry["retries"],
        **profiles.get(profile, {}),
    )


def read_image(stage: str, file: Path = FOLDER / "images.toml") -> Image:
    """Returns the image of a stage. Raises StageError where the file lacks it or it has no version."""
    table = _read(file)
    if unknown := table.keys() - set(STAGES):
        raise StageError(f"{file.name}: {', '.join(sorted(unknown))} is no stage; the stages are {', '.join(STAGES)}")
    reference = table.get(stage, "")
    found = _IMAGE.fullmatch(reference)
    if not found:
        raise StageError(
            f"{file.name}: {stage} is {reference!r}; write registry/name:version, with @sha256:… once pushed"
        )
    return Image(reference, found["version"], found["digest"] or "")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise StageError(f"{file} cannot be read: {error}") from None

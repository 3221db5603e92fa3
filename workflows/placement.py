"""placement.toml and images.toml: where each stage runs, with what, and which image of it."""

import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared import contract
from shared.contract import NODES, PROGRAMS, STAGES, Contract
from shared.errors import StageError, nearest
from shared.runner.settings import address, can_be_handed_over
from workflows import toml_file
from workflows.toml_file import Quantity, Table

FOLDER = Path(__file__).parent
FILE = FOLDER / "placement.toml"
IMAGES = FOLDER / "images.toml"
TRAIN_PROFILE = "TRAIN_PROFILE"  # a profile for train instead of placement.toml's
PYTHON = "/opt/venv/bin/python"  # in every image, as their ENTRYPOINT has it
SOURCES = ("config_maps", "secrets")  # read by workflows/flyte/variables.py

_REQUIRED: dict[str, type] = {
    "cpu": Quantity,
    "memory": Quantity,
    "ephemeral_storage": Quantity,
    "timeout_minutes": int,
    "retries": int,
}
_OPTIONAL: dict[str, type] = {
    "cpu_limit": Quantity,
    "memory_limit": Quantity,
    "interruptible": bool,
    "checkpoints": bool,
    "profile": str,
}
_PROFILE: dict[str, type] = {
    "node_selector": dict,
    "tolerations": list,
    "resources": dict,
    "image_variant": str,
    "runner_url": str,
    "cpu": Quantity,
    "memory": Quantity,
    "cpu_limit": Quantity,
    "memory_limit": Quantity,
}
_OF_THE_POD = ("cpu", "memory", "cpu_limit", "memory_limit")  # a profile's, in place of the stage's own
ACCELERATOR, METAL = "agent-training/accelerator", "apple-silicon"  # a node's label or taint, and what it promises
HOST_IP = "$(HOST_IP)"  # in a runner's address: that of the pod's own node
_TOLERATION = ("key", "operator", "value", "effect")
_IMAGE = re.compile(r"(?P<name>[\w.:/-]+?):(?P<version>[\w.-]+)(@(?P<digest>sha256:[0-9a-f]{64}))?")


@dataclass(frozen=True)
class Profile:
    """Which nodes a stage is sent to, and what it finds there.

    resources: more of them, such as nvidia.com/gpu. image_variant: of the stage's image, '' for the plain one.
    runner_url: of the native runner that does the work, '' where the pod does; the
    ConfigMap's MLX_RUNNER_URL stands before.
    """

    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: list[dict[str, str]] = field(default_factory=list)
    resources: dict[str, str] = field(default_factory=dict)
    image_variant: str = ""
    runner_url: str = ""


@dataclass(frozen=True)
class Placement:
    """What one stage gets: resources as Kubernetes writes them, a time limit, retries, and which nodes.

    A limit that is '' is what is requested. ephemeral_storage is for inputs, temporary files and outputs together.
    interruptible: it may run on nodes that are taken away. checkpoints: Flyte's checkpoint prefixes are passed to it.
    """

    cpu: str
    memory: str
    timeout: timedelta
    retries: int
    ephemeral_storage: str = "4Gi"
    cpu_limit: str = ""
    memory_limit: str = ""
    interruptible: bool = False
    checkpoints: bool = False
    profile: Profile = field(default_factory=Profile)

    def requests(self) -> dict[str, str]:
        """Returns what is requested, by Kubernetes' name of the resource."""
        plain = {"cpu": self.cpu, "memory": self.memory, "ephemeral-storage": self.ephemeral_storage}
        return plain | self.profile.resources

    def limits(self) -> dict[str, str]:
        """Returns the limits, by Kubernetes' name of the resource."""
        own = {"cpu": self.cpu_limit, "memory": self.memory_limit}
        return self.requests() | {name: limit for name, limit in own.items() if limit}


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
        return self.reference.partition("@")[0].rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The version, and behind it the variant where the image is one."""
        return self.reference.partition("@")[0].rpartition(":")[2]


def read_placement(stage: str, file: Path = FILE, on_cluster: bool = True) -> Placement:
    """Returns the placement of a stage; the environment's TRAIN_PROFILE is train's profile where it is set.

    on_cluster: what its pod gets, which is little where a profile has a runner do the work. Elsewhere it is what the
    stage needs to work by itself.

    Raises StageError where the file lacks it, names an unknown profile, or holds anything that is not known.
    """
    whole = toml_file.read(file)
    _check_stage(stage)
    _check_stages(whole, {*NODES, "profiles", *SOURCES})
    entry = whole.table(stage).values(_REQUIRED | _OPTIONAL, _REQUIRED)
    profile, pod = _read_profile(whole, stage, entry.pop("profile", ""))
    pod = pod if on_cluster else {}
    if "cpu" in pod or "memory" in pod:  # limits go with what is requested
        entry = {key: value for key, value in entry.items() if key not in ("cpu_limit", "memory_limit")}
    return Placement(timeout=timedelta(minutes=entry.pop("timeout_minutes")), profile=profile, **(entry | pod))


def read_image(stage: str, file: Path = IMAGES, variant: str = "") -> Image:
    """Returns the image of a stage, or that variant of it which the line `<stage>-<variant>` names.

    One of PROGRAMS runs in the image of its stage.
    Raises StageError where the file lacks it or it has no version.
    """
    whole = toml_file.read(file)
    _check_stage(stage)
    _check_stages(whole, {*STAGES, *(name for name in whole.entries if name.partition("-")[0] in STAGES)})
    stage = PROGRAMS.get(stage, stage)
    key = f"{stage}-{variant}" if variant else stage
    if variant and key not in whole.entries:
        pushed = f"`make image-{stage} push-{stage} VARIANT={variant}`"
        pinned = f"`make pin-{stage} VERSION=… VARIANT={variant}`"
        raise StageError(f"{file} has no {key}, the image for that profile; {pushed}, then {pinned}")
    reference = whole.entries.get(key, "")
    found = _IMAGE.fullmatch(str(reference))
    if not found:
        raise StageError(f"{file}: {key} is {reference!r}; write registry/name:version, with @sha256:… once pushed")
    return Image(reference, found["version"].removesuffix(f"-{variant}"), found["digest"] or "")


def entrypoint(declared: Contract) -> list[str]:
    """Returns what is run in place of an image's ENTRYPOINT, which runs the stage: nothing, but for one of PROGRAMS."""
    return [] if declared.home == declared.stage else [PYTHON, "-m", declared.program]


def placed_image(stage: str) -> Image:
    """Returns the image of a stage that its profile asks for. Raises StageError as the two files' readers do."""
    return read_image(stage, variant=read_placement(stage).profile.image_variant)


def _check_stage(stage: str) -> None:
    if stage not in NODES:
        raise StageError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}")


def _check_stages(whole: Table, known: set[str]) -> None:
    """Refuses a misspelt name, which would be left out without a word."""
    if unknown := whole.entries.keys() - known:
        raise StageError(f"{whole}: {', '.join(sorted(unknown))} is no stage; the stages are {', '.join(STAGES)}")


def _read_profile(whole: Table, stage: str, name: str) -> tuple[Profile, dict[str, str]]:
    """Returns a profile, and what its pods ask for in place of what the stage does."""
    profiles = whole.table("profiles")
    asked = os.environ.get(TRAIN_PROFILE, "") if stage == "train" else ""
    name = asked or name
    if name and name not in profiles.entries:
        where = f"the environment variable {TRAIN_PROFILE}" if asked else f"{whole}: [{stage}]"
        raise StageError(f"{where} names the profile {name}; known are {', '.join(sorted(profiles.entries))}")
    table = profiles.table(name) if name else profiles.table("")
    entry = table.values(_PROFILE, ())
    _check_texts(table, "node_selector")
    _check_texts(table, "resources")
    for toleration in entry.get("tolerations", []):
        _check_toleration(table, toleration)
    pod = {key: entry.pop(key) for key in _OF_THE_POD if key in entry}
    profile = Profile(**entry)
    _check_runner(table, stage, profile)
    return profile, pod


def _check_runner(table: Table, stage: str, profile: Profile) -> None:
    """Refuses a runner that cannot be, and a node for Metal without a runner: a container has no Metal."""
    if profile.runner_url:
        try:
            address(profile.runner_url.replace(HOST_IP, "0.0.0.0"))
        except StageError:
            raise StageError(f"{table} has runner_url = {profile.runner_url!r}; write https://host:port") from None
        if not can_be_handed_over(contract.load(stage)):
            raise StageError(f"{table} has a runner_url, and no runner does the work of {stage}; give it another")
    elif profile.node_selector.get(ACCELERATOR) == METAL:
        remedy = 'add runner_url = "https://host.docker.internal:8765", or where your runner is'
        raise StageError(f"{table} selects {METAL} nodes, where a container trains on the CPU; {remedy}")


def _check_texts(table: Table, key: str) -> None:
    for name, value in table.entries.get(key, {}).items():
        if not isinstance(value, str):
            raise StageError(f'{table} has {name} = {value!r} in {key}; write "{value}"')


def _check_toleration(table: Table, toleration: Any) -> None:
    if not isinstance(toleration, dict):
        raise StageError(f"{table} has the toleration {toleration!r}; write a table {{ key = … }}")
    for name, value in toleration.items():
        if name not in _TOLERATION:
            raise StageError(f"{table} has {name} in a toleration; {nearest(name, _TOLERATION)}")
        if not isinstance(value, str):
            raise StageError(f'{table} has {name} = {value!r} in a toleration; write "{value}"')

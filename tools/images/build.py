"""Builds a stage's image from the tree, and says what it is called and labelled.

With a variant, such as `cuda`: the image of the same source with the libraries of requirements.cuda.lock, and `-cuda`
behind its version in its tag.
"""

import json
import os
import re
import tomllib

from shared import contract
from shared.errors import StageError
from tools.images import docker_program, source
from tools.images.source import ROOT
from workflows.interface import LABEL
from workflows.placement import read_image


def build(stage: str, base: str = "", anew: bool = False, variant: str = "") -> str:
    """Builds the tree's image of a stage and returns its reference, `name:version` with images.toml's name.

    base: the base image where it is not the Dockerfile's. anew: from nothing that was built before.
    Other images that the Dockerfile takes parts of are the environment's, where it names them.
    Raises StageError where Docker or Git refuses, and where the stage has no such variant.
    """
    revision, reference = source.revision(stage), tree_reference(stage, variant=variant)
    given = {**_further_images(stage), "BASE_IMAGE": base, "LOCK": _lock(variant) if variant else ""}
    settings = build_arguments(revision) | {name: value for name, value in given.items() if value}
    docker_program.run(
        "build",
        *(["--no-cache"] if anew else []),
        f"--file={ROOT}/stages/{stage}/Dockerfile",
        f"--tag={reference}",
        *(f"--build-arg={name}={value}" for name, value in settings.items()),
        *(f"--label={name}={value}" for name, value in labels(stage, revision).items()),
        str(ROOT),
    )
    return reference


def _further_images(stage: str) -> dict[str, str]:
    """Returns the images that the environment names for the Dockerfile's arguments, such as KUSTOMIZE_IMAGE."""
    dockerfile = (ROOT / "stages" / stage / "Dockerfile").read_text("utf-8")
    declared = re.findall(r"^ARG (\w+_IMAGE)\b", dockerfile, re.MULTILINE)
    return {name: os.environ.get(name, "") for name in declared if name != "BASE_IMAGE"}


def build_arguments(revision: source.Revision) -> dict[str, str]:
    """Returns what makes a build of the same revision give the same layers."""
    return {"SOURCE_DATE_EPOCH": f"{revision.committed.timestamp():.0f}"}


def labels(stage: str, revision: source.Revision) -> dict[str, str]:
    """Returns the labels of the tree's image: https://specs.opencontainers.org/image-spec/annotations, the contract."""
    project = tomllib.loads((ROOT / "stages" / stage / "pyproject.toml").read_text("utf-8"))["project"]
    standard = {
        "title": project["name"],
        "description": project["description"],
        "licenses": project["license"],
        "version": project["version"],
        "revision": str(revision),
        "created": revision.committed.isoformat(),
    }
    described = json.dumps(contract.load(stage).describe(), separators=(",", ":"))
    return {f"org.opencontainers.image.{name}": value for name, value in standard.items()} | {LABEL: described}


def tree_reference(stage: str, registry: str = "", variant: str = "") -> str:
    """Returns `name:version` of the tree's version; the name is images.toml's, or below `registry` if given.

    Raises StageError where the stage has no such variant.
    """
    if variant and not (ROOT / "stages" / stage / _lock(variant)).exists():
        raise StageError(f"{stage} has no variant {variant}: there is no stages/{stage}/{_lock(variant)}")
    return f"{image_name(stage, registry)}:{tag(contract.load(stage).version, variant)}"


def _lock(variant: str) -> str:
    return f"requirements.{variant}.lock"


def tag(version: str, variant: str = "") -> str:
    """Returns the tag of a version's image, or of that variant of it."""
    return f"{version}-{variant}" if variant else version


def image_name(stage: str, registry: str = "") -> str:
    """Returns the name of a stage's image without a version."""
    return f"{registry.removeprefix('https://').rstrip('/')}/{stage}" if registry else read_image(stage).name


def setting(variant: str) -> str:
    """Returns how make is asked for a variant, behind its target; '' for the plain image."""
    return f" VARIANT={variant}" if variant else ""

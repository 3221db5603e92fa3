"""Builds, pushes and pulls the stages' images.

    python -m tools.images.build build train --base python:3.11-slim-bookworm
    python -m tools.images.build push --registry localhost:5000/agent-training
    python -m tools.images.build pull

Without a stage, all of them; with `--since REVISION`, those whose image has changed since then. With `--variant cuda`,
the image of the same source with the libraries of requirements.cuda.lock, and `-cuda` behind its version in its tag.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from typing import Any

from shared import contract
from shared.contract import STAGES
from shared.errors import StageError
from tools.images import source as image_source
from tools.images import docker_program
from tools.images.registry import NotThere, Published, Repository
from tools.images.source import MODIFIED, ROOT
from workflows.interface import LABEL, check_image
from workflows.placement import Image, read_image

REVISION = "org.opencontainers.image.revision"


def build(stage: str, base: str = "", anew: bool = False, variant: str = "") -> str:
    """Builds the tree's image of a stage and returns its reference, `name:version` with images.toml's name.

    base: the base image where it is not the Dockerfile's. anew: from nothing that was built before.
    Raises StageError where Docker or Git refuses, and where the stage has no such variant.
    """
    revision, reference = image_source.revision(stage), tree_reference(stage, variant=variant)
    given = {"BASE_IMAGE": base, "LOCK": _lock(variant) if variant else ""}
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


def build_arguments(revision: image_source.Revision) -> dict[str, str]:
    """Returns what makes a build of the same revision give the same layers."""
    return {"SOURCE_DATE_EPOCH": f"{revision.committed.timestamp():.0f}"}


def labels(stage: str, revision: image_source.Revision) -> dict[str, str]:
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


def push(stage: str, registry: str = "", variant: str = "") -> str:
    """Pushes the tree's image and returns `name:version@digest`, as the registry answers.

    What the registry has of that version stays. Raises StageError where that is another content, where the
    image is not the committed tree's, and where the registry is down or denies it.
    """
    built = _built(stage, variant)
    target = tree_reference(stage, registry, variant)
    if there := published(stage, target):
        print(f"{stage}: the registry has this version already")
        return f"{target}@{there.digest}"
    if built != target:
        docker_program.answer("tag", built, target)
    name, _, version = target.rpartition(":")
    repository = Repository(name)
    _push(target, repository.host)
    return f"{target}@{repository.image(version).digest}"


def published(stage: str, target: str) -> Published | None:
    """Returns what the registry has as target, `name:version` of the tree; None where it has no such version.

    Raises StageError where it has another content of that version, is down, or denies it.
    """
    name, _, version = target.rpartition(":")
    try:
        there = Repository(name).image(version)
    except NotThere:
        return None
    _refuse_other_content(stage, target, there)
    return there


def _built(stage: str, variant: str) -> str:
    """Returns the reference of the image that was built from the tree as it is committed."""
    reference, now = tree_reference(stage, variant=variant), str(image_source.revision(stage))
    again = f"`make image-{stage}{setting(variant)}` builds it"
    if now.endswith(MODIFIED):
        raise StageError(f"the tree differs from its last commit in what {stage}'s image holds; commit first")
    if not docker_program.answer("images", "--quiet", reference).strip():
        raise StageError(f"there is no image {reference}; {again}")
    revision = _local_labels(reference).get(REVISION, "no known commit")
    if revision != now:
        raise StageError(f"{reference} was built from {revision}, and the tree is at {now}; {again} anew")
    return reference


def setting(variant: str) -> str:
    """Returns how make is asked for a variant, behind its target; '' for the plain image."""
    return f" VARIANT={variant}" if variant else ""


def _push(target: str, host: str) -> None:
    try:
        docker_program.answer("push", target)
    except StageError as error:
        words = ("denied", "unauthorized", "no basic auth")
        login = f"; log in with `docker login {host}`" if any(word in str(error) for word in words) else ""
        raise StageError(f"{error}{login}") from None


def _refuse_other_content(stage: str, target: str, there: Published) -> None:
    revision = there.labels.get(REVISION, "")
    try:
        differing = image_source.changed(stage, revision) if revision else ["unknown"]
    except StageError:  # a commit that this clone does not know
        differing = ["unknown"]
    if differing:
        origin = f"from {revision or 'an unknown commit'}"
        remedy = f"`make release-{stage}` gives the tree a new one"
        raise StageError(f"{target} is in the registry already, {origin}, and a version never changes; {remedy}")


def pull(stage: str) -> str:
    """Pulls what images.toml pins, checks that it fits the tree, and returns its reference.

    Raises StageError where it is not pinned, not there, another content or of another interface.
    """
    image = read_image(stage)
    if not image.digest:
        raise StageError(f"{stage} is not pinned; `make pin-{stage} VERSION={image.version}` pins what is pushed")
    _check_pin(image)
    docker_program.answer("pull", "--quiet", image.address)
    check_image(stage, image.version, _local_labels(image.address))
    return image.reference


def _check_pin(image: Image) -> None:
    """Raises StageError where the registry has the pinned version, but not with the pinned digest."""
    repository = Repository(image.name)
    try:
        repository.image(image.digest)
    except NotThere as error:
        check_tag(image, repository)
        raise error from None


def check_tag(image: Image, repository: Repository) -> None:
    """Raises StageError where the registry has the pinned version with another digest than the pinned one."""
    try:
        now = repository.image(image.tag).digest
    except NotThere:
        return
    if now != image.digest:
        reason = f"{image.reference} is pinned, and the registry has {image.tag} as {now}"
        raise StageError(f"{reason}; find out who replaced it, then pin what you trust")


def _local_labels(reference: str) -> dict[str, str]:
    found = json.loads(docker_program.answer("image", "inspect", "--format={{json .Config.Labels}}", reference))
    return {str(name): str(value) for name, value in (found or {}).items()}


def selected(stages: Sequence[str], since: str | None) -> list[str]:
    """Returns the stages that were asked for, all where none was; with since, those of them that changed, and says why.

    Raises StageError for a stage that does not exist and a revision that is unknown.
    """
    for stage in stages:
        image_source.check_stage(stage)
    asked = list(stages) or list(STAGES)
    if since is None:
        return asked
    changes = {stage: files for stage in asked if (files := image_source.changed(stage, since))}
    for stage, files in changes.items():
        others = f" and {len(files) - 3} more" if len(files) > 3 else ""
        print(f"{stage}: {', '.join(files[:3])}{others} changed since {since}")
    if not changes:
        print(f"nothing that an image holds has changed since {since}")
    return list(changes)


def main(arguments: Sequence[str]) -> int:
    """Does what the command line asks and returns the exit code; a failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    failed = False
    try:
        for stage in selected(options.stages, getattr(options, "since", None)):
            failed |= not _done(stage, options)
    except StageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return int(failed)


def _done(stage: str, options: Any) -> bool:
    """Does one stage and returns whether it could; of a failed build the next ones would fail alike."""
    match options.command:
        case "build":
            print(f"{stage}: built {build(stage, options.base, options.anew, options.variant)}")
            return True
        case command:
            try:
                print(push(stage, options.registry, options.variant) if command == "push" else pull(stage))
            except StageError as error:
                print(f"images: {error}", file=sys.stderr)
                return False
            return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="images", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("build", "push", "pull"):
        options = commands.add_parser(command)
        options.add_argument("stages", nargs="*", metavar="STAGE")
        if command != "pull":
            options.add_argument("--since", metavar="REVISION")
            options.add_argument("--variant", default="", metavar="NAME")
        if command == "build":
            options.add_argument("--base", default="", metavar="IMAGE")
            options.add_argument("--anew", action="store_true")
        if command == "push":
            options.add_argument("--registry", default="", metavar="HOST:PORT/PREFIX")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

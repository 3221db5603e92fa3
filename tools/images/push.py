"""Pushes a stage's image: what the registry has of a version stays as it is."""

from shared.errors import StageError
from tools.images import docker_program, source
from tools.images.build import setting, tree_reference
from tools.images.registry import NotThere, Published, Repository
from tools.images.source import MODIFIED

REVISION = "org.opencontainers.image.revision"


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
    reference, now = tree_reference(stage, variant=variant), str(source.revision(stage))
    again = f"`make image-{stage}{setting(variant)}` builds it"
    if now.endswith(MODIFIED):
        raise StageError(f"the tree differs from its last commit in what {stage}'s image holds; commit first")
    if not docker_program.answer("images", "--quiet", reference).strip():
        raise StageError(f"there is no image {reference}; {again}")
    revision = docker_program.labels(reference).get(REVISION, "no known commit")
    if revision != now:
        raise StageError(f"{reference} was built from {revision}, and the tree is at {now}; {again} anew")
    return reference


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
        differing = source.changed(stage, revision) if revision else ["unknown"]
    except StageError:  # a commit that this clone does not know
        differing = ["unknown"]
    if differing:
        origin = f"from {revision or 'an unknown commit'}"
        remedy = f"`make release-{stage}` gives the tree a new one"
        raise StageError(f"{target} is in the registry already, {origin}, and a version never changes; {remedy}")

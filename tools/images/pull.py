"""Pulls the images that images.toml pins, by their digests."""

from shared.errors import StageError
from tools.images import docker_program
from tools.images.registry import NotThere, Repository
from workflows.interface import check_image
from workflows.placement import Image, read_image


def pull(stage: str) -> str:
    """Pulls what images.toml pins, checks that it fits the tree, and returns its reference.

    Raises StageError where it is not pinned, not there, another content or of another interface.
    """
    image = read_image(stage)
    if not image.digest:
        raise StageError(f"{stage} is not pinned; `make pin-{stage} VERSION={image.version}` pins what is pushed")
    _check_pin(image)
    docker_program.answer("pull", "--quiet", image.address)
    check_image(stage, image.version, docker_program.labels(image.address))
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

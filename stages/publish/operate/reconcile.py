"""makes the version that Git rolls out the champion, after a merge or a change by hand"""

from collections.abc import Iterator

from shared import names
from shared.errors import StageError
from stages.publish.operate.places import Places, opened
from stages.publish.store.manifest import version_prefix
from stages.publish.store.stored_version import check_blobs, read_manifest


def run(agent: str, repository: str, branch: str) -> Iterator[str]:
    """Yields what was done. Raises StageError where Git names what the registry or the store does not have."""
    with opened(agent, repository, branch) as places:
        version = places.deployed()
        if not version:
            yield f"MODEL_VERSION of {agent} names no model yet; nothing to do"
            return
        registered, before = places.registered(version), places.registry.at(names.CHAMPION)
        if before != version:
            _check_stored(places, version)
        if registered.promote():
            yield f"{version} is the champion of {agent} now; before it was {before or 'none'}"
        else:
            yield f"{version} is the champion of {agent} already"


def _check_stored(places: Places, version: str) -> None:
    manifest = read_manifest(places.store, places.agent, version)
    if manifest is None:
        where = places.store.location(version_prefix(places.agent, version))
        raise StageError(f"Git names {version}, but {where} holds no manifest.json; publish it again, or roll back")
    if damaged := check_blobs(places.store, manifest):
        raise StageError(f"Git names {version}, but {damaged[0]}; publish it again")

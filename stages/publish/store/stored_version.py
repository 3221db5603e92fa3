"""A version in a store: its manifest, and whether its files are there as the manifest says."""

from collections.abc import Mapping
from pathlib import Path

from shared import names
from shared.errors import StageError
from stages.publish.store.manifest import Manifest, blob_key, manifest_key
from stages.publish.store.protocol import UNREADABLE, Store


def read_manifest(store: Store, agent: str, version: str) -> Manifest | None:
    """Returns a version's manifest, or None where the version is not there.

    Raises StageError where it is damaged, or speaks of another version.
    """
    if not names.is_model_version(version):
        raise StageError(f"the version is {version!r}; it must be a name such as v20251224-abc12345")
    key = manifest_key(agent, version)
    content = store.read(key)
    if content is None:
        return None
    manifest = Manifest.parse(content, store.location(key))
    found = manifest.about["agent"], manifest.about["version"]
    if found != (agent, version):
        told = f"{store.location(key)} speaks of {' '.join(found)}"
        raise StageError(f"{told}; find out who put it there, remove it and publish the version again")
    return manifest


def check_blobs(store: Store, manifest: Manifest) -> list[str]:
    """Returns a sentence for each file that is damaged or missing; reads every one."""
    found = {name: store.digest(blob_key(file.sha256)) for name, file in manifest.files.items()}
    return [
        fault(store, manifest, name, digest) for name, digest in found.items() if digest != manifest.files[name].sha256
    ]


def complete_blobs(store: Store, manifest: Manifest, held: Mapping[str, Path]) -> list[str]:
    """Sends the files that are not stored, or not as the manifest says, and returns their names.

    held: files of known content, by their sha256. Raises StageError where one that is damaged or missing is not
    held, and where one reads back differently than it was sent.
    """
    return [name for name in manifest.files if _complete(store, manifest, name, held)]


def fault(store: Store, manifest: Manifest, name: str, found: str | None) -> str:
    """Returns what is wrong with a file; found: what `Store.digest` returned for it."""
    state = {None: "missing", UNREADABLE: "not readable"}.get(found, "damaged")
    return f"{store.location(blob_key(manifest.files[name].sha256))} ({name}) is {state}"


def _complete(store: Store, manifest: Manifest, name: str, held: Mapping[str, Path]) -> bool:
    digest = manifest.files[name].sha256
    key = blob_key(digest)
    found = store.digest(key)
    is_sent = found != digest
    if is_sent:
        if digest not in held:
            told = f"{fault(store, manifest, name, found)}, and this run has other bytes under the name"
            raise StageError(f"{told}; restore it, or remove {_folder(store, manifest)} and publish the version anew")
        store.write(key, held[digest])
        if store.digest(key) != digest:
            reason = "reads back differently than it was written"
            raise StageError(f"{store.location(key)} ({name}) {reason}; check the store's disk")
    store.remove_unfinished(key)
    return is_sent


def _folder(store: Store, manifest: Manifest) -> str:
    return store.location(manifest_key(manifest.about["agent"], manifest.about["version"])).rpartition("/")[0]

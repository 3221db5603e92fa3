"""A version as a folder: its files under their names, and the manifest. So it is signed, and so it is fetched."""

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path

from shared import archive
from shared.errors import StageError
from stages.publish.store.manifest import MANIFEST, Manifest, blob_key
from stages.publish.store.protocol import Store
from stages.publish.store.stored_version import fault

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES, errno.ENOTSUP}


def lay_out(store: Store, manifest: Manifest, folder: Path, held: Mapping[str, Path]) -> None:
    """Makes folder, which must not exist.

    held: files of known content by their sha256, which are linked and not fetched. Raises StageError where a file
    in the store is damaged or missing.
    """
    folder.mkdir()
    for name, file in manifest.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.sha256 in held:
            _link_or_copy(held[file.sha256], target)
        else:
            _download(store, manifest, name, target)
    (folder / MANIFEST).write_bytes(manifest.to_json())


def is_laid_out(manifest: Manifest, folder: Path) -> bool:
    """Returns whether folder holds the version's files, whole and nothing else."""
    own = folder / MANIFEST
    if not own.is_file() or own.read_bytes() != manifest.to_json():
        return False
    found = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    if {path.relative_to(folder).as_posix() for path in found} != {MANIFEST, *manifest.files}:
        return False
    is_plain = all(path.is_file() and not path.is_symlink() for path in found)
    return is_plain and all(archive.digest(folder / name) == file.sha256 for name, file in manifest.files.items())


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copyfile(source, target)


def _download(store: Store, manifest: Manifest, name: str, target: Path) -> None:
    file = manifest.files[name]
    found = store.download(blob_key(file.sha256), target)
    if found != file.sha256 or target.stat().st_size != file.size:
        told = fault(store, manifest, name, found)
        raise StageError(f"{told}; run publish again for {manifest.about['version']}, which mends it")

"""The store in a folder."""

import os
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.errors import StageError
from shared.git_access import without_secret

COPY = 1 << 20


def open_folder(uri: str) -> "FolderStore":
    """Returns the store of a file:/// address. Raises StageError where it names no folder that exists."""
    parts = urlsplit(uri)
    folder = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not folder.is_absolute():
        raise StageError(f"STORE_URI is {without_secret(uri)}; it must be file:///<folder>")
    if not folder.is_dir():
        raise StageError(f"STORE_URI is {uri}, but there is no folder {folder}; create it")
    return FolderStore(folder)


class FolderStore:
    """A store in a folder. Whoever reads it sees a file whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def location(self, key: str) -> str:
        return (self.root / key).as_uri()

    def read(self, key: str) -> bytes | None:
        path = self._path(key)
        return path.read_bytes() if path.exists() else None

    def digest(self, key: str) -> str | None:
        path = self._path(key)
        if not path.exists():
            return None
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def write(self, key: str, source: Path) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as file:
            passing = _write_beside(path, iter(lambda: file.read(COPY), b""))
        passing.replace(path)
        _sync_folder(path.parent)

    def write_if_absent(self, key: str, content: bytes) -> bool:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        passing = _write_beside(path, iter([content]))
        try:
            path.hardlink_to(passing)  # unlike a rename, it refuses to replace
        except FileExistsError:
            return path.read_bytes() == content
        finally:
            passing.unlink()
        _sync_folder(path.parent)
        return True

    def _path(self, key: str) -> Path:
        """Returns the file of a key. Raises StageError where a link would lead out of the store."""
        path = self.root
        for part in key.split("/"):
            path = path / part
            if path.is_symlink():
                raise StageError(f"{path} in the store is a symbolic link; replace it by what it should hold")
        return path


def _write_beside(path: Path, chunks: Iterator[bytes]) -> Path:
    passing = path.with_name(f".{path.name}.partial")
    passing.unlink(missing_ok=True)
    with passing.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return passing


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The store in a folder."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared import archive
from shared.access.git import without_secret
from shared.errors import StageError
from stages.publish.store.protocol import UNREADABLE

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
        with _told(path, "read"):
            return path.read_bytes() if path.exists() else None

    def digest(self, key: str) -> str | None:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                return file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        except OSError:
            return UNREADABLE

    def download(self, key: str, target: Path) -> str | None:
        found = self.digest(key)
        if found in (None, UNREADABLE):
            return found
        shutil.copyfile(self._path(key), target)
        return archive.digest(target)

    def write(self, key: str, source: Path) -> None:
        path = self._path(key)
        with _told(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _beside(path, _chunks(source)) as passing, contextlib.suppress(FileNotFoundError):
                passing.replace(path)
            _sync_folder(path.parent)

    def write_if_absent(self, key: str, content: bytes) -> bool:
        path = self._path(key)
        with _told(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            others_were_faster = contextlib.suppress(FileExistsError, FileNotFoundError)
            with _beside(path, iter([content])) as passing, others_were_faster:
                path.hardlink_to(passing)  # unlike a rename, it refuses to replace
            _sync_folder(path.parent)
            self.remove_unfinished(key)
        return self.read(key) == content

    def remove(self, key: str) -> bool:
        path = self._path(key)
        with _told(path, "removed"):
            path.unlink(missing_ok=True)
        return True

    def remove_unfinished(self, key: str) -> None:
        path = self._path(key)
        for passing in path.parent.glob(_passing_name(path, "*")):
            passing.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        """Returns the file of a key. Raises StageError where a link would lead out of the store."""
        path = self.root
        for part in key.split("/"):
            path = path / part
            if path.is_symlink():
                raise StageError(f"{path} in the store is a symbolic link; replace it by what it should hold")
        return path


def _passing_name(path: Path, token: str) -> str:
    return f".{path.name}.{token}.partial"


@contextmanager
def _beside(path: Path, chunks: Iterator[bytes]) -> Iterator[Path]:
    """Yields a file beside path that holds the chunks, on the disk; it is gone afterwards."""
    passing = path.with_name(_passing_name(path, secrets.token_hex(8)))
    try:
        with passing.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        yield passing
    finally:
        passing.unlink(missing_ok=True)


@contextmanager
def _told(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "check its rights, and the space and the health of its disk"
        raise StageError(f"{path} in the store cannot be {done}: {error.strerror}; {remedy}") from None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(COPY):
            yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

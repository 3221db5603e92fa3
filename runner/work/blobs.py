"""Files by the sha256 of their content: inputs, code and outputs, each kept once, whoever sent or made it."""

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

DIGEST = re.compile(r"[0-9a-f]{64}")
RESERVE = 1 << 30  # bytes that stay free for jobs and logs
CHUNK = 1 << 20


class Refused(Exception):
    """A file that cannot be taken: the HTTP status, why, and how many bytes of it are kept."""

    def __init__(self, status: int, reason: str, kept: int = 0) -> None:
        super().__init__(reason)
        self.status, self.kept = status, kept


class Blobs:
    """The files below a folder. A part is what has come of a file so far; it grows until the digest can be checked."""

    def __init__(self, folder: Path, most: int) -> None:
        self.whole, self.parts, self.most = folder / "blobs", folder / "parts", most
        self.whole.mkdir(parents=True, exist_ok=True)
        self.parts.mkdir(parents=True, exist_ok=True)
        self._arriving: set[str] = set()
        self._lock = threading.Lock()

    def path(self, digest: str) -> Path:
        """Returns where the file of a digest is, or would be."""
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no sha256")
        return self.whole / digest[:2] / digest

    def size(self, digest: str) -> int | None:
        """Returns the bytes of a file, None where it is not there; it counts as used now."""
        path = self.path(digest)
        try:
            os.utime(path)
            return path.stat().st_size
        except FileNotFoundError:
            return None

    def kept(self, digest: str) -> int:
        """Returns how many bytes of a file that is not whole yet have come."""
        part = self._part(digest)
        return part.stat().st_size if part.exists() else 0

    @contextmanager
    def receiving(self, digest: str, offset: int, total: int) -> Iterator[BinaryIO]:
        """Yields the part, to be written from offset on; afterwards the file is whole, or the part stays.

        Raises Refused where the offset is not what is kept, where the file is too large or has no room, while another
        sends it, and where it is whole and its digest another one: then the part is removed.
        """
        self._check_size(total - self.kept(digest), total)
        with self._alone(digest):
            if offset != self.kept(digest):
                raise Refused(409, f"{self.kept(digest)} bytes are kept; go on from there", self.kept(digest))
            with self._part(digest).open("ab") as part:
                yield part
                part.flush()
                os.fsync(part.fileno())
            if self.kept(digest) >= total:
                self._complete(digest, total)

    def add(self, file: Path) -> tuple[str, int]:
        """Takes a file over, and returns its digest and its bytes."""
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        size, path = file.stat().st_size, self.path(digest)
        path.parent.mkdir(exist_ok=True)
        file.chmod(0o444)
        file.replace(path)
        return digest, size

    def prune(self, most: int, needed: Collection[str]) -> int:
        """Removes files that were used longest ago until all have at most so many bytes; returns how many bytes went.

        needed: digests of files that stay.
        """
        known = [(path, path.stat()) for path in self.whole.glob("*/*")]
        total, gone = sum(stat.st_size for _, stat in known), 0
        for path, stat in sorted(known, key=lambda each: each[1].st_mtime):
            if total - gone <= most:
                break
            if path.name not in needed:
                path.unlink(missing_ok=True)
                gone += stat.st_size
        return gone

    def _part(self, digest: str) -> Path:
        return self.parts / self.path(digest).name

    def _check_size(self, missing: int, total: int) -> None:
        if not 0 <= total <= self.most:
            raise Refused(413, f"the file has {total} bytes; at most {self.most} are taken (max_blob_bytes)")
        free = shutil.disk_usage(self.parts).free
        if missing + RESERVE > free:
            raise Refused(507, f"the runner's disk has {free} bytes free, and {missing} are still to come; free some")

    @contextmanager
    def _alone(self, digest: str) -> Iterator[None]:
        with self._lock:
            if digest in self._arriving:
                raise Refused(423, "another request sends this file; ask again in a moment", self.kept(digest))
            self._arriving.add(digest)
        try:
            yield
        finally:
            self._arriving.discard(digest)

    def _complete(self, digest: str, total: int) -> None:
        part = self._part(digest)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest or part.stat().st_size != total:
            part.unlink()
            raise Refused(422, f"what came has the sha256 {found} and not {digest}; send it again from the start")
        self.path(digest).parent.mkdir(exist_ok=True)
        part.chmod(0o444)
        part.replace(self.path(digest))

"""Directories as one deterministic tar file: same content, same bytes.

There is one canonical form, the one that `pack` writes: plain USTAR headers of regular files
with mode 0644 and zero times and owners, sorted by name, two zero blocks, nothing behind them.
`unpack` builds the header that `pack` would have written and compares it byte by byte, so that
links, devices, damaged headers, duplicate names and second archives have no way in.
"""

import hashlib
import os
import tarfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from shared.errors import StageError

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
CHUNK = 1 << 20
MAX_MEMBERS = 10_000
MAX_BYTES = 64 << 30
MAX_FILE_BYTES = (8 << 30) - 1  # eleven octal digits


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class Member:
    """A file inside an archive: its name, and where its `size` bytes start."""

    name: str
    size: int
    start: int


def pack(folder: Path, target: Path) -> None:
    """Writes the canonical tar of folder's files to target. Empty directories are not kept.

    Raises StageError for a link, a device, a name that the format or another system cannot hold, and
    for more or larger files than `unpack` accepts.
    """
    with target.open("wb") as sink:
        _write(folder, sink)


def digest(source: Path) -> str:
    """Returns the sha256 (hex) of a file, or of the canonical tar of a directory."""
    sha = hashlib.sha256()
    if source.is_dir():
        _write(source, _HashSink(sha))
        return sha.hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Extracts a canonical tar into folder, which must not exist yet.

    The whole archive is checked before anything is written. Raises StageError for anything
    that `pack` would not have written, and for more than MAX_MEMBERS files or MAX_BYTES bytes.
    """
    with archive.open("rb") as file:
        members = list(_checked_members(file, archive))
        folder.mkdir(parents=True)
        for member in members:
            _extract(file, member, folder / member.name)


def check_names(names: Iterable[str]) -> None:
    """Raises ValueError, saying what is wrong, where files of these names cannot lie in one folder on every system."""
    tally = _Tally()
    for name in names:
        if not _is_plain(name):
            raise ValueError(f"holds the file name {name!r}")
        tally.add(name, 0)


class _HashSink:
    def __init__(self, sha: "hashlib._Hash") -> None:
        self.sha = sha

    def write(self, data: bytes) -> None:
        self.sha.update(data)


class _Tally:
    """The files of an archive so far."""

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0
        self.names: dict[str, str] = {}

    def add(self, name: str, size: int) -> None:
        """Counts a file. Raises ValueError, saying what the archive does, where it must not be added."""
        self.count += 1
        self.bytes += size
        if self.count > MAX_MEMBERS or self.bytes > MAX_BYTES:
            raise ValueError(f"holds more than {MAX_MEMBERS} files or {MAX_BYTES} bytes")
        folders = [parent.as_posix() + "/" for parent in PurePosixPath(name).parents[:-1]]
        clashes = [folder for folder in folders if self.names.setdefault(_folded(folder), folder) != folder]
        if clashes or self.names.setdefault(_folded(name), name) is not name:
            raise ValueError(f"holds {name!r} beside a name that differs in case alone or is its folder")


def _folded(name: str) -> str:
    """Returns what is equal for two names that some file system takes for one (Unicode's definition 145)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold()).removesuffix("/")


def _write(folder: Path, sink: _Sink) -> None:
    for name, path in _files(folder):
        size = path.stat().st_size
        sink.write(_header(name, size))
        with path.open("rb") as source:
            _copy(source, size, sink)
        sink.write(bytes(-size % BLOCK))
    sink.write(END)


def _files(folder: Path) -> list[tuple[str, Path]]:
    found = []
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise StageError(f"{path} is a link or a device; replace it by a regular file")
        name = path.relative_to(folder).as_posix()
        if not _is_plain(name):
            raise StageError(f"the file name {name!r} in {folder} does not work on every system; rename it")
        if path.is_file():
            found.append((name, path))
    _check_together(folder, sorted(found))
    return sorted(found)


def _check_together(folder: Path, files: list[tuple[str, Path]]) -> None:
    tally = _Tally()
    for name, path in files:
        try:
            tally.add(name, path.stat().st_size)
        except ValueError as error:
            raise StageError(f"{folder} {error}; no archive can be made of it") from None


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    if size > MAX_FILE_BYTES:
        raise StageError(f"{name} has {size} bytes; a file in an archive may have at most {MAX_FILE_BYTES}")
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError as error:
        raise StageError(f"the file name {name!r} does not fit into an archive: {error}; shorten it") from None


def _copy(source: BinaryIO, size: int, sink: _Sink) -> None:
    left = size
    while left:
        data = source.read(min(CHUNK, left))
        if not data:
            raise StageError(f"{source.name} became shorter while it was read; run again")
        sink.write(data)
        left -= len(data)


def _checked_members(file: BinaryIO, archive: Path) -> Iterator[Member]:
    length = os.fstat(file.fileno()).st_size
    tally, position, previous = _Tally(), 0, ""
    while member := _next_member(file, archive, position, length):
        if member.name <= previous:
            raise _refused(archive, f"names {member.name!r} twice or out of order")
        try:
            tally.add(member.name, member.size)
        except ValueError as error:
            raise _refused(archive, str(error)) from None
        previous = member.name
        position = member.start + member.size + -member.size % BLOCK
        yield member


def _next_member(file: BinaryIO, archive: Path, position: int, length: int) -> Member | None:
    file.seek(position)
    header = file.read(BLOCK)
    if header == END[:BLOCK]:
        if file.read(BLOCK + 1) != END[:BLOCK]:
            raise _refused(archive, f"does not end after the end mark at byte {position}")
        return None
    name, size = _parsed(header, archive, position)
    if position + BLOCK + size + -size % BLOCK + len(END) > length:
        raise _refused(archive, f"is truncated inside {name!r}")
    file.seek(position + BLOCK + size)
    if any(file.read(-size % BLOCK)):
        raise _refused(archive, f"hides data behind {name!r}")
    return Member(name, size, position + BLOCK)


def _parsed(header: bytes, archive: Path, position: int) -> tuple[str, int]:
    """Returns name and size if the header is the one that pack would write for them."""
    try:
        name = "/".join(filter(None, (_text(header[345:500]), _text(header[:100]))))
        size = int(header[124:135], 8)
    except ValueError:
        raise _refused(archive, f"has no file header at byte {position}") from None
    try:
        canonical = size >= 0 and _header(name, size) == header
    except StageError:
        canonical = False
    if not canonical:
        raise _refused(archive, f"has a header at byte {position} that is no plain file's")
    if not _is_plain(name):
        raise _refused(archive, f"holds the file name {name!r}")
    return name, size


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("utf-8")


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    parts_are_plain = not path.is_absolute() and ".." not in path.parts and path.as_posix() == name
    return parts_are_plain and name.isprintable() and not set(name) & set('\\:*?"<>|') and name != "."


def _extract(file: BinaryIO, member: Member, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    file.seek(member.start)
    with target.open("xb") as sink:
        _copy(file, member.size, sink)


def _refused(archive: Path, reason: str) -> StageError:
    return StageError(f"the archive {archive} {reason}; only archives that a stage wrote are accepted")

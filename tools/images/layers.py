"""What the layers of an image hold, read from what `docker save` writes."""

import hashlib
import json
import stat
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import StageError
from tools.images import docker_program

_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.LNKTYPE: "hard link",
    tarfile.SYMTYPE: "link",
    tarfile.DIRTYPE: "folder",
}


@dataclass(frozen=True)
class Entry:
    """A member of a layer: `size` in bytes and `sha256` of its content, `target` of a link, `owner` as uid:gid."""

    kind: str
    mode: str
    owner: str
    size: int
    sha256: str
    target: str
    modified: float


@dataclass(frozen=True)
class Layer:
    """A layer by the digest of its uncompressed tar, and its members by path."""

    digest: str
    entries: dict[str, Entry]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.entries.values())


@dataclass(frozen=True)
class Content:
    """An image's layers from the lowest up, and how it is run: user, entrypoint, environment, labels."""

    layers: list[Layer]
    settings: dict[str, Any]


def content(reference: str) -> Content:
    """Returns what an image is made of. Raises StageError where Docker has it not, or no space is left to save it."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "image.tar")
        docker_program.answer("save", f"--output={saved}", reference)
        with tarfile.open(saved) as archive:
            manifest = json.loads(_text(archive, "manifest.json"))[0]
            config = json.loads(_text(archive, manifest["Config"]))
            digests = config["rootfs"]["diff_ids"]
            members = zip(digests, manifest["Layers"], strict=True)
            return Content([_layer(archive, *member) for member in members], config["config"])


def _layer(archive: tarfile.TarFile, digest: str, name: str) -> Layer:
    with tarfile.open(fileobj=archive.extractfile(name)) as layer:
        return Layer(digest, {member.name: _entry(layer, member) for member in layer})


def _entry(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    file = layer.extractfile(member) if member.isreg() else None
    return Entry(
        kind=_KINDS.get(member.type, "device"),
        mode=stat.filemode(member.mode)[1:],
        owner=f"{member.uid}:{member.gid}",
        size=member.size,
        sha256=hashlib.file_digest(file, "sha256").hexdigest() if file else "",  # type: ignore[arg-type]
        target=member.linkname,
        modified=member.mtime,
    )


def _text(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise StageError(f"what docker save wrote holds no {name}; is this an image?")
    return file.read()

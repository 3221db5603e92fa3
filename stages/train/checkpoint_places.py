"""Where the newest checkpoint is kept: in a folder, or below a prefix of an S3 bucket.

In both the new file takes the place of the one before it in a single step: a rename, or the end of an upload.
"""

import os
import re
from pathlib import Path
from typing import Protocol

from shared.errors import StageError

FILE, PART = "checkpoint.safetensors", "checkpoint.part.safetensors"


class Place(Protocol):
    """What keeps one file. Its text says where, for a person."""

    def newest(self) -> Path | None:
        """Returns the kept file, or None. Raises StageError where that cannot be known."""

    def part(self) -> Path:
        """Returns where the next file is to be written."""

    def replace(self) -> None:
        """Lets the written part take the place of the kept file.

        Raises OSError or StageError where it cannot; the kept file is then what it was.
        """


NOWHERE = ("", '""')  # Flyte writes two quotes where no attempt was before


def place_of(address: str, named: str) -> Place | None:
    """Returns the folder or the s3:// prefix of an address, None for none; named: the input that it comes from.

    Raises StageError for another kind of address.
    """
    if address in NOWHERE:
        return None
    if address.startswith("s3://"):
        from stages.train.checkpoint_bucket import Bucket  # its SDK takes a while to import

        return Bucket(address, named)
    if re.match(r"\w+://", address):
        remedy = "let it be a folder or s3://bucket/prefix, or train without checkpoints"
        raise StageError(f"{named} is {address}, which train cannot read; {remedy}")
    return Folder(Path(address))


class Folder:
    """Keeps the file in a folder, which is made when the first part is asked for."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE

    def __str__(self) -> str:
        return str(self.file)

    def newest(self) -> Path | None:
        return self.file if self.file.exists() else None

    def part(self) -> Path:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return self.file.with_name(PART)

    def replace(self) -> None:
        part = self.file.with_name(PART)
        _flush(part)
        part.replace(self.file)
        _flush(self.file.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Where the newest checkpoint is kept: in a folder, or below a prefix of an S3 bucket.

In both the new file takes the place of the one before it in a single step: a rename, or the end of an upload.
"""

import os
from pathlib import Path
from typing import Protocol

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

"""One file that holds all that training needs to go on as if it had never stopped.

It takes the place of the one before it in a single rename, and its digest is checked before it is used: a process
that is killed, or a disk that is full, leaves a whole checkpoint, the old or the new one.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from shared.errors import StageError, one_line

FILE = "checkpoint.safetensors"
Arrays = dict[str, mx.array]


@dataclass(frozen=True)
class Checkpoint:
    """iteration: steps done. arrays: by name. history: JSON data."""

    iteration: int
    arrays: Arrays
    history: dict[str, Any]


class Checkpoints:
    """A folder that keeps the newest checkpoint of one training; `settings` says which training that is."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], every: int) -> None:
        self.file = folder / FILE
        self.settings = dict(settings)
        self.every = every

    def load(self) -> Checkpoint | None:
        """Returns the newest checkpoint, None where there is none.

        Raises StageError for a file that is no checkpoint or damaged, and for one of another training, naming what
        differs.
        """
        if not self.file.exists():
            return None
        arrays, told = self._read(self.file)
        theirs = json.loads(told["settings"])
        different = [
            f"{name} was {theirs.get(name)!r} and is {self.settings.get(name)!r}"
            for name in sorted(theirs.keys() | self.settings.keys())
            if theirs.get(name) != self.settings.get(name)
        ]
        if different:
            reason = f"{self.file} is of another training: {'; '.join(different)}"
            raise StageError(f"{reason}. Give another folder, or remove the file to begin anew")
        return Checkpoint(int(told["iteration"]), arrays, json.loads(told["history"]))

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint. Raises StageError where it cannot be written; the old one is then still there."""
        told = {
            "iteration": str(checkpoint.iteration),
            "settings": json.dumps(self.settings, sort_keys=True),
            "history": json.dumps(checkpoint.history),
        }
        told["sha256"] = _digest(checkpoint.arrays, told)
        part = self.file.with_name("checkpoint.part.safetensors")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            mx.save_safetensors(str(part), checkpoint.arrays, told)
            _flush(part)
            self._read(part)  # a full disk may cut a file without a word
            part.replace(self.file)
            _flush(self.file.parent)
        except (OSError, RuntimeError, StageError) as error:
            part.unlink(missing_ok=True)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(str(error))
            raise StageError(
                f"the checkpoint {self.file} cannot be written: {reason}; free some space, or give another folder"
            ) from None

    def _read(self, file: Path) -> tuple[Arrays, dict[str, str]]:
        try:
            loaded: Any = mx.load(str(file), return_metadata=True)
            arrays, told = loaded
            mx.eval(arrays)
        except (RuntimeError, ValueError, OSError) as error:
            raise StageError(self._damaged(one_line(str(error))[:120])) from None
        if told.pop("sha256", "") != _digest(arrays, {name: told[name] for name in sorted(told)}):
            raise StageError(self._damaged("its content is not what was written"))
        return arrays, told

    def _damaged(self, reason: str) -> str:
        return f"{self.file} is no checkpoint, or a damaged one ({reason}); remove it to begin anew"


def _digest(arrays: Arrays, told: Mapping[str, str]) -> str:
    sha = hashlib.sha256(json.dumps(dict(sorted(told.items()))).encode())
    for name in sorted(arrays):
        array = arrays[name]
        words = array.view(mx.uint16) if array.dtype == mx.bfloat16 else array
        sha.update(f"{name} {array.dtype} {array.shape}".encode())
        sha.update(np.ascontiguousarray(np.array(words)).tobytes())
    return sha.hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""One file that holds all that training needs to go on as if it had never stopped.

It takes the place of the one before it in a single step, and its digest is checked before it is used: a process that
is killed, or a disk that is full, leaves a whole checkpoint, the old or the new one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from shared.errors import StageError, one_line
from stages.train.checkpoints.place import Place

Arrays = dict[str, mx.array]


@dataclass(frozen=True)
class Checkpoint:
    """iteration: steps done. arrays: by name. history: JSON data."""

    iteration: int
    arrays: Arrays
    history: dict[str, Any]


class Checkpoints:
    """The newest checkpoint of one training; `settings` says which training that is."""

    def __init__(self, place: Place, settings: Mapping[str, Any], every: int, earlier: Place | None = None) -> None:
        """earlier: where another attempt kept its own, which is gone on from where place holds none."""
        self.place, self.earlier = place, earlier
        self.settings = dict(settings)
        self.every = every

    def load(self) -> Checkpoint | None:
        """Returns the newest checkpoint, None where there is none. An earlier attempt's is kept from then on.

        Raises StageError for a file that is no checkpoint or damaged, and for one of another training, naming what
        differs.
        """
        if file := self.place.newest():
            return self._load(self.place, file)
        if self.earlier and (file := self.earlier.newest()):
            found = self._load(self.earlier, file)
            self.save(found)  # the attempt after this one is told of this one's place alone
            return found
        return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint. Raises StageError where it cannot be written; the old one is then still there."""
        told = {
            "iteration": str(checkpoint.iteration),
            "settings": json.dumps(self.settings, sort_keys=True),
            "history": json.dumps(checkpoint.history),
        }
        told["sha256"] = _digest(checkpoint.arrays, told)
        remedy = "free some space, or give another place"
        try:
            part = self.place.part()
            try:
                mx.save_safetensors(str(part), checkpoint.arrays, told)
                _read(part, self.place)  # a full disk may cut a file without a word
                self.place.replace()
            finally:
                part.unlink(missing_ok=True)
        except (OSError, RuntimeError, StageError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(str(error))
            raise StageError(f"the checkpoint {self.place} cannot be written: {reason}; {remedy}") from None

    def _load(self, place: Place, file: Path) -> Checkpoint:
        arrays, told = _read(file, place)
        theirs = json.loads(told["settings"])
        different = [
            f"{name} was {theirs.get(name)!r} and is {self.settings.get(name)!r}"
            for name in sorted(theirs.keys() | self.settings.keys())
            if theirs.get(name) != self.settings.get(name)
        ]
        if different:
            reason = f"{place} is of another training: {'; '.join(different)}"
            raise StageError(f"{reason}. Give another place, or remove the file to begin anew")
        return Checkpoint(int(told["iteration"]), arrays, json.loads(told["history"]))


def _read(file: Path, place: Place) -> tuple[Arrays, dict[str, str]]:
    damaged = f"{place} is no checkpoint, or a damaged one ({{}}); remove it to begin anew"
    try:
        loaded: Any = mx.load(str(file), return_metadata=True)
        arrays, told = loaded
        mx.eval(arrays)
    except (RuntimeError, ValueError, OSError) as error:
        raise StageError(damaged.format(one_line(str(error))[:120])) from None
    if told.pop("sha256", "") != _digest(arrays, {name: told[name] for name in sorted(told)}):
        raise StageError(damaged.format("its content is not what was written"))
    return arrays, told


def _digest(arrays: Arrays, told: Mapping[str, str]) -> str:
    sha = hashlib.sha256(json.dumps(dict(sorted(told.items()))).encode())
    for name in sorted(arrays):
        array = arrays[name]
        words = array.view(mx.uint16) if array.dtype == mx.bfloat16 else array
        sha.update(f"{name} {array.dtype} {array.shape}".encode())
        sha.update(np.ascontiguousarray(np.array(words)).tobytes())
    return sha.hexdigest()

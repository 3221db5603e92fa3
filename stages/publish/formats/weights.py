"""The tensors of a model's folder, read one at a time from its safetensors files."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf.utility import LocalTensor, SafetensorsLocal

from shared.errors import StageError

TYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
ROWS = 4096  # converted at a time


@dataclass(frozen=True)
class Weights:
    """The tensors by their names in the folder's files."""

    folder: Path
    tensors: dict[str, LocalTensor]

    @classmethod
    def of(cls, folder: Path) -> "Weights":
        """Returns the folder's tensors. Raises StageError where a file cannot be read."""
        tensors: dict[str, LocalTensor] = {}
        for file in sorted(folder.glob("*.safetensors")):
            try:
                tensors |= SafetensorsLocal(file).tensors
            except (OSError, ValueError, LookupError, TypeError, struct.error):
                raise StageError(f"{file} is not a safetensors file, or it is damaged; fetch it again") from None
        return cls(folder, tensors)

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Raises StageError where the tensor is missing, or is not of that shape and of a known type."""
        found = self.tensors.get(name)
        if found is None:
            raise StageError(f"{self.folder} has no tensor {name}, which Gemma 3 needs; convert the base again")
        if found.dtype not in TYPES:
            known = ", ".join(TYPES)
            raise StageError(f"{self.folder}: {name} is {found.dtype}, and a GGUF is made of {known}; convert again")
        if found.shape != shape:
            raise StageError(
                f"{self.folder}: {name} has the shape {list(found.shape)}, "
                f"and config.json asks for {list(shape)}; convert the base again"
            )

    def rows(self, name: str) -> Iterator[np.ndarray]:
        """Yields the tensor's rows [some rows, …] as float32, a part at a time."""
        held = self.tensors[name]
        stored = held.mmap_bytes().view(TYPES[held.dtype]).reshape(held.shape)
        for first in range(0, len(stored), ROWS):
            part = stored[first : first + ROWS]
            yield _widened(part) if held.dtype == "BF16" else part.astype(np.float32)


def _widened(bfloat16: np.ndarray) -> np.ndarray:
    """Returns bfloat16 numbers, given by their bits, as float32: the upper half of whose bits they are."""
    return (bfloat16.astype(np.uint32) << 16).view(np.float32)

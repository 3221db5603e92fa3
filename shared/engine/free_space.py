"""Whether there is room for what a stage is about to write: told before work, not in the middle of it.

Archives are unpacked in the temporary folder, where outputs are made as well, before they are packed beside the
target. How large an output gets is known where an input is of its kind: a fine-tuned model is as large as its base.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.contract import Contract, Field
from shared.errors import StageError

MEBIBYTE = 1 << 20


def check(declared: Contract, options: Mapping[str, Any], target: Path, work: Path) -> None:
    """Raises StageError, with what is free and what is needed, where a disk has no room for the stage's files.

    options: each input's scalar or artefact path. target: where the outputs go. work: the temporary folder.
    """
    sizes = {field: _size(options[field.name]) for field in declared.inputs if field.artifact}
    unpacked = sum(size for field, size in sizes.items() if _is_unpacked(field, options[field.name]))
    made = sum(_expected(field, sizes) for field in declared.outputs)
    needed: dict[int, int] = {}
    for folder, size in ((work, unpacked + made), (target, made)):
        disk = folder.stat().st_dev
        needed[disk] = needed.get(disk, 0) + size
        free = shutil.disk_usage(folder).free
        if needed[disk] > free:
            reason = f"the disk of {folder} has {_mebibytes(free)} free, and {declared.stage} needs at least"
            use = "for its unpacked inputs and its outputs"
            remedy = "free some, or let TMPDIR and --outputs name folders with more"
            raise StageError(f"{reason} {_mebibytes(needed[disk])} {use}; {remedy}")


def _size(source: Path) -> int:
    """Returns the bytes of an artefact's files; 0 for one that is missing, which is told elsewhere."""
    files = source.rglob("*") if source.is_dir() else [source]
    return sum(file.stat().st_size for file in files if file.is_file())


def _is_unpacked(field: Field, source: Path) -> bool:
    return field.artifact is not None and field.artifact.is_directory and not source.is_dir()


def _expected(output: Field, inputs: Mapping[Field, int]) -> int:
    """Returns the bytes of the largest input whose kind an output is of, too; 0 where there is none."""
    return max((size for field, size in inputs.items() if issubclass(output.kind, field.kind)), default=0)


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:,.1f} MiB"

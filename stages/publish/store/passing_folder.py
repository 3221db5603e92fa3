"""A folder that appears under its name only when it is complete, and then at once."""

import glob
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from shared.engine.ending import ending
from shared.errors import StageError


def passing_folder(target: Path) -> Path:
    """Returns where this process makes what target shall hold: beside it, so that it can be renamed.

    In a container that is started again, it is the same as before.
    """
    target = target.resolve()
    return target.with_name(_passing_name(target, f"{socket.gethostname()}-{os.getpid()}"))


def check_replaceable(target: Path, is_ours: Callable[[Path], bool]) -> None:
    """Raises StageError where a folder cannot become target, or must not: it holds what is not ours."""
    if not target.name or target.is_mount():
        raise StageError(f"{target} is a mount point, which cannot be replaced; name a folder below it")
    is_free = not target.exists() or (target.is_dir() and not any(target.iterdir()))
    if not is_free and not (target.is_dir() and is_ours(target)):
        raise StageError(f"{target} holds something else than a fetched model; name another folder, or remove it")


def put_in_place(passing: Path, target: Path) -> None:
    """Renames passing to target, and removes what was there and what other processes were making for it."""
    old = passing.with_name(f"{passing.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with ending:  # a stop does not come in between
        _swap(passing, target, old)
    for left in (old, *target.parent.glob(_passing_name(Path(glob.escape(str(target))), "*"))):
        shutil.rmtree(left, ignore_errors=True)


def _swap(passing: Path, target: Path, old: Path) -> None:
    had_one = target.exists()
    if had_one:
        target.rename(old)
    try:
        passing.rename(target)
    except OSError:
        if had_one:
            old.rename(target)
        raise


def _passing_name(target: Path, owner: str) -> str:
    return f".{target.name}.{owner}.partial"

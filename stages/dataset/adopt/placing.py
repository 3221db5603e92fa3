"""Drafts written into a repository's folder: beside what is there, never over it, and through no link."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from shared.errors import StageError


def place(root: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Writes each text at its path, or at `name.draft.suffix` beside a file that is there; returns the paths, by those.

    Nothing is written where any of them has no place: a folder that is a link, a draft that is there and another.
    Raises StageError then.
    """
    chosen = {path: _free(root, path, text) for path, text in texts.items()}
    for path, text in texts.items():
        target = root / chosen[path]
        if not os.path.lexists(target):
            _write(root, chosen[path], text)
    return chosen


def _free(root: Path, path: str, text: str) -> str:
    _check_folders(root, path)
    plain = PurePosixPath(path)
    draft = str(plain.with_suffix(f".draft{plain.suffix}"))
    for candidate in (path, draft):
        if not os.path.lexists(root / candidate) or _holds(root / candidate, text):
            return candidate
    raise StageError(f"{draft} is there already and is another draft; compare them, and take the old one away")


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and not file.is_symlink() and file.read_bytes() == text.encode()


def _check_folders(root: Path, path: str) -> None:
    for folder in list(PurePosixPath(path).parents)[:-1]:
        found = root / folder
        if found.is_symlink() or (found.exists() and not found.is_dir()):
            raise StageError(f"{folder} is a link or no folder; nothing is written there")


def _write(root: Path, path: str, text: str) -> None:
    target = root / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(target, flags, 0o666), "wb") as stream:
            stream.write(text.encode())
    except OSError as error:
        raise StageError(f"{path} cannot be written: {error.strerror}") from None

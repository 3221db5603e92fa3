"""Where an agent's files lie, by paths below the repository's root: at a commit in Git, or in a folder."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from shared.errors import StageError

LFS = b"version https://git-lfs.github.com/spec/"


class Place(Protocol):
    """What is there, of the kinds `file`, `folder`, `link`, `submodule` and `other`. No link is ever followed."""

    @property
    def at(self) -> str:
        """Returns where that is, in a sentence, such as ` at commit 0123abcd`."""

    def kind(self, path: str) -> str:
        """Returns what a path is, '' where nothing is there."""

    def children(self, folder: str) -> Sequence[tuple[str, str]]:
        """Returns path and kind of what stands directly in a folder ('' for the root), by name."""

    def below(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yields path and kind of all but folders below a folder ('' for all), in any order."""

    def prepare(self, paths: Sequence[str]) -> None:
        """Makes ready what is read next, where fetching it in one go is faster."""

    def check_parents(self, path: str, what: str) -> None:
        """Raises StageError where something that should be a folder of the path is none."""

    def data(self, path: str, what: str, most: int) -> bytes:
        """Returns a file's bytes. Raises StageError where it is missing, no file, or larger than most."""


def check_content(data: bytes, path: str, what: str) -> None:
    """Raises StageError for a file whose content is elsewhere, and for a name that no text can hold."""
    if data.startswith(LFS):
        reason = f"is a pointer of Git LFS, which does not hold the {what} itself"
        raise StageError(f"{path} {reason}; keep it in Git: `git lfs untrack`, and add it again")
    if any("\ud800" <= character <= "\udfff" for character in path):
        raise StageError(f"{path!a} has a name that is no UTF-8; rename it")


def refusal(path: str, what: str, kind: str, at: str) -> StageError:
    """Returns the error for a path that should be a file and is of another kind; '' for nothing there."""
    if kind == "link":
        return StageError(f"{path} is a symbolic link; commit the {what} itself")
    if kind == "submodule":
        return StageError(f"{path} is a submodule, whose files another repository has; commit the {what} itself")
    if kind == "folder":
        return StageError(f"{path} is a folder{at}; the {what} must be a file")
    if kind:
        return StageError(f"{path} is no regular file; commit the {what} itself")
    return StageError(f"the {what} {path} is missing{at}; add it, or name another path")


def refusal_of_parent(parent: str, kind: str, path: str, what: str) -> StageError:
    """Returns the error for a path below something that is no folder."""
    if kind in ("link", "submodule"):
        name = "a symbolic link" if kind == "link" else "a submodule, whose files another repository has"
        return StageError(f"{parent} is {name}; commit the folder of the {what} itself")
    return StageError(f"{parent} is a file; the {what} {path} cannot be below it")

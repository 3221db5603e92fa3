"""The files of a working folder, committed or not, taken as Git would take them."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import StageError
from stages.dataset.gitops.pages import find_pages
from stages.dataset.gitops.pattern import is_plain
from stages.dataset.gitops.place import refusal, refusal_of_parent


def missing_pages(repository: Path, runbook_path: Sequence[str], own: str) -> list[str]:
    """Returns what is wrong with texts that name the pages of a runbook, those that name nothing above all.

    own: the agent's folder in the repository.
    """
    folder = Folder(repository)
    faults: list[str] = []
    found = find_pages(folder, runbook_path, faults, own)
    wrong = (refusal(path, "runbook", kind, "") for path in found.paths if (kind := folder.kind(path)) != "file")
    return [*faults, *map(str, wrong)]


@dataclass(frozen=True)
class Folder:
    """The files of a working folder. As in Git, a link is no file, and neither is what waits to be written to."""

    root: Path
    at: str = ""

    def kind(self, path: str) -> str:
        """Returns what a path is, '' where nothing is there."""
        if not is_plain(path):
            return ""
        parents = path.split("/")[:-1]
        folders = ("/".join(parents[: count + 1]) for count in range(len(parents)))
        return _kind(self.root / path) if all(_kind(self.root / each) == "folder" for each in folders) else ""

    def children(self, folder: str) -> Sequence[tuple[str, str]]:
        """Returns path and kind of what stands directly in a folder ('' for the root), by name."""
        if folder and self.kind(folder) != "folder":
            return []
        found = (file for file in sorted((self.root / folder).iterdir()) if file.name != ".git")
        return [(self._path(file), _kind(file)) for file in found]

    def below(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yields path and kind of all but folders below a folder ('' for all), in any order."""
        if folder and self.kind(folder) != "folder":
            return
        for place, folders, files in os.walk(self.root / folder):
            kinds = {name: _kind(Path(place, name)) for name in [*folders, *files] if name != ".git"}
            folders[:] = [name for name in folders if kinds.get(name) == "folder"]
            yield from ((self._path(Path(place, name)), kind) for name, kind in kinds.items() if kind != "folder")

    def prepare(self, paths: Sequence[str]) -> None:
        """Does nothing: the files are here."""

    def data(self, path: str, what: str, most: int) -> bytes:
        """Returns a file's bytes. Raises StageError where it is missing, no file, or larger than most."""
        file = self.root / path
        if not is_plain(path):
            raise StageError(f"{path} is no path below the repository; name the {what} from the repository's root")
        self.check_parents(path, what)
        kind = _kind(file)
        if kind not in ("", "file"):
            raise refusal(path, what, kind, self.at)
        try:
            if (size := file.lstat().st_size) > most:
                raise StageError(f"{path} has {size} bytes; a {what} may have at most {most}")
            return file.read_bytes()
        except OSError as error:
            raise StageError(f"{file} cannot be read: {error.strerror}; add it, or name another path") from None
        except ValueError:  # a zero byte
            raise StageError(f"{path} is no path; name the {what} from the repository's root") from None

    def check_parents(self, path: str, what: str) -> None:
        """Raises StageError where something that should be a folder of the path is none."""
        parts = path.split("/")
        for count in range(1, len(parts)):
            parent = "/".join(parts[:count])
            if (kind := _kind(self.root / parent)) not in ("", "folder"):
                raise refusal_of_parent(parent, kind, path, what)

    def _path(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix()


def _kind(file: Path) -> str:
    """Returns what a path is, as Git would say; a folder with a repository of its own is a submodule."""
    try:
        mode = file.lstat().st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "submodule" if (file / ".git").exists() else "folder"
    return "file" if stat.S_ISREG(mode) else "other"

"""An agent's files as they lie in a folder, committed or not: what an author checks before a commit."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from shared import names
from shared.errors import StageError
from stages.dataset.files import read_files
from stages.dataset.study import Study, study


def read_folder(repository: Path, agent: str, runbook_path: str = "") -> Study:
    """Returns what an agent's files say. Raises StageError where there is no such agent."""
    folder = Folder(repository)
    if not (repository / names.agent_folder(agent)).is_dir():
        home = repository / names.agent_folder(agent).rpartition("/")[0]
        known = sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []
        raise StageError(f"there is no agent {agent} in {home}; it has: {', '.join(known) or 'none'}")
    files, faults = read_files(folder, agent, runbook_path)
    return study(files, agent, faults)


@dataclass(frozen=True)
class Folder:
    """The files of a working folder. As in Git, a link is no file, and neither is what waits to be written to."""

    root: Path

    def data(self, path: str, what: str, most: int) -> bytes:
        """Returns a file's bytes. Raises StageError where it is missing, a link, or larger than most."""
        file = self.root / path
        self._check_folders(path, what)
        try:
            found = file.lstat()
            if stat.S_ISLNK(found.st_mode):
                raise StageError(f"{path} is a symbolic link; commit the {what} itself")
            if not stat.S_ISREG(found.st_mode):
                raise StageError(f"{path} is no regular file; commit the {what} itself")
            if found.st_size > most:
                raise StageError(f"{path} has {found.st_size} bytes; a {what} may have at most {most}")
            return file.read_bytes()
        except OSError as error:
            raise StageError(f"{file} cannot be read: {error.strerror}; add it, or name another path") from None

    def paths(self, below: str) -> list[str]:
        """Returns the paths of all regular files below a folder, sorted."""
        found = []
        for folder, folders, files in os.walk(self.root / below):
            folders[:] = [name for name in folders if name != ".git"]
            found += [path for name in files if _is_regular(path := Path(folder, name))]
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def _check_folders(self, path: str, what: str) -> None:
        parts = Path(path).parts
        if Path(path).is_absolute() or ".." in parts:
            raise StageError(f"{path} is no path below the repository; name the {what} from the repository's root")
        for count in range(1, len(parts)):
            if (folder := Path(*parts[:count])) and (self.root / folder).is_symlink():
                raise StageError(f"{folder} is a symbolic link; commit the folder of the {what} itself")


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)

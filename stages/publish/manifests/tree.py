"""The files of a repository as they will be: those of a commit, with a rollout's changes on top."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from git import Commit
from git.objects import Blob, Tree

from stages.publish.git.entries import entry

FILE, FOLDER, LINK, SUBMODULE = "a file", "a folder", "a link", "a submodule"
_KIND, _LINK, _REGULAR = 0o170000, 0o120000, 0o100000


@dataclass(frozen=True)
class RepositoryTree:
    """A commit's files, read from Git's objects alone; `changes` has other contents of files by their paths."""

    commit: Commit
    changes: Mapping[str, bytes] = field(default_factory=dict)
    _entries: dict[str, object | None] = field(default_factory=dict)

    def kind(self, path: str) -> str | None:
        """Returns what stands at a path: a file, a folder, a link, a submodule, or None where nothing does."""
        if path in self.changes:
            return FILE
        found = self._entry(path)
        if isinstance(found, Tree):
            return FOLDER
        if not isinstance(found, Blob):
            return SUBMODULE if found else None
        return {_LINK: LINK, _REGULAR: FILE}.get(found.mode & _KIND)

    def size(self, path: str) -> int:
        """Returns a file's bytes."""
        found = self._entry(path)
        return len(self.changes[path]) if path in self.changes else found.size if isinstance(found, Blob) else 0

    def read(self, path: str) -> bytes:
        """Returns the content of a file, which must be there."""
        if path in self.changes:
            return self.changes[path]
        found = self._entry(path)
        assert isinstance(found, Blob)
        return bytes(found.data_stream.read())

    def first_that_is_no_folder(self, path: str) -> tuple[str, str | None]:
        """Returns the first part of a path that is no folder, and what it is."""
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if (kind := self.kind(folder)) != FOLDER:
                return folder, kind
        return path, self.kind(path)

    def _entry(self, path: str) -> object | None:
        if not path:
            return self.commit.tree
        if path not in self._entries:
            folder, name = posixpath.split(path)
            tree = self._entry(folder)
            self._entries[path] = entry(tree, name) if isinstance(tree, Tree) else None
        return self._entries[path]

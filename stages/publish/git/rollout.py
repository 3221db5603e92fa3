"""What a new version changes in the repository: MODEL_VERSION, and the YAML fields that follow it.

The files are read from Git's objects at a commit. One that is a link, or lies below one, is refused.
"""

from dataclasses import dataclass

from git import Commit
from git.objects import Blob, Tree

from shared import names
from shared.agent_config.deployment import FieldBump
from shared.errors import StageError
from stages.publish.git.entries import entry
from stages.publish.git.yaml_field import with_field

MAX_BYTES = 1 << 20
_KIND, _REGULAR = 0o170000, 0o100000


@dataclass(frozen=True)
class Change:
    """A file's new content; `mode` is Git's, such as 100644."""

    path: str
    mode: str
    content: bytes


@dataclass(frozen=True)
class Rollout:
    """An agent's version, and the fields that follow it, on the way into the repository that errors name."""

    agent: str
    version: str
    fields: tuple[FieldBump, ...]
    repository: str
    agents: str = names.AGENTS
    """Where agents live in it."""

    @property
    def version_path(self) -> str:
        """The path of MODEL_VERSION."""
        return names.model_version_path(self.agent, self.agents)

    def changes(self, tip: Commit) -> list[Change]:
        """Returns what is still to be changed at a commit; nothing where the version is rolled out there.

        Raises StageError, naming file and remedy, where a folder, file or field is missing, or is a link.
        """
        files = dict.fromkeys(field.file for field in self.fields)
        found = [self._version_change(tip), *(self._field_change(tip, file) for file in files)]
        return [change for change in found if change]

    def _version_change(self, tip: Commit) -> Change | None:
        reason = f"publish writes {self.version_path} only where the agent's folder is"
        blob = self._blob(tip, self.version_path, reason)
        if (
            blob
            and blob.size <= MAX_BYTES
            and blob.data_stream.read().decode("utf-8", "replace").strip() == self.version
        ):
            return None
        return Change(self.version_path, _mode(blob), f"{self.version}\n".encode())

    def _field_change(self, tip: Commit, file: str) -> Change | None:
        path = f"{names.agent_folder(self.agent, self.agents)}/{file}"
        reason = "deploy.fields of the agent's config.yaml names it"
        blob = self._blob(tip, path, f"{reason}: {path}")
        if not blob:
            raise StageError(f"{path} is missing in {self.repository}; {reason}")
        old = text = self._text(blob, path)
        for field in self.fields:
            if field.file == file:
                text = with_field(text, field.field, field.filled(self.agent, self.version), path)
        return Change(path, _mode(blob), text.encode()) if text != old else None

    def _text(self, blob: Blob, path: str) -> str:
        if blob.size > MAX_BYTES:
            raise StageError(f"{path} has {blob.size} bytes; a file whose fields are bumped has at most {MAX_BYTES}")
        try:
            return str(blob.data_stream.read().decode("utf-8"))
        except UnicodeDecodeError:
            raise StageError(f"{path} in {self.repository} is not UTF-8 text; save it as that") from None

    def _blob(self, tip: Commit, path: str, reason: str) -> Blob | None:
        """Returns a regular file, or None. Raises StageError, with the reason, for a missing folder or a link."""
        *folders, name = path.split("/")
        tree = tip.tree
        for depth, folder in enumerate(folders, 1):
            found = entry(tree, folder)
            if not isinstance(found, Tree):
                told = "is no folder" if found else "is missing"
                raise StageError(f"{'/'.join(folders[:depth])} {told} in {self.repository}; {reason}")
            tree = found
        file = entry(tree, name)
        if file is not None and (not isinstance(file, Blob) or file.mode & _KIND != _REGULAR):
            raise StageError(f"{path} in {self.repository} is no regular file; replace it by one")
        return file


def regular_file(tip: Commit, path: str) -> Blob | None:
    """Returns the file at path in a commit, None where there is none, or a link or a folder."""
    found: object | None = tip.tree
    for name in path.split("/"):
        found = entry(found, name) if isinstance(found, Tree) else None
    return found if isinstance(found, Blob) and found.mode & _KIND == _REGULAR else None


def _mode(blob: Blob | None) -> str:
    return f"{blob.mode:o}" if blob else "100644"

"""What a stored version is: the manifest, and where it, its files and its signature lie in a store.

The files are blobs, named by their content, which versions share. The manifest gives them their names.
Equal inputs give equal bytes, and reading accepts nothing but these.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared import archive, names
from shared.errors import StageError

MANIFEST, SIGNATURE = "manifest.json", "model.sig"
FORMAT, OLD_FORMAT = "agent-training-manifest/2", "agent-training-manifest/1"
ABOUT = ("agent", "version", "name", names.CONTENT_TAG, names.DATASET_TAG, "source_commit")


def manifest_key(agent: str, version: str) -> str:
    """Returns where a version's manifest lies: the version is there as soon as this is."""
    return f"{version_prefix(agent, version)}/{MANIFEST}"


def signature_key(agent: str, version: str) -> str:
    """Returns where a version's signature lies, if it has one."""
    return f"{version_prefix(agent, version)}/{SIGNATURE}"


def version_prefix(agent: str, version: str) -> str:
    """Returns what the keys of a version's own files start with."""
    return f"{agent}/{version}"


def blob_key(sha256: str) -> str:
    """Returns where the file of this content lies."""
    return f"blobs/sha256/{sha256}"


@dataclass(frozen=True)
class StoredFile:
    """A file's content: its sha256 (hex), and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """One version. about: the values of ABOUT. files: by their names, as whoever fetches them gets them."""

    about: Mapping[str, str]
    files: Mapping[str, StoredFile]

    def to_json(self) -> bytes:
        """Returns the manifest's only form."""
        about = {key: self.about[key] for key in ABOUT}
        files = {name: dataclasses.asdict(self.files[name]) for name in sorted(self.files)}
        return (json.dumps({"format": FORMAT, **about, "files": files}, indent=2) + "\n").encode()

    @classmethod
    def parse(cls, content: bytes, where: str) -> "Manifest":
        """Returns the manifest that was read at `where`. Raises StageError for anything that publish did not write."""
        value = _json_object(content)
        if value.get("format") == OLD_FORMAT:
            found = "was stored by an earlier release, whose files lie beside it"
            raise StageError(f"{where} {found}; remove it and them, and publish the version again")
        try:
            about = {key: value[key] for key in ABOUT}
            files = {name: StoredFile(entry["sha256"], entry["size"]) for name, entry in value["files"].items()}
            check_names(files)
            is_known = all(map(_is_text, about.values())) and all(map(_is_sound, files.values()))
            is_known = is_known and cls(about, files).to_json() == content
        except (ValueError, LookupError, TypeError, AttributeError):
            is_known = False
        if not is_known:
            raise StageError(f"{where} is no manifest that publish wrote; remove it and publish the version again")
        return cls(about, files)


def check_names(files: Mapping[str, object]) -> None:
    """Raises ValueError, saying what is wrong, where the files cannot lie in one folder beside their manifest."""
    for name in (MANIFEST, SIGNATURE):
        if name in files:
            raise ValueError(f"holds a file {name}, whose name is needed in the store")
    archive.check_names([*files, MANIFEST, SIGNATURE])


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_sound(file: StoredFile) -> bool:
    return re.fullmatch("[0-9a-f]{64}", file.sha256) is not None and type(file.size) is int and file.size >= 0

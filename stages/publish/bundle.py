"""One published version in the store: the model's files, what it was judged by, and the manifest.

`manifest.json` is written last. It is the commit point: a version without it is not there yet.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import archive, names
from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.store import Store

MANIFEST = "manifest.json"
FORMAT = "agent-training-manifest/1"


@dataclass(frozen=True)
class Bundle:
    """The files of a version by their names below `prefix`, and what the manifest says about them."""

    prefix: str
    files: Mapping[str, Path]
    about: Mapping[str, str]

    def save(self, store: Store) -> bool:
        """Returns whether anything was stored; False where the whole version was there already.

        Raises StageError where the name is taken by another content, or a stored file is damaged.
        """
        stored = store.read(self._key(MANIFEST))
        if stored is not None:
            self._check_stored(store, _read_manifest(stored, store.location(self._key(MANIFEST))))
            return False
        manifest = self._manifest()
        for name, path in self.files.items():
            self._save_file(store, name, path, manifest["files"][name]["sha256"])
        if not store.write_if_absent(self._key(MANIFEST), (json.dumps(manifest, indent=2) + "\n").encode()):
            raise StageError(f"{store.location(self.prefix)} was stored by somebody else meanwhile; run again")
        return True

    def _manifest(self) -> dict[str, Any]:
        files = {
            name: {"sha256": archive.digest(path), "size": path.stat().st_size} for name, path in self.files.items()
        }
        return {"format": FORMAT, **self.about, "files": files}

    def _save_file(self, store: Store, name: str, path: Path, digest: str) -> None:
        key = self._key(name)
        if store.digest(key) == digest:
            return
        store.write(key, path)
        if store.digest(key) != digest:
            raise StageError(
                f"{store.location(key)} reads back differently than it was written; check the store's disk"
            )

    def _check_stored(self, store: Store, manifest: Mapping[str, Any]) -> None:
        where = store.location(self._key(MANIFEST))
        if manifest.get(names.CONTENT_TAG) != self.about[names.CONTENT_TAG]:
            raise StageError(
                f"{where} describes another content; a stored version never changes, so name this one anew"
            )
        for name, entry in manifest["files"].items():
            if store.digest(self._key(name)) != entry["sha256"]:
                reason = f"{store.location(self._key(name))} is damaged or missing"
                raise StageError(f"{reason}; remove {where} and run again, to store the version anew")

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}"


def files_of(inputs: Inputs) -> dict[str, Path]:
    """Returns the files that are stored, by their names in the store, in their order.

    Raises StageError where a file of the model has the name of something else that is stored.
    """
    model, dataset = inputs.model.path, inputs.dataset.path
    own = {name: model / name for name in inputs.model.content_files()}
    rest = {f"adapters/{name}": inputs.adapters.path / name for name in ("adapter_config.json", "adapters.safetensors")}
    for name in ("predictions.jsonl", "report.html", "report.json"):
        rest[f"evaluation/{name}"] = inputs.evaluation.path / name
    for name in ("README.md", "agent.json"):
        if (dataset / name).is_file():
            rest[f"dataset/{name}"] = dataset / name
    if taken := sorted(own.keys() & {MANIFEST, *rest}):
        raise StageError(f"the model holds a file {taken[0]}, whose name is needed in the store; rename it")
    return dict(sorted((own | rest).items()))


def _read_manifest(content: bytes, where: str) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
        is_known = manifest["format"] == FORMAT and all("sha256" in entry for entry in manifest["files"].values())
    except (ValueError, LookupError, TypeError, AttributeError):
        is_known = False
    if not is_known:
        raise StageError(f"{where} is no manifest that publish wrote; remove it and run again")
    return dict(manifest)

"""What one version is made of: the model's files, what it was judged by, and what the manifest says about them.

The manifest is written when all files are there. It is the commit point: a version without it is not there yet.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared import archive, names
from shared.agent_config.formats import KINDS
from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.signing.sign import ensure_signature
from stages.publish.store.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    StoredFile,
    check_names,
    manifest_key,
    version_prefix,
)
from stages.publish.store.protocol import Store
from stages.publish.store.stored_version import complete_blobs, read_manifest

CARD = "README.md"
NOT_OF_THE_MODEL = ("adapters", "dataset", "evaluation", CARD, *KINDS)  # what else is stored: folders and a file
RESERVED = (*NOT_OF_THE_MODEL, MANIFEST, SIGNATURE)


@dataclass(frozen=True)
class Saved:
    """What was done. is_new: the version was not there. mended: the names of its files that were damaged or missing."""

    is_new: bool
    mended: tuple[str, ...] = ()
    is_signed: bool = False

    @property
    def changed(self) -> bool:
        return self.is_new or self.is_signed or bool(self.mended)


@dataclass(frozen=True)
class Bundle:
    """The files of a version by their names, and what the manifest says about them.

    formats: those of KINDS that a version which is stored already must have, too.
    """

    files: Mapping[str, Path]
    about: Mapping[str, str]
    formats: Collection[str] = ()

    @property
    def prefix(self) -> str:
        """What the keys of the version's own files start with."""
        return version_prefix(self.about["agent"], self.about["version"])

    def save(self, store: Store, signing_key: str = "") -> Saved:
        """Stores the version, each file only where it is not there as it should be.

        signing_key: the private key (PEM) that signs it; '': none does. Raises StageError where the name is taken
        by another content, and where a stored file is damaged whose content is not known here.
        """
        own = self.manifest()
        held = {own.files[name].sha256: path for name, path in self.files.items()}
        stored, is_new, mended = self._stored(store), False, list[str]()
        if stored is None:
            complete_blobs(store, own, held)
            is_new = store.write_if_absent(self._manifest_key, own.to_json())
            stored = own if is_new else self._stored(store)
        if stored is None:
            raise StageError(f"{store.location(self._manifest_key)} came and went meanwhile; run again")
        if not is_new:
            self._check_same(own, stored, store.location(self._manifest_key))
            mended = complete_blobs(store, stored, held)
        is_signed = bool(signing_key) and ensure_signature(store, stored, held, signing_key)
        return Saved(is_new, tuple(mended), is_signed)

    def manifest(self) -> Manifest:
        """Returns the manifest. Raises StageError for file names that do not work on every system."""
        try:
            check_names(self.files)
        except ValueError as error:
            raise StageError(f"the model {error}, which does not work on every system; rename it") from None
        files = {name: StoredFile(archive.digest(path), path.stat().st_size) for name, path in self.files.items()}
        return Manifest(self.about, files)

    @property
    def _manifest_key(self) -> str:
        return manifest_key(self.about["agent"], self.about["version"])

    def _stored(self, store: Store) -> Manifest | None:
        return read_manifest(store, self.about["agent"], self.about["version"])

    def _check_same(self, own: Manifest, stored: Manifest, where: str) -> None:
        # Reports hold times, and may differ from run to run; whoever serves the model gets what `own` has.
        same_name = stored.about[names.CONTENT_TAG] == own.about[names.CONTENT_TAG]
        if not same_name or _of_the_model(stored) != _of_the_model(own):
            raise StageError(
                f"{where} describes another content; a stored version never changes, so name this one anew"
            )
        # A GGUF of the same model has other bytes where another release wrote it: the stored one stays.
        further = own.files.keys() - stored.files.keys()
        if missing := sorted(name for name in further if name.split("/")[0] in self.formats):
            remedy = "take it out of deploy.formats, or train with another seed, which makes another version"
            raise StageError(f"{where} lists no {missing[0]}, and a stored version never changes; {remedy}")


def files_of(inputs: Inputs, formats: Mapping[str, Path] | None = None) -> dict[str, Path]:
    """Returns the files that are stored, by their names as whoever fetches them gets them, in their order.

    formats: those of further formats, by such names.

    Raises StageError where a file of the model has the name of something else that is stored.
    """
    model, dataset = inputs.model.path, inputs.dataset.path
    own = {name: model / name for name in inputs.model.content_files()}
    if taken := [name for name in own if name.split("/")[0] in RESERVED]:
        raise StageError(f"the model holds a file {taken[0]}, whose name is needed in the store; rename it")
    rest = {f"adapters/{name}": inputs.adapters.path / name for name in ("adapter_config.json", "adapters.safetensors")}
    for name in ("predictions.jsonl", "report.html", "report.json"):
        rest[f"evaluation/{name}"] = inputs.evaluation.path / name
    for name in ("README.md", "agent.json"):
        if (dataset / name).is_file():
            rest[f"dataset/{name}"] = dataset / name
    return dict(sorted((own | rest | {CARD: inputs.card.path} | dict(formats or {})).items()))


def _of_the_model(manifest: Manifest) -> dict[str, StoredFile]:
    return {name: file for name, file in manifest.files.items() if name.split("/")[0] not in NOT_OF_THE_MODEL}

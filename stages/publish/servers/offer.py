"""What servers are given of a version: weights that Ollama reads, and the rows that it is asked afterwards."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.artifacts import FineTunedModel
from stages.publish.formats.gguf_file import Plan
from stages.publish.servers.placing import ServedModel
from stages.publish.servers.probe import PROBE_FILE, Probe, Reader

GGUF_FILES = ("gguf-f16/model.gguf", "gguf-q8_0/model.gguf")
"""The names of a version's files that Ollama reads; the first that is there is sent."""


@dataclass(frozen=True)
class Offer:
    """A model and its rows. files: what of it is stored with the version, by the names there."""

    model: FineTunedModel
    probe: Probe
    files: Mapping[str, Path]

    @classmethod
    def prepared(
        cls, model: FineTunedModel, probe: Probe, known: Mapping[str, Path], folder: Path, needs_weights: bool
    ) -> "Offer":
        """Writes into folder what is not among the known files of the version, and returns all of it.

        needs_weights: a server takes GGUF. Raises StageError for a model that a GGUF cannot say.
        """
        files = {name: path for name, path in known.items() if name in GGUF_FILES}
        if needs_weights and not files:
            files[GGUF_FILES[0]] = folder / "model.gguf"
            Plan.of(model.path).write(files[GGUF_FILES[0]], "f16")
        (folder / "probe.json").write_bytes(probe.to_json())
        return cls(model, probe, files | {PROBE_FILE: folder / "probe.json"})

    @classmethod
    def fetched(cls, folder: Path, passing: Path) -> "Offer":
        """Returns what is given of a version that lies in folder as the store has it; `passing` gets what it lacks."""
        model, stored = FineTunedModel(folder), folder / PROBE_FILE
        probe = Probe.parse(stored.read_bytes(), str(stored)) if stored.is_file() else Probe.empty(model)
        known = {name: folder / name for name in GGUF_FILES if (folder / name).is_file()}
        return cls.prepared(model, probe, known, passing, needs_weights=True)

    @property
    def reader(self) -> Reader:
        """What the model's texts come to."""
        return Reader(self.model.prompt(), self.model.policy())

    def served(self, others: Collection[str]) -> ServedModel:
        """Returns what Ollama is given. others: the sha256 of files that the store has of the same model."""
        weights = [self.files[name] for name in GGUF_FILES if name in self.files]
        return ServedModel.of(weights, Plan.of(self.model.path).serving, self.probe.context, others)

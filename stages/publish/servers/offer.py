"""What servers are given of a version: weights that Ollama reads, and the rows that it is asked afterwards."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.agent_config.formats import IMPLIED, KINDS
from shared.artifacts import FineTunedModel
from stages.publish.formats.files import GGUF, FormatFiles
from stages.publish.formats.gguf_file import Plan
from stages.publish.servers.placing import ServedModel
from stages.publish.servers.probe import PROBE_FILE, Probe, Reader

GGUF_FILES = tuple(f"{name}/{GGUF}" for name in KINDS)
"""The names of a version's files that Ollama reads; the first that is there is sent."""


@dataclass(frozen=True)
class Offer:
    """A model and its rows. files: what of it is stored with the version, by the names there."""

    model: FineTunedModel
    probe: Probe
    files: Mapping[str, Path]

    @classmethod
    def prepared(cls, model: FineTunedModel, probe: Probe, made: Mapping[str, Path], folder: Path) -> "Offer":
        """Writes the rows into folder, and returns them with what was made of the model in other formats."""
        (folder / "probe.json").write_bytes(probe.to_json())
        return cls(model, probe, {**made, PROBE_FILE: folder / "probe.json"})

    @classmethod
    def fetched(cls, folder: Path, passing: Path) -> "Offer":
        """Returns what is given of a version that lies in folder as the store has it; `passing` gets what it lacks."""
        model, stored = FineTunedModel(folder), folder / PROBE_FILE
        probe = Probe.parse(stored.read_bytes(), str(stored)) if stored.is_file() else Probe.empty(model)
        made = {name: folder / name for name in GGUF_FILES if (folder / name).is_file()}
        return cls.prepared(model, probe, made or FormatFiles.of(model, [IMPLIED]).write(passing), passing)

    @property
    def reader(self) -> Reader:
        """What the model's texts come to."""
        return Reader(self.model.prompt(), self.model.policy())

    def served(self, others: Collection[str]) -> ServedModel:
        """Returns what Ollama is given. others: the sha256 of files that the store has of the same model."""
        weights = [self.files[name] for name in GGUF_FILES if name in self.files]
        return ServedModel.of(weights, Plan.of(self.model.path).serving, self.probe.context, others)

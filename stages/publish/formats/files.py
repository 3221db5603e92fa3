"""The files that a version has besides its MLX folder: for each format that the agent asks for, one folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.agent_config.formats import KINDS, WITHOUT_GGUF, gguf_formats
from shared.artifacts import FineTunedModel
from shared.errors import StageError
from stages.publish.formats.gguf_file import Plan

GGUF, MODELFILE = "model.gguf", "Modelfile"


@dataclass(frozen=True)
class FormatFiles:
    """What is to be made of a model that was found to be one that it can be made of. plan: None where nothing is."""

    formats: tuple[str, ...]
    plan: Plan | None

    @classmethod
    def of(cls, model: FineTunedModel, formats: Sequence[str]) -> "FormatFiles":
        """formats: as config.yaml's `deploy.formats`. Raises StageError where one of them cannot be made."""
        asked = gguf_formats(formats)
        return cls(asked, Plan.of(model.path) if asked else None)

    def write(self, folder: Path) -> Mapping[str, Path]:
        """Writes the files below folder and returns them by their names in the store, such as gguf-f16/model.gguf.

        Raises StageError where a number of the weights cannot be written, or the disk is full.
        """
        try:
            return {name: path for each in self.formats for name, path in self._written(folder, each).items()}
        except OSError as error:
            found = f"the model cannot be written as GGUF to {folder} ({error.strerror})"
            raise StageError(f"{found}; make room there, or {WITHOUT_GGUF}") from None

    def _written(self, folder: Path, name: str) -> dict[str, Path]:
        assert self.plan is not None
        place = folder / name
        place.mkdir()
        self.plan.write(place / GGUF, KINDS[name])
        (place / MODELFILE).write_text(self.plan.serving.text(GGUF), "utf-8")
        return {f"{name}/{file}": place / file for file in (GGUF, MODELFILE)}

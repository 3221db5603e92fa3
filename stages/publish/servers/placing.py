"""A version on an Ollama server: brought there under its name where it is missing, never in another's place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import archive
from shared.errors import StageError
from shared.function_call import STOP_TOKENS
from stages.publish.servers.ollama import Held, Ollama

TEMPLATE = "{{ .Prompt }}"
"""The whole prompt comes from the client; nothing is put around it."""


@dataclass(frozen=True)
class ServedModel:
    """What Ollama is given: one model in its formats. files: by their sha256 (hex); the first one is sent."""

    files: Mapping[str, Path]
    template: str
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, files: Sequence[Path], context: int) -> "ServedModel":
        """Returns the model of at least one file. context: tokens of a prompt and its answer."""
        parameters = {"num_ctx": context, "stop": list(STOP_TOKENS), "temperature": 0}
        return cls({archive.digest(file): file for file in files}, TEMPLATE, parameters)

    def is_whole_in(self, held: Held) -> bool:
        """Returns whether a server holds this model, with this template and these parameters."""
        return held.sha256 in self.files and held.template == self.template and held.parameters == self.parameters


def place(server: Ollama, name: str, model: ServedModel) -> str:
    """Returns what was done, '' where the server held the model under the name already.

    Raises StageError where the name is another model's, and where the server does not take or keep this one.
    """
    held = server.held(name)
    if held and model.is_whole_in(held):
        return ""
    if held and held.sha256 not in model.files:
        raise _taken(server, name, held)
    sha256 = held.sha256 if held else next(iter(model.files))
    if not server.has_blob(sha256):
        server.upload(model.files[sha256], sha256)
    server.create(name, sha256, model.template, model.parameters)
    made = server.held(name)
    if not made or not model.is_whole_in(made):
        raise StageError(f"{server.place} says that it made {name}, but shows another model; look at its log")
    return "set template and parameters anew" if held else "created"


def check_held(server: Ollama, name: str, known: Collection[str]) -> None:
    """Raises StageError where the server does not hold one of the known files under the name."""
    held = server.held(name)
    if held is None:
        raise StageError(f"{server.place} holds no {name}; publish the version again, which brings it there")
    if held.sha256 not in known:
        raise _taken(server, name, held)


def _taken(server: Ollama, name: str, held: Held) -> StageError:
    found = f"weights of sha256 {held.sha256[:12]}" if held.sha256 else "something that is no single file of weights"
    remedy = f"find out who put it there, remove it by `ollama rm {name}`, and publish the version again"
    return StageError(f"{server.place} has another model under the name {name}: {found}; {remedy}")

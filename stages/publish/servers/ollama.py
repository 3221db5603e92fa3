"""An Ollama server: what it holds, and how a model gets there and away, by its own API.

https://github.com/ollama/ollama/blob/v0.13.5/docs/api.md
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.asking.agent import Complete
from shared.asking.servers import ollama
from shared.errors import StageError
from stages.publish.servers.connection import Connection, Reply

OLDEST = (0, 6, 0)  # knows Gemma 3; since 0.5.5 /api/create takes files
UNTOLD = (0, 0, 0)  # what one says that was built without a version
UPLOAD_SECONDS = 1800
CREATE_SECONDS = 300
COMPLETION_SECONDS = 120  # the first one loads the model
FILE = "model.gguf"
_VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})")
_FROM = re.compile(r"^FROM \S.*sha256-([0-9a-f]{64})\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Held:
    """What Ollama holds under a name: the sha256 (hex) of the weights' file, '' for no single one, and the rest."""

    sha256: str
    template: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Ollama:
    """A server. Every method raises StageError where it is away, slow, or answers like no Ollama."""

    connection: Connection

    @property
    def place(self) -> str:
        return self.connection.place

    def check(self) -> str:
        """Returns what is there. Raises StageError where the server is too old."""
        reply = self.connection.get("/api/version")
        version = str(self._object(reply, "tells no version").get("version"))
        found = _VERSION.match(version)
        if not found:
            raise self._odd("tells no version")
        numbers = tuple(map(int, found.groups()))
        if UNTOLD != numbers < OLDEST:
            needed = ".".join(map(str, OLDEST))
            raise StageError(
                f"{self.place} is of version {version:.40}; publishing needs {needed} or newer: upgrade it"
            )
        return f"{self.place}, version {version:.40}"

    def held(self, model: str) -> Held | None:
        """Returns what the server holds under a name, None where there is nothing."""
        reply = self.connection.send("POST", "/api/show", {"model": model})
        if reply.status == 404:
            return None
        told = self._object(reply, f"does not show {model}")
        texts = [told.get(key) or "" for key in ("modelfile", "template", "parameters")]
        if not told.get("modelfile") or not all(isinstance(text, str) for text in texts):
            raise self._odd(f"does not show {model} as Ollama does")
        modelfile, template, parameters = texts
        files = set(_FROM.findall(modelfile))
        return Held(files.pop() if len(files) == 1 else "", template, dict(_parameters(parameters)))

    def has_blob(self, sha256: str) -> bool:
        """Returns whether the server has a file of this content."""
        reply = self.connection.request("HEAD", f"/api/blobs/sha256:{sha256}", None, 30)
        if reply.status not in (200, 404):
            raise self.connection.refused(reply, "does not tell which files it has")
        return reply.status == 200

    def upload(self, file: Path, sha256: str) -> None:
        """Sends a file; the server compares its content with the sha256."""
        reply = self.connection.upload(f"/api/blobs/sha256:{sha256}", file, UPLOAD_SECONDS)
        if reply.status not in (200, 201):
            raise self.connection.refused(reply, f"does not take {file.name}")

    def create(self, model: str, sha256: str, template: str, parameters: Mapping[str, Any]) -> None:
        """Makes a model of a file that the server has, in place of what has the name."""
        files = {FILE: f"sha256:{sha256}"}
        wanted = {"model": model, "files": files, "template": template, "parameters": parameters, "stream": False}
        reply = self.connection.send("POST", "/api/create", wanted, CREATE_SECONDS)
        if reply.status != 200 or reply.object().get("status") != "success":
            raise self.connection.refused(reply, f"does not create {model}")

    def names(self) -> list[str]:
        """Returns the names of all models that the server holds."""
        models = self._object(self.connection.get("/api/tags"), "does not list its models").get("models")
        if models is None or not isinstance(models, list):
            raise self._odd("does not list its models as Ollama does")
        return [str(each.get("name")) for each in models if isinstance(each, dict)]

    def remove(self, model: str) -> None:
        """Takes a model away; what was gone already is fine."""
        reply = self.connection.send("DELETE", "/api/delete", {"model": model})
        if reply.status not in (200, 404):
            raise self.connection.refused(reply, f"does not remove {model}")

    def complete(self, model: str, context: int, adds_bos: bool) -> Complete:
        """Returns what asks a model, as an agent does."""
        place, token = self.connection.url, self.connection.token
        return ollama(model, place, timeout=COMPLETION_SECONDS, context=context, adds_bos=adds_bos, token=token)

    def _object(self, reply: Reply, wrong: str) -> dict[str, Any]:
        if reply.status != 200:
            raise self.connection.refused(reply, wrong)
        if not (found := reply.object()):
            raise self._odd(wrong)
        return found

    def _odd(self, wrong: str) -> StageError:
        return StageError(f"{self.place} answers like no Ollama: it {wrong}; check its url in deploy.servers")


def _parameters(text: str) -> Iterator[tuple[str, Any]]:
    """Yields the parameters of /api/show, a line each with Go's form of the value; several of one key as a list."""
    found: dict[str, list[Any]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(_value(value.strip()))
    for key, values in found.items():
        yield key, values if len(values) > 1 else values[0]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

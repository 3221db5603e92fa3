"""The servers of an agent's models, from what the store has of a version: it is put back there, or looked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.agent_config.servers import Server
from shared.asking import call_policy
from shared.asking.agent import PROMPT_FILE
from shared.asking.call_policy import CallPolicy
from shared.errors import StageError
from shared.prompt import PromptFile
from stages.publish.operate.places import Places
from stages.publish.servers.offer import GGUF_FILES, Offer
from stages.publish.servers.ollama import Ollama
from stages.publish.servers.openai import OpenAi
from stages.publish.servers.placing import check_held
from stages.publish.servers.probe import PROBE_FILE, Probe, Reader, ask
from stages.publish.servers.serving import Serving
from stages.publish.store.manifest import Manifest, blob_key


def put_back(serving: Serving, version: str, folder: Path, passing: Path) -> Iterator[str]:
    """Brings a version that was fetched to folder to each server, and asks it; yields what was done.

    passing: a folder for what the version lacks. Raises StageError as `Serving.place` does.
    """
    if serving.pushed:
        offer = Offer.fetched(folder, passing)
        for served in serving.place(version, offer.served(()), offer.probe, offer.reader):
            yield served.told


@dataclass(frozen=True)
class Serves:
    """A server, whether it serves the version that Git names, and what was found."""

    server: Server
    holds: bool
    found: str


def served(places: Places, serving: Serving, version: str, manifest: Manifest) -> Iterator[Serves]:
    """Yields what each server says of a version, whose manifest the store has."""
    servers: list[tuple[Server, Ollama | OpenAi]] = [*serving.pushed, *serving.pulling]
    for known, server in servers:
        try:
            yield Serves(known, True, _found(places, known, server, version, manifest))
        except StageError as error:
            yield Serves(known, False, str(error))


def _found(places: Places, known: Server, server: Ollama | OpenAi, version: str, manifest: Manifest) -> str:
    """Returns what a server serves. Raises StageError where it is not the version."""
    name, told = known.model(places.agent, version), server.place
    if isinstance(server, Ollama):
        weights = [manifest.files[file].sha256 for file in GGUF_FILES if file in manifest.files]
        check_held(server, name, weights)
        told = f"{server.place} holds {name}{'' if weights else ' (the store has no GGUF to compare it with)'}"
    if PROBE_FILE not in manifest.files:
        server.check()
        return f"{told}; not asked, as an earlier release stored the version, without rows"
    probe = Probe.parse(_read(places, manifest, PROBE_FILE), f"{PROBE_FILE} of {version} in the store")
    if isinstance(server, Ollama):
        complete = server.complete(name, probe.context, probe.adds_bos)
    else:
        complete = server.complete(name, probe.adds_bos)
    agreement = ask(probe, _reader(places, manifest), complete)
    agreement.check(server.place)
    return f"{told}{', and ' if isinstance(server, Ollama) else ' '}{agreement}"


def _reader(places: Places, manifest: Manifest) -> Reader:
    rules = _read(places, manifest, call_policy.FILE) if call_policy.FILE in manifest.files else b""
    try:
        prompt = PromptFile.from_json(_read(places, manifest, PROMPT_FILE).decode())
        return Reader(prompt, CallPolicy.from_json(rules.decode()) if rules else None)
    except ValueError as error:
        raise StageError(f"what the store has of the version's prompt cannot be read: {error}") from None


def _read(places: Places, manifest: Manifest, name: str) -> bytes:
    content = places.store.read(blob_key(manifest.files[name].sha256)) if name in manifest.files else None
    if content is None:
        raise StageError(f"the store lacks {name} of the version; publish it again")
    return content

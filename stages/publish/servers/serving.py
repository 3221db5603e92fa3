"""The servers that config.yaml names for an agent: versions are brought to them and asked, and older ones removed."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from shared.agent_config.servers import OLLAMA, Server
from shared.contract import Variable
from shared.errors import StageError
from stages.publish.contract import OLLAMA_TOKEN, OPENAI_API_KEY
from stages.publish.servers.connection import Connection
from stages.publish.servers.ollama import Ollama
from stages.publish.servers.openai import OpenAi
from stages.publish.servers.placing import ServedModel, place
from stages.publish.servers.probe import Agreement, Probe, Reader, ask

_DEFAULTS = re.compile(r"^(registry\.ollama\.ai/)?(library/)?")


@dataclass(frozen=True)
class Served:
    """What was done at a server: a sentence, and whether it changed anything there."""

    told: str
    is_new: bool


@dataclass(frozen=True)
class Serving:
    """An agent's servers: those that publish brings the model to, and those that fetch it."""

    agent: str
    pushed: tuple[tuple[Server, Ollama], ...]
    pulling: tuple[tuple[Server, OpenAi], ...]

    @classmethod
    def of(cls, servers: Sequence[Server], agent: str) -> "Serving":
        """Returns the agent's servers; asks none. Raises StageError where the environment holds no usable token."""
        pushed = tuple((each, open_ollama(each)) for each in servers if each.kind == OLLAMA)
        return cls(agent, pushed, tuple((each, open_openai(each)) for each in servers if each.kind != OLLAMA))

    def check(self) -> list[str]:
        """Returns what is found at each server that the model is brought to. Raises StageError where one is not fit."""
        return [server.check() for _, server in self.pushed]

    def place(self, version: str, model: ServedModel, probe: Probe, reader: Reader) -> Iterator[Served]:
        """Brings a version to each server and asks it, one after the other; yields what was done.

        Raises StageError where a server does not take the model, or answers otherwise than evaluate's model did; what
        was made there by this call is removed again.
        """
        for known, server in self.pushed:
            name = known.model(self.agent, version)
            done = place(server, name, model)
            agreement = self._asked(server, name, probe, reader, is_new=done == "created")
            yield Served(f"{done or 'found'} {name} on {server.place}, which {agreement}", bool(done))

    def prune(self, versions: Sequence[str], protected: Collection[str]) -> Iterator[str]:
        """Takes away what is older than the versions that each server keeps; yields what was done, or why not.

        versions: all of the agent's, newest first. protected: those that stay, however old they are.
        """
        for known, server in self.pushed:
            try:
                yield from self._pruned(known, server, versions, protected)
            except StageError as error:
                yield f"older versions stay: {error}"

    def _asked(self, server: Ollama, name: str, probe: Probe, reader: Reader, is_new: bool) -> Agreement:
        try:
            agreement = ask(probe, reader, server.complete(name, probe.context, probe.adds_bos))
            agreement.check(server.place)
        except StageError:
            if is_new:
                server.remove(name)
            raise
        return agreement

    def _pruned(
        self, known: Server, server: Ollama, versions: Sequence[str], protected: Collection[str]
    ) -> Iterator[str]:
        there = {canonical(name): name for name in server.names()}
        held = [version for version in versions if canonical(known.model(self.agent, version)) in there]
        for version in held[known.keep :]:
            if version not in protected:
                name = there[canonical(known.model(self.agent, version))]
                server.remove(name)
                yield f"removed {name} from {server.place}"


def open_ollama(server: Server) -> Ollama:
    """Returns an Ollama of deploy.servers; asks nothing. Raises StageError for a token that is none."""
    return Ollama(Connection("Ollama", server.url, _token(OLLAMA_TOKEN), OLLAMA_TOKEN.name))


def open_openai(server: Server) -> OpenAi:
    """Returns a server of OpenAI's API of deploy.servers; asks nothing. Raises StageError for a key that is none."""
    return OpenAi(Connection("the server", server.url, _token(OPENAI_API_KEY), OPENAI_API_KEY.name))


def check_server(server: Server) -> str:
    """Returns what one cheap request finds at a server. Raises StageError where it is not fit for the model."""
    return (open_ollama(server) if server.kind == OLLAMA else open_openai(server)).check()


def canonical(name: str) -> str:
    """Returns the one spelling of a name in Ollama, which takes case and what it adds itself for the same."""
    short = _DEFAULTS.sub("", name)
    return (short if ":" in short.rpartition("/")[2] else f"{short}:latest").casefold()


def _token(variable: Variable) -> str:
    token = variable.read()
    if token and not re.fullmatch(r"[!-~]+", token):
        raise StageError(f"{variable.name} holds a character that no token has; check it")
    return token

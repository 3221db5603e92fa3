"""A repository's files as texts and documents, as they lie in a folder: no link followed, no secret kept."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared import names
from shared.errors import StageError
from stages.dataset.adopt.drafted import WORDS
from stages.dataset.gitops.folder import Folder
from stages.dataset.runbook.text import decode
from stages.dataset.secrets.redaction import redact

MAX_FILE = 1 << 18  # bytes: what people write by hand; a parser in Python takes a second for it
MAX_NODES = 50_000  # of a document, aliases written out
MAX_DEPTH = 60
_SKIPPED = frozenset(WORDS["skipped_folders"])
# What a text that nests deep within few characters has: many openings, nothing but blanks between them.
_NESTED = re.compile(r"(?:[\[{?:-]\s*){40}")
_NUMBERS = {"tag:yaml.org,2002:int": int, "tag:yaml.org,2002:float": float}


@dataclass(frozen=True)
class Document:
    """A YAML or JSON document; line: where it begins, from 1. node: None of JSON."""

    path: str
    line: int
    data: Any
    node: Node | None = None


@dataclass
class Repository:
    """The files of a folder that concern an agent. more: further folders whose files count as the agent's own.

    unread: what looked as if it were needed, and could not be read, each with the reason.
    """

    root: Path
    agent: str
    more: Sequence[str] = ()
    agents: str = names.AGENTS
    unread: list[str] = field(default_factory=list)
    _documents: dict[str, list[Document]] = field(default_factory=dict)
    _paths: list[str] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """The agent's folder."""
        return names.agent_folder(self.agent, self.agents)

    @property
    def training(self) -> str:
        """The folder of tools.yaml and config.yaml."""
        return names.training_folder(self.agent, self.agents)

    def paths(self) -> list[str]:
        """Returns the paths of all files but those that programs put there, sorted."""
        if not self._paths:
            found = sorted(path for path, kind in Folder(self.root).below("") if kind == "file")
            self._paths += [path for path in found if not _SKIPPED.intersection(path.split("/"))]
        return self._paths

    @property
    def beside(self) -> tuple[str, ...]:
        """The folders beside the agents', each with a slash, that hold functions and are no agent."""
        found = (f"{self._home}{name}/" for name in WORDS["function_folders"])
        return tuple(f for f in found if f != f"{self.folder}/" and not self._has(f"{f}training/") and self._has(f))

    def _has(self, folder: str) -> bool:
        return any(path.startswith(folder) for path in self.paths())

    def own(self, *endings: str) -> list[str]:
        """Returns the paths of the agent's files of some endings, those of its training apart.

        Those in folders of functions beside the agents count among them.
        """
        training = f"{self.training}/"
        folders = (*(f"{folder.strip('/')}/" for folder in (self.folder, *self.more)), *self.beside)
        return [p for p in self.paths() if p.startswith(folders) and p.endswith(endings) and not p.startswith(training)]

    def shared(self, *endings: str) -> list[str]:
        """Returns the paths of the files of some endings that are no agent's."""
        own = set(self.own(*endings))
        return [p for p in self.paths() if p.endswith(endings) and not p.startswith(self._home) and p not in own]

    def others(self, *endings: str) -> list[str]:
        """Returns the paths of the files of some endings that are another agent's."""
        folder = f"{self.folder}/"
        own = set(self.own(*endings))
        home = [p for p in self.paths() if p.startswith(self._home) and not p.startswith(folder)]
        return [p for p in home if p.endswith(endings) and p not in own]

    @property
    def _home(self) -> str:
        return f"{self.folder.rpartition('/')[0]}/".lstrip("/")

    def raw(self, path: str, most: int = MAX_FILE) -> str:
        """Returns a file's text, secrets and all; '' where it cannot be read, which is noted."""
        try:
            data = Folder(self.root).data(path, "file", most)
        except StageError as error:
            if path.startswith(f"{self.folder}/"):
                self.unread.append(str(error))
            return ""
        return "" if b"\0" in data else decode(data)

    def text(self, path: str, most: int = MAX_FILE) -> str:
        """Returns a file's text without secrets."""
        return redact(self.raw(path, most))[0]

    def documents(self, path: str) -> list[Document]:
        """Returns the documents of a YAML or JSON file; none, with a note, where it is neither."""
        if path not in self._documents:
            try:
                self._documents[path] = list(read_documents(self.text(path), path))
            except StageError as error:
                self.unread.append(str(error))
                self._documents[path] = []
        return self._documents[path]


def read_documents(text: str, path: str) -> Iterator[Document]:
    """Yields the documents in a text. Raises StageError where it is no YAML, or no JSON by its name."""
    if PurePosixPath(path).suffix == ".json":
        yield Document(path, 1, _json(text, path))
        return
    try:
        _check_depth(text)
        for node in YAML(typ="safe", pure=True).compose_all(text):
            if node is not None:
                yield Document(path, node.start_mark.line + 1, plain(node), node)
    except (YAMLError, ValueError, RecursionError, AttributeError, TypeError, LookupError):
        raise StageError(f"{path} is no YAML, or nests too deep") from None


def _check_depth(text: str) -> None:
    """Raises ValueError for a text that nests too deep: the parser takes quadratic time for it."""
    if not _NESTED.search(text):
        return
    depth = 0
    for event in YAML(typ="base", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError("too deep")


def _json(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise StageError(f"{path} is no JSON") from None


def plain(node: Node) -> Any:
    """Returns what a YAML node holds; a tag that only a program knows makes a text. Raises ValueError for too much."""
    left = [MAX_NODES]

    def value(node: Node, depth: int) -> Any:
        left[0] -= 1
        if left[0] < 0 or depth > MAX_DEPTH:
            raise ValueError("too large")
        if isinstance(node, MappingNode):
            return {scalar_text(key): value(entry, depth + 1) for key, entry in node.value}
        if isinstance(node, SequenceNode):
            return [value(entry, depth + 1) for entry in node.value]
        return _scalar(node)

    return value(node, 0)


def scalar_text(node: Node) -> str:
    """Returns the text of a scalar, '' of anything else."""
    return str(node.value) if isinstance(node, ScalarNode) else ""


def _scalar(node: Node) -> Any:
    tag, text = str(node.tag), scalar_text(node)
    if tag.endswith(":null"):
        return None
    if tag.endswith(":bool"):
        return text.lower() in ("true", "yes", "on")
    try:
        return _NUMBERS[tag](text.replace("_", "")) if tag in _NUMBERS else text
    except ValueError:
        return text


def mappings(data: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields every mapping in a document with the key that it, or its list, stands under; the outer ones first."""
    waiting: deque[tuple[str, Any]] = deque([("", data)])
    while waiting:
        key, found = waiting.popleft()
        if isinstance(found, Mapping):
            yield key, found
            waiting += [(str(name), entry) for name, entry in found.items()]
        elif isinstance(found, list):
            waiting += [(key, entry) for entry in found]


def strings(data: Any) -> Iterator[str]:
    """Yields every text in a document."""
    waiting = [data]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, Mapping):
            waiting += reversed(list(found.values()))
        elif isinstance(found, list):
            waiting += reversed(found)

"""An agent's files as texts, wherever they lie: at a commit in Git, or in a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from shared import names
from shared.errors import StageError
from stages.dataset.calls.rules import FUNCTION, RuleFile
from stages.dataset.calls.tools import read_tools
from stages.dataset.faults import collect
from stages.dataset.runbook.text import decode

MAX_RUNBOOK = 16 << 20  # bytes; the longest that people keep have a hundredth
MAX_BYTES = 1 << 20  # of any other file
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # the marks of UTF-16 and UTF-32, whose text holds zero bytes


@dataclass(frozen=True)
class Files:
    """An agent's runbook, config.yaml, tools.yaml, and the files of alerting rules that name functions to call."""

    runbook_path: str
    runbook: str
    config_path: str
    config: str
    tools_path: str
    tools: str
    rules: tuple[RuleFile, ...]


class Place(Protocol):
    """Where files lie, by paths below the repository's root. No link is ever followed."""

    def data(self, path: str, what: str, most: int) -> bytes:
        """Returns a file's bytes. Raises StageError where it is missing, a link, or larger than most."""

    def paths(self, below: str) -> list[str]:
        """Returns the paths of all regular files below a folder ('' for all), sorted."""


def read_files(place: Place, agent: str, runbook_path: str = "") -> tuple[Files, list[str]]:
    """Returns the files, with an empty text for each that cannot be read, and what is wrong with those."""
    faults: list[str] = []
    training = names.training_folder(agent)
    paths = {
        "runbook": runbook_path or names.runbook_path(agent),
        "configuration": f"{training}/config.yaml",
        "list of functions": f"{training}/tools.yaml",
    }
    texts = [collect(faults, _text, place, path, what) or "" for what, path in paths.items()]
    runbook, config, tools = paths.values()
    rules = collect(faults, _rules, place, agent, _patterns(texts[2], tools), tools) or ()
    return Files(runbook, texts[0], config, texts[1], tools, texts[2], rules), faults


def _text(place: Place, path: str, what: str) -> str:
    data = place.data(path, what, MAX_RUNBOOK if what == "runbook" else MAX_BYTES)
    if b"\0" in data and not data.startswith(_WIDE):
        raise StageError(f"{path} is binary; the {what} must be text")
    text = decode(data)
    if not text.strip():
        raise StageError(f"{path} is empty; write the {what} first")
    return text


def _patterns(tools: str, path: str) -> Sequence[str]:
    """Returns the patterns of rule files; none where tools.yaml cannot be read, which is told where it is used."""
    known = collect([], read_tools, tools, path) if tools else None
    return known.rules if known else ()


def _rules(place: Place, agent: str, patterns: Sequence[str], tools: str) -> tuple[RuleFile, ...]:
    """Returns the YAML files below the agent's folder, and those of the patterns, that name functions to call."""
    own, training = f"{names.agent_folder(agent)}/", f"{names.training_folder(agent)}/"
    yaml = [path for path in place.paths("" if patterns else own) if path.endswith((".yaml", ".yml"))]
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path in yaml):
            raise StageError(f"{tools}: rules names {pattern}, but no YAML file of the repository has such a path")
    wanted = [
        path
        for path in yaml
        if (path.startswith(own) and not path.startswith(training)) or any(fnmatchcase(path, p) for p in patterns)
    ]
    return tuple(_with_functions(place, wanted))


def _with_functions(place: Place, paths: Sequence[str]) -> Iterator[RuleFile]:
    for path in paths:
        text = decode(place.data(path, "file of rules", MAX_RUNBOOK))
        if FUNCTION in text:
            yield RuleFile(path, text)

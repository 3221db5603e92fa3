"""A repository that knows nothing of training gets drafts of tools.yaml and config.yaml, of what it has."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from glob import escape
from pathlib import Path

from shared import names
from shared.errors import StageError
from stages.dataset.adopt import pages
from stages.dataset.adopt.choice import Choice, choose
from stages.dataset.adopt.config_yaml import config_yaml
from stages.dataset.adopt.deployment import ModelField, Unreached, model_fields
from stages.dataset.adopt.drafted import Drafted
from stages.dataset.adopt.functions import find_functions
from stages.dataset.adopt.placing import place
from stages.dataset.adopt.sources.annotations import Called, read_called
from stages.dataset.adopt.texts import Repository
from stages.dataset.adopt.tools_yaml import tools_yaml
from stages.dataset.author.folder import Folder
from stages.dataset.contract import DNS_LABEL
from stages.dataset.files import MAX_RUNBOOK, read_files
from stages.dataset.runbook.alert import Alert
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.study import study


@dataclass(frozen=True)
class Request:
    """What to draft. function: a pattern of names, others are left out. more: further folders where functions lie."""

    repository: Path
    agent: str
    runbook_path: str = ""
    function: str = "*"
    more: Sequence[str] = ()
    with_index: bool = False


@dataclass(frozen=True)
class Adoption:
    """Drafts, by path, and what they rest on. faults: what lint would say of them. unread: files left out."""

    texts: dict[str, str]
    drafts: tuple[Drafted, ...]
    choice: Choice
    fields: tuple[ModelField, ...]
    unreached: tuple[Unreached, ...]
    runbooks: tuple[str, ...]
    faults: tuple[str, ...]
    unread: tuple[str, ...]


def adopt(request: Request) -> Adoption:
    """Returns the drafts, without writing any. Raises StageError where the repository has no such agent."""
    _check(request)
    repository = Repository(request.repository, request.agent, request.more)
    pattern = re.compile(translate(request.function))
    called = read_called(repository, pattern)
    paths, alerts = _runbook(repository, request.runbook_path)
    drafts = find_functions(repository, called, pattern)
    rules = [rule for rule in called.rules if pattern.fullmatch(rule.function)]
    choice = choose(drafts, alerts, rules, paths[0] if paths else "")
    fields, unreached = model_fields(repository)
    texts = _texts(request, repository, choice, called, fields, unreached)
    faults = _faults(request, texts)
    unread = tuple(dict.fromkeys((*called.faults, *repository.unread)))
    return Adoption(texts, tuple(drafts), choice, tuple(fields), tuple(unreached), tuple(paths), faults, unread)


def write(request: Request, adoption: Adoption) -> dict[str, str]:
    """Writes the drafts and returns the paths that they got. Raises StageError where one has no place."""
    return place(request.repository, adoption.texts)


def _check(request: Request) -> None:
    if not DNS_LABEL.holds(request.agent):
        raise StageError(f"{request.agent!r} is no name of an agent; it must be {DNS_LABEL.text}")
    home = request.repository / names.agent_folder(request.agent)
    if not home.is_dir():
        known = sorted(path.name for path in home.parent.iterdir() if path.is_dir()) if home.parent.is_dir() else []
        raise StageError(f"there is no agent {request.agent} in {home.parent}; it has: {', '.join(known) or 'none'}")


def _runbook(repository: Repository, runbook_path: str) -> tuple[list[str], list[Alert]]:
    """Returns the runbook's path and alerts, or those of its pages where there is no runbook."""
    path = runbook_path or names.runbook_path(repository.agent)
    if path in repository.paths():
        return [path], read_runbook(repository.text(path, MAX_RUNBOOK), path)
    if runbook_path:
        raise StageError(f"there is no runbook {runbook_path} in {repository.root}; name it from the repository's root")
    read = pages.read_pages(repository, pages.page_paths(repository)[1])
    return list(read), [alert for alerts in read.values() for alert in alerts]


def _texts(
    request: Request,
    repository: Repository,
    choice: Choice,
    called: Called,
    fields: Sequence[ModelField],
    unreached: Sequence[Unreached],
) -> dict[str, str]:
    training = names.training_folder(request.agent)
    texts = {f"{training}/config.yaml": config_yaml(request.agent, fields, unreached)}
    if choice.active:
        command = f"make lint-runbook AGENT={request.agent} REPOSITORY=…"
        texts[f"{training}/tools.yaml"] = tools_yaml(choice, [escape(path) for path in called.elsewhere], command)
    if request.with_index:
        texts |= _index(repository)
    return texts


def _index(repository: Repository) -> dict[str, str]:
    folder, paths = pages.page_paths(repository)
    if not paths:
        raise StageError(f"neither the agent nor the repository has pages in {pages.FOLDER}; leave the index out")
    return {f"{folder}/{pages.INDEX}": pages.index(folder, pages.read_pages(repository, paths))}


def _faults(request: Request, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Returns what lint would say were the drafts in place."""
    tools = f"{names.training_folder(request.agent)}/tools.yaml"
    if tools not in texts:
        return (f"{tools} is missing: no function was found, and no command in the runbook that changes anything",)
    files, faults = read_files(_WithDrafts(request.repository, texts), request.agent, request.runbook_path)
    return study(files, request.agent, faults).faults


@dataclass(frozen=True)
class _WithDrafts(Folder):
    """A folder with the drafts in it."""

    texts: Mapping[str, str]

    def data(self, path: str, what: str, most: int) -> bytes:
        """Returns a draft's bytes, else the file's."""
        return self.texts[path].encode() if path in self.texts else super().data(path, what, most)

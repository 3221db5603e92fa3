"""A repository that knows nothing of training gets drafts of tools.yaml and config.yaml, of what it has."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from shared import names
from shared.errors import StageError
from stages.dataset.adopt import pages
from stages.dataset.adopt.choice import Choice, choose, concerned
from stages.dataset.adopt.config_yaml import config_yaml
from stages.dataset.adopt.deployment import Manifests
from stages.dataset.adopt.drafted import Drafted
from stages.dataset.adopt.functions import find_functions
from stages.dataset.adopt.placing import place
from stages.dataset.adopt.sources.annotations import Called, read_called
from stages.dataset.adopt.texts import Repository
from stages.dataset.adopt.tools_yaml import tools_yaml
from stages.dataset.contract import DNS_LABEL
from stages.dataset.faults import check
from stages.dataset.files import read_shared
from stages.dataset.gitops.folder import Folder
from stages.dataset.gitops.pages import find_pages
from stages.dataset.runbook.alert import Alert


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
    """Drafts, by path, and what they rest on. unread: files left out."""

    texts: dict[str, str]
    drafts: tuple[Drafted, ...]
    choice: Choice
    manifests: Manifests
    runbooks: tuple[str, ...]
    unread: tuple[str, ...]


def adopt(request: Request) -> Adoption:
    """Returns the drafts, without writing any. Raises StageError where the repository has no such agent."""
    agents = read_shared(Folder(request.repository)).agents
    repository = Repository(request.repository, request.agent, request.more, agents)
    _check(repository)
    pattern = re.compile(translate(request.function))
    called = read_called(repository, pattern)
    runbook = _runbook(repository, request.runbook_path)
    alerts = [alert for found in runbook.values() for alert in found]
    rules = [rule for rule in called.rules if pattern.fullmatch(rule.function)]
    path = next(iter(runbook), "")
    drafts = concerned(find_functions(repository, called, pattern), repository.beside, alerts, rules, path)
    choice = choose(drafts, alerts, rules, path)
    manifests = Manifests.of(repository)
    usual = names.runbook_path(repository.agent, repository.agents)
    where = request.runbook_path or ("" if usual in runbook else pages.page_paths(repository)[0])
    texts = _texts(repository, choice, called, manifests, where)
    texts |= _index(repository, runbook) if request.with_index else {}
    unread = tuple(dict.fromkeys((*called.faults, *choice.refused, *repository.unread)))
    return Adoption(texts, tuple(drafts), choice, manifests, tuple(runbook), unread)


def write(request: Request, adoption: Adoption) -> dict[str, str]:
    """Writes the drafts and returns the paths that they got. Raises StageError where one has no place."""
    return place(request.repository, adoption.texts)


def _check(repository: Repository) -> None:
    agent = repository.agent
    if not DNS_LABEL.holds(agent):
        raise StageError(f"{agent!r} is no name of an agent; it must be {DNS_LABEL.text}")
    folder = repository.root / repository.folder
    if not folder.is_dir():
        home = folder.parent
        others = {path.rstrip("/").rpartition("/")[2] for path in repository.beside}
        found = home.iterdir() if home.is_dir() else ()
        known = sorted(path.name for path in found if path.is_dir() and path.name not in others)
        raise StageError(f"there is no agent {agent} in {home}; it has: {', '.join(known) or 'none'}")


def _runbook(repository: Repository, runbook_path: str) -> dict[str, list[Alert]]:
    """Returns the runbook's path with its alerts, or those of its pages where there is no runbook."""
    usual = names.runbook_path(repository.agent, repository.agents)
    paths = [usual] if usual in repository.paths() else pages.page_paths(repository)[1]
    if runbook_path:
        faults: list[str] = []
        own = names.agent_folder(repository.agent, repository.agents)
        paths = list(find_pages(Folder(repository.root), [runbook_path], faults, own).paths)
        check(faults)
    if missing := [path for path in paths if path not in repository.paths()]:
        raise StageError(f"there is no runbook {missing[0]} in {repository.root}; name it from the repository's root")
    return pages.read_pages(repository, paths)


def _texts(
    repository: Repository,
    choice: Choice,
    called: Called,
    manifests: Manifests,
    runbook: str,
) -> dict[str, str]:
    texts = {f"{repository.training}/config.yaml": config_yaml(repository.agent, manifests, runbook)}
    if choice.active:
        command = f"make lint-runbook AGENT={repository.agent} REPOSITORY=…"
        texts[f"{repository.training}/tools.yaml"] = tools_yaml(choice, called.patterns(), command)
    return texts


def _index(repository: Repository, known: Mapping[str, list[Alert]]) -> dict[str, str]:
    folder, paths = pages.page_paths(repository)
    if not paths:
        raise StageError(f"neither the agent nor the repository has pages in {pages.FOLDER}; leave the index out")
    read = pages.read_pages(repository, [path for path in paths if path not in known])
    return {
        f"{folder}/{pages.INDEX}": pages.index(folder, {path: known.get(path, read.get(path, [])) for path in paths})
    }

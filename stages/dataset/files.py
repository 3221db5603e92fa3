"""An agent's files as texts, wherever they lie: at a commit in Git, or in a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared import names
from shared.errors import StageError
from stages.dataset.agent_config import Fleet, read_config, read_fleet
from stages.dataset.calls.rules import RuleFile, holds_rules
from stages.dataset.calls.tools import read_tools
from stages.dataset.faults import check, collect
from stages.dataset.gitops.pages import Pages, find_pages
from stages.dataset.gitops.pattern import Pattern
from stages.dataset.gitops.place import Place, check_content
from stages.dataset.runbook.text import decode

MAX_RUNBOOK = 16 << 20  # bytes; the longest that people keep have a hundredth
MAX_PAGES_BYTES = 64 << 20  # of all pages of a runbook
MAX_BYTES = 1 << 20  # of any other file
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # the marks of UTF-16 and UTF-32, whose text holds zero bytes


@dataclass(frozen=True)
class Page:
    """A page of a runbook; its only one where the runbook is a single file."""

    path: str
    text: str


@dataclass(frozen=True)
class Files:
    """An agent's runbook, config.yaml, tools.yaml, and the files of alerting rules.

    fleet: where agents live, and what the repository says of all of them.
    runbook_path: the path of the runbook, or what names its pages. page_paths: of all pages, also where one cannot be
    read. runbook_pathspecs: what git's history of the pages is asked by. links: what stands among the pages.
    """

    fleet: Fleet
    runbook_path: str
    page_paths: tuple[str, ...]
    pages: tuple[Page, ...]
    runbook_pathspecs: tuple[str, ...]
    links: tuple[str, ...]
    config_path: str
    config: str
    tools_path: str
    tools: str
    rules: tuple[RuleFile, ...]

    @property
    def runbook(self) -> str:
        """The text of all pages in their order."""
        return "\n".join(page.text for page in self.pages)

    @property
    def paths(self) -> list[str]:
        """The paths of all files."""
        return [*self.page_paths, self.config_path, self.tools_path, *(rule.path for rule in self.rules)]


def read_shared(place: Place) -> Fleet:
    """Returns what agent-training.yaml at the root says of all agents; the usual where there is none.

    Raises StageError where it is wrong, as nothing is known of an agent then.
    """
    return read_fleet(_text(place, names.FLEET, "file of all agents")) if place.kind(names.FLEET) else Fleet()


def check_agent(place: Place, agent: str, agents: str) -> None:
    """Raises StageError where there is no such agent, with those that there are."""
    folder = names.agent_folder(agent, agents)
    if (kind := place.kind(folder)) == "folder":
        return
    place.check_parents(folder, "agent")
    home = folder.rpartition("/")[0]
    folders = [path for path, found in place.children(home) if found == "folder"]
    trained = [path for path in folders if place.kind(f"{path}/training") == "folder"]
    known = [path.rpartition("/")[2] for path in trained or folders]
    is_other = f", where it is a {kind}" if kind else ""
    told = f"there is no agent {agent} in {home or 'the root'} of the repository{is_other}"
    raise StageError(f"{told}; it has: {', '.join(sorted(known)) or 'none'}")


def read_files(place: Place, agent: str, fleet: Fleet, runbook_path: str = "") -> tuple[Files, list[str]]:
    """Returns the files, with an empty text for each that cannot be read, and what is wrong with those.

    runbook_path: a file, a folder, a pattern, or several with commas between; empty for what config.yaml says.
    """
    faults: list[str] = []
    training, usual = names.training_folder(agent, fleet.agents), names.runbook_path(agent, fleet.agents)
    config_path, tools_path = f"{training}/config.yaml", f"{training}/tools.yaml"
    place.prepare([config_path, tools_path, usual])
    config = collect(faults, _text, place, config_path, "configuration") or ""
    tools = collect(faults, _text, place, tools_path, "list of functions") or ""
    wanted = [runbook_path] if runbook_path else _configured(place, usual, config, config_path)
    of_runbook: list[str] = []
    found = find_pages(place, wanted, of_runbook, names.agent_folder(agent, fleet.agents))
    pages = collect(of_runbook, _pages, place, found) or ()
    path = found.paths[0] if len(found.paths) == 1 else ", ".join(wanted)
    rules = collect(faults, _rules, place, training, _patterns(tools, tools_path), tools_path) or ()
    files = Files(
        fleet, path, found.paths, pages, found.pathspecs, found.links, config_path, config, tools_path, tools, rules
    )
    return files, [*of_runbook, *faults]


def _configured(place: Place, usual: str, config: str, path: str) -> list[str]:
    """Returns what config.yaml names as the runbook, else the usual place; nothing where neither can be known."""
    if not config:
        return [usual]
    known = collect([], read_config, config, path)
    if known is None:  # which is told where it is used
        return [usual] if place.kind(usual) else []
    return known.runbook_path or [usual]


def _pages(place: Place, found: Pages) -> tuple[Page, ...]:
    """Returns the pages; of several, an empty one documents nothing and is no fault."""
    place.prepare(found.paths)
    faults: list[str] = []
    pages, size = [], 0
    for path in found.paths:
        text = collect(faults, _text, place, path, "runbook", found.is_one)
        if text is not None:
            pages.append(Page(path, text))
            size += len(text.encode())
        if size > MAX_PAGES_BYTES:
            raise StageError(f"the {len(found.paths)} pages have more than {MAX_PAGES_BYTES} bytes; name fewer")
    check(faults)
    return tuple(pages)


def _text(place: Place, path: str, what: str, is_needed: bool = True) -> str:
    data = place.data(path, what, MAX_RUNBOOK if what == "runbook" else MAX_BYTES)
    check_content(data, path, what)
    if b"\0" in data and not data.startswith(_WIDE):
        raise StageError(f"{path} is binary; the {what} must be text")
    text = decode(data)
    if is_needed and not text.strip():
        raise StageError(f"{path} is empty; write the {what} first")
    return text


def _patterns(tools: str, path: str) -> Sequence[str]:
    """Returns the patterns of rule files; none where tools.yaml cannot be read, which is told where it is used."""
    known = collect([], read_tools, tools, path) if tools else None
    return known.rules if known else ()


def _rules(place: Place, training: str, patterns: Sequence[str], tools: str) -> tuple[RuleFile, ...]:
    """Returns the YAML files below the agent's folder, and those of the patterns, that hold alerting rules."""
    own = training.rpartition("/")[0]
    wanted = {path for path in _yaml(place, own) if not path.startswith(f"{training}/")}
    for pattern in patterns:
        matching = [path for path in _yaml(place, Pattern(pattern).fixed) if fnmatchcase(path, pattern)]
        if not matching:
            raise StageError(f"{tools}: rules names {pattern}, but no YAML file of the repository has such a path")
        wanted.update(matching)
    paths = sorted(wanted)
    place.prepare(paths)
    return tuple(_with_rules(place, paths))


def _yaml(place: Place, below: str) -> Iterator[str]:
    return (path for path, kind in place.below(below) if kind == "file" and path.endswith((".yaml", ".yml")))


def _with_rules(place: Place, paths: Sequence[str]) -> Iterator[RuleFile]:
    for path in paths:
        data = place.data(path, "file of rules", MAX_RUNBOOK)
        if holds_rules(text := decode(data)):
            check_content(data, path, "file of rules")
            yield RuleFile(path, text)

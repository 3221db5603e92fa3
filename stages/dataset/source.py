"""The GitOps repository: an agent's files at a revision, read from Git without a checkout."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from git import Git, GitCommandError

from shared import names
from shared.access import git_failure
from shared.access.git import check_repository, git_environment, without_secret
from shared.errors import StageError
from stages.dataset.contract import GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE, GIT_TOKEN
from stages.dataset.faults import check
from stages.dataset.files import Files, check_agent, read_files, read_shared
from stages.dataset.gitops.blobs import Blobs, UnreadableError
from stages.dataset.gitops.pattern import literal
from stages.dataset.gitops.place import refusal, refusal_of_parent
from stages.dataset.gitops.repository import Entry, Repository

GIT_ACCESS = (GIT_TOKEN, GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE)


@dataclass(frozen=True)
class Source(Files):
    """An agent's files at one commit. `commit` is the last one that touched any of them, never merely HEAD."""

    repository: str
    commit: str
    committed: datetime

    @property
    def runbook_sha256(self) -> str:
        """The sha256 (hex) of the runbook's text, with Unix line ends; of several pages, of their texts and paths."""
        if len(self.pages) == 1:
            return hashlib.sha256(self.runbook.encode()).hexdigest()
        told = "".join(f"{digest}  {path}\n" for path, digest in self.page_sha256.items())
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def page_sha256(self) -> dict[str, str]:
        """The sha256 (hex) of each page's text, by its path."""
        return {page.path: hashlib.sha256(page.text.encode()).hexdigest() for page in self.pages}


@contextmanager
def opened(repository: str) -> Iterator[Repository]:
    """Yields the repository: a local one as it is, a remote one as a passing bare clone, without what nobody asks for.

    Raises StageError where it cannot be read, with git's reason and without any secret.
    """
    address = check_repository(repository)
    with TemporaryDirectory(prefix="gitops-") as folder:
        environment = git_environment(Path(folder), *(variable.read() for variable in GIT_ACCESS))
        # A folder inside a repository is none: git would look for one further up.
        environment["GIT_CEILING_DIRECTORIES"] = str(Path(address).parent) if Path(address).is_dir() else folder
        is_local = Path(address).is_dir()
        found = _open(address, environment) if is_local else _clone(address, Path(folder) / "clone", environment)
        try:
            yield found
        finally:
            found.blobs.close()


def read_source(repo: Repository, repository: str, revision: str, agent: str, runbook_path: str = "") -> Source:
    """Returns the agent's runbook, config.yaml, tools.yaml and rules at revision (empty: the default branch).

    Raises StageError for an unknown revision or agent, for a file that is missing, a link, binary or
    empty, and for a pattern of pages or rules that no file has.
    """
    commit = repo.commit(revision)
    place = Committed(repo, commit)
    fleet = read_shared(place)
    check_agent(place, agent, fleet.agents)
    files, faults = read_files(place, agent, fleet, runbook_path)
    check(faults)
    own = (names.FLEET, names.training_folder(agent, fleet.agents), *(rule.path for rule in files.rules))
    last, committed = repo.last_change(commit, [*files.runbook_pathspecs, *map(literal, own)])
    return Source(**vars(files), repository=_public_name(repository), commit=last, committed=committed)


@dataclass(frozen=True)
class Committed:
    """The files of a commit."""

    repo: Repository
    commit: str
    known: dict[str, Entry] = field(default_factory=dict)
    """What was looked up, by its path."""

    @property
    def at(self) -> str:
        """The commit, in a sentence."""
        return f" at commit {self.commit[:8]}"

    def kind(self, path: str) -> str:
        """Returns what a path is, '' where nothing is there."""
        entry = self._entry(path)
        return entry.kind if entry else ""

    def children(self, folder: str) -> Sequence[tuple[str, str]]:
        """Returns path and kind of what stands directly in a folder ('' for the root), by name."""
        return [(each.path, each.kind) for each in self.repo.children(self.commit, folder)]

    def below(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yields path and kind of all but folders below a folder ('' for all), in any order."""
        for entry in self.repo.below(self.commit, folder):
            yield entry.path, entry.kind

    def prepare(self, paths: Sequence[str]) -> None:
        """Finds many paths with one command, and brings their blobs into a partial clone."""
        found = self.repo.entries(self.commit, [path for path in paths if path not in self.known])
        self.known.update({entry.path: entry for entry in found})
        wanted = [entry for path in paths if (entry := self.known.get(path)) and entry.kind == "file"]
        self.repo.fetch([entry.oid for entry in wanted])

    def data(self, path: str, what: str, most: int) -> bytes:
        """Returns a file's bytes. Raises StageError where it is missing, no file, or larger than most."""
        entry = self._entry(path)
        if entry is None or entry.kind != "file":
            self.check_parents(path, what)
            raise refusal(path, what, entry.kind if entry else "", self.at)
        self.repo.fetch([entry.oid])
        try:
            size = self.repo.blobs.size(entry.oid)
            if size <= most:
                return self.repo.blobs.content(entry.oid)
        except UnreadableError as error:
            raise StageError(f"{path}: {self.repo.failure(str(error))}") from None
        raise StageError(f"{path} has {size} bytes; a {what} may have at most {most}")

    def _entry(self, path: str) -> Entry | None:
        if path not in self.known and (found := self.repo.entry(self.commit, path)):
            self.known[path] = found
        return self.known.get(path)

    def check_parents(self, path: str, what: str) -> None:
        """Raises StageError where a folder of the path is something else."""
        parts = path.split("/")
        for count in range(1, len(parts)):
            parent = "/".join(parts[:count])
            if (kind := self.kind(parent)) != "folder":
                if kind:
                    raise refusal_of_parent(parent, kind, path, what)
                return


def _public_name(repository: str) -> str:
    """Returns a URL without its secret, or `local`: where a clone lies must not change the dataset."""
    is_local = Path(repository).is_dir() or repository.startswith("file:")
    return "local" if is_local else without_secret(repository)


def _open(folder: str, environment: dict[str, str]) -> Repository:
    git = Git(folder)
    git.update_environment(**environment)
    found = Repository(git, folder, Blobs(git))
    try:
        git.execute(["git", "rev-parse", "--git-dir"])
    except GitCommandError as error:
        is_one = any((Path(folder) / name).exists() for name in (".git", "HEAD", "objects"))
        if is_one:
            raise found.failure(str(error.stderr)) from None
        raise StageError(f"{folder} is no Git repository; give a clone or a bare repository, or a URL") from None
    return found


def _clone(address: str, target: Path, environment: dict[str, str]) -> Repository:
    """Returns a clone without blobs where the server can leave them out, else with all."""
    git = Git(str(target.parent))
    git.update_environment(**environment)
    try:
        stderr = _cloned(git, address, target, "--filter=blob:none")
    except GitCommandError as error:
        if "filter" not in str(error.stderr):
            raise git_failure.failure(address, " cannot be cloned", str(error.stderr)) from None
        stderr = _cloned(git, address, target)
    inside = Git(str(target))
    inside.update_environment(**environment)
    found = Repository(inside, address, Blobs(inside))
    if "filtering not recognized" not in stderr:
        return replace(found, is_partial=True)
    return found


def _cloned(git: Git, address: str, target: Path, *options: str) -> str:
    """Returns what git says while it clones."""
    command = ["git", "clone", "--quiet", "--bare", *options, "--", address, str(target)]
    return str(git.execute(command, with_extended_output=True)[2])

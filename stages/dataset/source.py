"""The GitOps repository: an agent's files at a revision, read from Git without a checkout."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from git import Commit, GitCommandError, InvalidGitRepositoryError, NoSuchPathError, Repo
from git.exc import BadName, BadObject
from git.objects import Blob, Tree

from shared import names
from shared.access import git_failure
from shared.access.git import check_repository, check_revision, git_environment, without_secret
from shared.errors import StageError
from stages.dataset.contract import GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE, GIT_TOKEN
from stages.dataset.faults import check
from stages.dataset.files import Files, read_files

GIT_ACCESS = (GIT_TOKEN, GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE)


@dataclass(frozen=True)
class Source(Files):
    """An agent's files at one commit. `commit` is the last one that touched any of them, never merely HEAD."""

    repository: str
    commit: str
    committed: datetime

    @property
    def runbook_sha256(self) -> str:
        """The sha256 (hex) of the runbook's text, with Unix line ends."""
        return hashlib.sha256(self.runbook.encode()).hexdigest()


@contextmanager
def opened(repository: str) -> Iterator[Repo]:
    """Yields the repository: a local one as it is, a remote one as a passing bare clone.

    Raises StageError where it cannot be read, with git's reason and without any secret.
    """
    address = check_repository(repository)
    with TemporaryDirectory(prefix="gitops-") as folder:
        environment = git_environment(Path(folder), *(variable.read() for variable in GIT_ACCESS))
        is_local = Path(address).is_dir()
        repo = _open(address) if is_local else _clone(address, Path(folder) / "clone", environment)
        # A path of the contract is a name, never a pattern.
        repo.git.update_environment(**environment, GIT_LITERAL_PATHSPECS="1")
        with repo:
            yield repo


def read_source(repo: Repo, repository: str, revision: str, agent: str, runbook_path: str = "") -> Source:
    """Returns the agent's runbook, config.yaml, tools.yaml and rules at revision (empty: the default branch).

    Raises StageError for an unknown revision or agent, for a file that is missing, a link, binary or
    empty, and for a pattern of rules that no file has.
    """
    commit = _commit(repo, repository, revision)
    _check_agent(commit, agent)
    files, faults = read_files(Committed(repo, commit), agent, runbook_path)
    check(faults)
    paths = [files.runbook_path, names.training_folder(agent), *(rule.path for rule in files.rules)]
    last = _last_commit(repo, repository, commit, paths)
    date = last.committed_datetime.astimezone(UTC)
    return Source(**vars(files), repository=_public_name(repository), commit=last.hexsha, committed=date)


@dataclass(frozen=True)
class Committed:
    """The files of a commit."""

    repo: Repo
    commit: Commit

    def data(self, path: str, what: str, most: int) -> bytes:
        """Returns a file's bytes. Raises StageError where it is missing, a link, or larger than most."""
        blob = _find(self.commit, path)
        if not isinstance(blob, Blob):
            at = f"at commit {self.commit.hexsha[:8]}"
            raise StageError(f"the {what} {path} is missing {at}; add it, or name another path")
        if blob.mode == Blob.link_mode:
            raise StageError(f"{path} is a symbolic link; commit the {what} itself")
        if blob.size > most:
            raise StageError(f"{path} has {blob.size} bytes; a {what} may have at most {most}")
        content: bytes = blob.data_stream.read()
        return content

    def paths(self, below: str) -> list[str]:
        """Returns the paths of all regular files below a folder, sorted."""
        listed = self.repo.git.ls_tree("-r", "-z", self.commit.hexsha, *([below] if below else [])).split("\0")
        entries = (entry.partition("\t") for entry in listed if entry)
        return sorted(path for kind, _, path in entries if kind.startswith("100"))


def _public_name(repository: str) -> str:
    """Returns a URL without its secret, or `local`: where a clone lies must not change the dataset."""
    is_local = Path(repository).is_dir() or repository.startswith("file:")
    return "local" if is_local else without_secret(repository)


def _open(folder: str) -> Repo:
    try:
        return Repo(folder)
    except (InvalidGitRepositoryError, NoSuchPathError):
        raise StageError(f"{folder} is no Git repository; give a clone or a bare repository, or a URL") from None


def _clone(address: str, target: Path, environment: dict[str, str]) -> Repo:
    try:
        return Repo.clone_from(address, target, bare=True, env=environment)
    except GitCommandError as error:
        raise git_failure.failure(address, " cannot be cloned", str(error.stderr)) from None


def _commit(repo: Repo, repository: str, revision: str) -> Commit:
    shown = without_secret(repository)
    candidates = ["HEAD"]
    if revision:
        check_revision(revision)
        # In this order: plain `rev-parse main` would take a tag of that name first.
        candidates = [f"refs/heads/{revision}", f"refs/remotes/origin/{revision}", f"refs/tags/{revision}", revision]
    for candidate in candidates:
        try:
            return repo.commit(candidate)
        except (BadName, BadObject, ValueError, IndexError):
            continue
    branches = ", ".join(sorted(head.name for head in repo.heads)[:10]) or "none"
    raise StageError(f"the repository {shown} has no revision {revision or 'HEAD'}; its branches: {branches}")


def _check_agent(commit: Commit, agent: str) -> None:
    folder = _find(commit, names.agent_folder(agent))
    if not isinstance(folder, Tree):
        home = names.agent_folder(agent).rpartition("/")[0]
        tree = _find(commit, home)
        known = sorted(entry.name for entry in tree.trees) if isinstance(tree, Tree) else []
        raise StageError(f"there is no agent {agent} in {home} of the repository; it has: {', '.join(known) or 'none'}")


def _find(commit: Commit, path: str) -> Blob | Tree | None:
    try:
        entry = commit.tree / path
    except KeyError:
        return None
    return entry if isinstance(entry, Blob | Tree) else None


def _last_commit(repo: Repo, repository: str, commit: Commit, paths: list[str]) -> Commit:
    if repo.git.rev_parse("--is-shallow-repository") == "true":
        shown = without_secret(repository)
        raise StageError(f"{shown} is a shallow clone, whose history hides the last change: `git fetch --unshallow`")
    found = next(repo.iter_commits(commit.hexsha, paths=paths, max_count=1), None)
    return found or commit

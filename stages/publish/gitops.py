"""MODEL_VERSION in the GitOps repository.

The commit is made from Git's objects, without a work tree: no file of the repository is ever
written to disk under its name, so that no link, filter or hook in it has anything to act on.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from git import Commit, GitCommandError, Repo
from git.objects import Blob, Tree
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shared import git_access, git_failure, names
from shared.errors import StageError
from stages.publish.contract import GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE, GIT_TOKEN

ATTEMPTS = 8
GIT_ACCESS = (GIT_TOKEN, GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE)
AUTHOR = {"NAME": "agent-training", "EMAIL": "agent-training@localhost"}
REGULAR = 0o100000
_OVERTAKEN = re.compile(
    r"fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value|stale info"
)


class _OvertakenError(Exception):
    """Somebody else pushed in between."""


@dataclass(frozen=True)
class Bump:
    """The commit that made MODEL_VERSION what it is, and whether it was made now."""

    commit: str
    branch: str
    is_new: bool


@contextmanager
def cloned(repository: str) -> Iterator["GitopsRepository"]:
    """Yields a passing bare clone. Raises StageError where it cannot be cloned, with git's reason, without secrets."""
    address = git_access.check_repository(repository)
    with TemporaryDirectory(prefix="gitops-") as folder:
        environment = git_access.git_environment(Path(folder), *(variable.read() for variable in GIT_ACCESS))
        for role in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{role}_{key}": value for key, value in AUTHOR.items()}
        environment["GIT_INDEX_FILE"] = str(Path(folder) / "index")
        try:
            repo = Repo.clone_from(address, Path(folder) / "clone", bare=True, env=environment)
        except GitCommandError as error:
            raise git_failure.failure(address, " cannot be cloned", str(error.stderr)) from None
        with repo:
            repo.git.update_environment(**environment)
            yield GitopsRepository(repo, address)


@dataclass(frozen=True)
class GitopsRepository:
    """A bare clone of the repository at `address`."""

    repo: Repo
    address: str

    def branch(self, wanted: str) -> str:
        """Returns the branch to push to; the default one for ''. Raises StageError where there is no such branch."""
        branches = sorted(head.name for head in self.repo.heads)
        if not branches:
            raise StageError(f"the repository {self._shown()} is empty; push the agents' folders first")
        name = wanted or self.repo.git.symbolic_ref("--short", "HEAD")
        if name not in branches:
            known = ", ".join(branches[:10])
            raise StageError(f"the repository {self._shown()} has no branch {name}; its branches: {known}")
        return str(name)

    def bump(self, agent: str, version: str, branch: str, message: str) -> Bump:
        """Returns the commit that names version in MODEL_VERSION at branch, pushed and read back.

        Raises StageError where the push is refused, or where others keep pushing in between.
        """
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            retry=retry_if_exception_type(_OvertakenError),
            reraise=True,
        )
        try:
            return attempts(self._bump_once, agent, version, branch, message)
        except _OvertakenError:
            reason = f"others pushed {ATTEMPTS} times in between"
            raise StageError(f"{branch} of {self._shown()} could not be pushed: {reason}; run again") from None

    def _bump_once(self, agent: str, version: str, branch: str, message: str) -> Bump:
        path = names.model_version_path(agent)
        tip = self._fetch(branch)
        if _current(tip, agent, self._shown()) == version:
            return Bump(self.repo.git.log("-1", "--format=%H", tip.hexsha, "--", path), branch, False)
        commit = self._commit(tip, path, version, message)
        self._push(commit, branch)
        self._read_back(commit, branch)
        return Bump(commit, branch, True)

    def _fetch(self, branch: str) -> Commit:
        reference = f"refs/heads/{branch}"
        try:
            self.repo.git.fetch("--no-tags", "origin", f"+{reference}:{reference}")
        except GitCommandError as error:
            what = f", branch {branch}, cannot be fetched"
            raise git_failure.failure(self.address, what, str(error.stderr)) from None
        return self.repo.commit(reference)

    def _commit(self, tip: Commit, path: str, version: str, message: str) -> str:
        git = self.repo.git
        blob = git.hash_object("-w", "--no-filters", self._passing("version", f"{version}\n"))
        git.read_tree(tip.hexsha)
        git.update_index("--add", "--cacheinfo", f"100644,{blob},{path}")
        tree = git.write_tree()
        commit = git.commit_tree(tree, "-p", tip.hexsha, "-F", self._passing("message", message))
        changed = git.diff_tree("-r", "--no-commit-id", "--name-only", "-z", commit).rstrip("\0").split("\0")
        if changed != [path]:
            raise RuntimeError(f"the commit changes {changed}, not {path} alone")
        return str(commit)

    def _push(self, commit: str, branch: str) -> None:
        try:
            self.repo.git.push("origin", f"{commit}:refs/heads/{branch}")
        except GitCommandError as error:
            if _OVERTAKEN.search(str(error.stderr)):
                raise _OvertakenError from None
            what = f", branch {branch}, does not accept the push"
            raise git_failure.failure(self.address, what, str(error.stderr)) from None

    def _read_back(self, commit: str, branch: str) -> None:
        """Raises StageError where the branch does not hold the commit: a hook on the server can take it back."""
        tip = self._fetch(branch)
        if not self.repo.is_ancestor(self.repo.commit(commit), tip):
            where = f"branch {branch} of {self._shown()}"
            raise StageError(f"the push was accepted, but {where} does not hold commit {commit}; look at its hooks")

    def _passing(self, name: str, text: str) -> str:
        file = Path(self.repo.git_dir) / name
        file.write_text(text, "utf-8")
        return str(file)

    def _shown(self) -> str:
        return git_access.without_secret(self.address)


def _current(tip: Commit, agent: str, repository: str) -> str:
    """Returns the version at the tip, '' for none. Raises StageError for a missing folder, a link, or no file."""
    path = names.model_version_path(agent)
    *folders, name = path.split("/")
    tree = tip.tree
    for depth, folder in enumerate(folders, 1):
        entry = _entry(tree, folder)
        if not isinstance(entry, Tree):
            where = "/".join(folders[:depth])
            found = "is no folder" if entry else "is missing"
            raise StageError(f"{where} {found} in {repository}; publish writes {path} only where the agent's folder is")
        tree = entry
    file = _entry(tree, name)
    if file is None:
        return ""
    if not isinstance(file, Blob) or file.mode & 0o170000 != REGULAR:
        raise StageError(f"{path} in {repository} is no regular file; replace it by one that holds the version")
    return str(file.data_stream.read().decode("utf-8", errors="replace").strip())


def _entry(tree: Tree, name: str) -> object:
    return next((entry for entry in tree if entry.name == name), None)

"""The GitOps repository: the commit that rolls a version out, pushed to a branch and read back.

The commit is made from Git's objects, without a work tree: no file of the repository is ever
written to disk under its name, so that no link, filter or hook in it has anything to act on. Only
the tip of a branch is fetched. References are always spelt in full: a tag may have a branch's name.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from git import Commit, Git, GitCommandError, Repo
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shared import names
from shared.access import git_failure
from shared.access.git import check_repository, git_environment, without_secret
from shared.errors import StageError
from stages.publish.contract import GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE, GIT_TOKEN
from stages.publish.git.branches import HEADS, Branches
from stages.publish.git.rollout import Change, Rollout, regular_file

ATTEMPTS = 20
GIT_ACCESS = (GIT_TOKEN, GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE)
AUTHOR = {"NAME": "agent-training", "EMAIL": "agent-training@localhost"}
DEPTHS = (100, 10_000, 2_147_483_647)  # the last one is git's word for all of the history
_OVERTAKEN = re.compile(
    r"fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value|stale info"
)
_SHALLOW = "shallow update not allowed"
_DECLINED = re.compile(r"hook declined|[Pp]rotected branch")


class _OvertakenError(Exception):
    """Somebody else pushed in between."""


@dataclass(frozen=True)
class Bump:
    """The commit that rolls the version out, the branch that holds it, and whether it was made now.

    `is_deployed` is False while it is only proposed, on a branch of its own.
    """

    commit: str
    branch: str
    is_new: bool
    is_deployed: bool = True
    pull_request_url: str = ""


@contextmanager
def cloned(repository: str, agents: str = names.AGENTS) -> Iterator["GitopsRepository"]:
    """Yields a passing bare clone, into which branches are fetched when they are needed.

    agents: where agents live in it.
    Raises StageError where the repository cannot be reached, with git's reason, without secrets.
    """
    address = check_repository(repository)
    with TemporaryDirectory(prefix="gitops-") as folder:
        environment = git_environment(Path(folder), *(variable.read() for variable in GIT_ACCESS))
        for role in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{role}_{key}": value for key, value in AUTHOR.items()}
        environment["GIT_INDEX_FILE"] = str(Path(folder) / "index")
        git = Git(folder)
        git.update_environment(**environment)
        branches = Branches.of(git, address)
        clone = Path(folder) / "clone"
        git.init("--quiet", "--bare", "--template=", clone)
        with Repo(clone) as repo:
            repo.git.update_environment(**environment)
            repo.git.remote("add", "origin", address)
            yield GitopsRepository(repo, address, branches, agents)


@dataclass(frozen=True)
class GitopsRepository:
    """A bare clone of the repository at `address`, the branches that it had then, and where agents live in it."""

    repo: Repo
    address: str
    branches: Branches
    agents: str = names.AGENTS

    @property
    def shown(self) -> str:
        """The address without its secret."""
        return without_secret(self.address)

    def read(self, branch: str, path: str) -> str | None:
        """Returns the text of a regular file at the branch's tip, None where there is none."""
        blob = regular_file(self._fetch(branch), path)
        return blob.data_stream.read().decode("utf-8", errors="replace") if blob else None

    def deployed(self, agent: str, branch: str) -> str:
        """Returns what MODEL_VERSION names at the branch's tip, '' where there is none."""
        return (self.read(branch, names.model_version_path(agent, self.agents)) or "").strip()

    def rollouts(self, agent: str, branch: str) -> list[tuple[str, datetime]]:
        """Returns each version that MODEL_VERSION named on the branch and when it was committed, newest first."""
        path = names.model_version_path(agent, self.agents)
        tip = self._fetch(branch, DEPTHS[-1])
        commits = [self.repo.commit(name) for name in self.repo.git.rev_list(tip.hexsha, "--", path).split()]
        found = [(regular_file(commit, path), commit.committed_datetime) for commit in commits]
        return [(blob.data_stream.read().decode("utf-8", "replace").strip(), when) for blob, when in found if blob]

    def is_rolled_out(self, rollout: Rollout, branch: str) -> bool:
        """Returns whether the branch holds all of a rollout. Raises StageError where it cannot be rolled out there."""
        return not rollout.changes(self._fetch(branch))

    def overlay_faults(self, rollout: Rollout, branch: str, after_bump: bool) -> list[str]:
        """Returns what is wrong with the overlays at the branch's tip, as `Rollout.overlay_faults` does."""
        return rollout.overlay_faults(self._fetch(branch), after_bump)

    def bump(self, rollout: Rollout, branch: str, message: str) -> Bump:
        """Returns the commit that rolls out on branch, pushed and read back.

        Raises StageError where the push is refused, or where others keep pushing in between.
        """
        return self._persistently(branch, lambda: self._bump_once(rollout, branch, message))

    def propose(self, rollout: Rollout, branch: str, proposal: str, message: str) -> Bump:
        """Returns the commit that rolls out on a branch of its own, `proposal`, made from the tip of `branch`.

        Where `branch` holds the rollout already, the commit that brought it there. Raises StageError as `bump` does.
        """
        return self._persistently(proposal, lambda: self._propose_once(rollout, branch, proposal, message))

    def _persistently(self, branch: str, attempt: Callable[[], Bump]) -> Bump:
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            retry=retry_if_exception_type(_OvertakenError),
            reraise=True,
        )
        try:
            return attempts(attempt)
        except _OvertakenError:
            reason = f"others pushed {ATTEMPTS} times in between"
            raise StageError(f"{branch} of {self.shown} could not be pushed: {reason}; run again") from None

    def _bump_once(self, rollout: Rollout, branch: str, message: str) -> Bump:
        tip = self._fetch(branch)
        if not (changes := rollout.changes(tip)):
            return Bump(self._last_change(tip, branch, rollout.version_path), branch, False)
        return self._push_changes(tip, changes, branch, tip.hexsha, message)

    def _propose_once(self, rollout: Rollout, branch: str, proposal: str, message: str) -> Bump:
        tip = self._fetch(branch)
        if not (changes := rollout.changes(tip)):
            return Bump(self._last_change(tip, branch, rollout.version_path), branch, False)
        proposed = self._tip(proposal)
        if proposed and not self._is_merged(proposal, branch):
            made = self._bump_once(rollout, proposal, message)
        else:
            made = self._push_changes(tip, changes, proposal, proposed, message)
        return replace(made, is_deployed=False)

    def _push_changes(self, tip: Commit, changes: list[Change], branch: str, expected: str, message: str) -> Bump:
        commit = self._commit(tip, changes, message)
        self._push(commit, branch, expected)
        self._read_back(commit, branch)
        return Bump(commit, branch, True)

    def _fetch(self, branch: str, depth: int = 1) -> Commit:
        """Returns the branch's tip, with as many commits of its history; 0: with those since the last tip."""
        reference = f"{HEADS}{branch}"
        options = ["--no-tags", f"--depth={depth}"] if depth else ["--no-tags"]
        try:
            self.repo.git.fetch(*options, "origin", f"+{reference}:{reference}")
        except GitCommandError as error:
            what = f", branch {branch}, cannot be fetched"
            raise git_failure.failure(self.address, what, str(error.stderr)) from None
        return self.repo.commit(reference)

    def _tip(self, branch: str) -> str:
        """Returns the commit that a branch is at now, '' where there is no such branch."""
        try:
            return str(self.repo.git.ls_remote("origin", f"{HEADS}{branch}")).partition("\t")[0]
        except GitCommandError as error:
            raise git_failure.failure(self.address, " cannot be listed", str(error.stderr)) from None

    def _is_merged(self, proposal: str, branch: str) -> bool:
        """Returns whether branch has all of a proposal: merged before, it proposes nothing any more."""
        return bool(self.repo.is_ancestor(self._fetch(proposal, DEPTHS[-1]), self._fetch(branch, DEPTHS[-1])))

    def _last_change(self, tip: Commit, branch: str, path: str) -> str:
        """Returns the commit that made the file at path what it is at the tip.

        A clone that lacks the history takes its oldest commit for the one that made every file, so the
        history is fetched as far as it takes.
        """
        for depth in DEPTHS:
            commit = str(self.repo.git.log("-1", "--format=%H", tip.hexsha, "--", path))
            if commit not in self._cut_off():
                return commit
            if self._fetch(branch, depth) != tip:
                raise _OvertakenError
        return str(self.repo.git.log("-1", "--format=%H", tip.hexsha, "--", path))

    def _cut_off(self) -> list[str]:
        """Returns the commits whose parents were not fetched (https://git-scm.com/docs/shallow)."""
        file = Path(self.repo.git_dir) / "shallow"
        return file.read_text("ascii").split() if file.exists() else []

    def _commit(self, tip: Commit, changes: list[Change], message: str) -> str:
        git = self.repo.git
        git.read_tree(tip.hexsha)
        for change in changes:
            blob = git.hash_object("-w", "--no-filters", self._passing("content", change.content))
            git.update_index("--add", "--cacheinfo", f"{change.mode},{blob},{change.path}")
        commit = git.commit_tree(git.write_tree(), "-p", tip.hexsha, "-F", self._passing("message", message.encode()))
        changed = git.diff_tree("-r", "--name-only", "-z", tip.hexsha, commit).rstrip("\0").split("\0")
        expected = sorted(change.path for change in changes)
        if sorted(changed) != expected:
            raise RuntimeError(f"the commit changes {changed}, not {expected} alone")
        return str(commit)

    def _push(self, commit: str, branch: str, expected: str) -> None:
        """Pushes where the branch is still at the commit `expected`, or does not exist where that is ''.

        A mere fast-forward would bring back what somebody has just taken away by a forced push.
        """
        reference = f"{HEADS}{branch}"
        try:
            self.repo.git.push(f"--force-with-lease={reference}:{expected}", "origin", f"{commit}:{reference}")
        except GitCommandError as error:
            reason = str(error.stderr)
            # To a history without the commit that was fetched, git's answer is about the shallow clone.
            if _OVERTAKEN.search(reason) or (_SHALLOW in reason and self._tip(branch) != expected):
                raise _OvertakenError from None
            failure = git_failure.failure(self.address, f", branch {branch}, does not accept the push", reason)
            remedy = "; a protected branch is reached by deploy.mode branch or pull-request in config.yaml"
            raise StageError(f"{failure}{remedy if _DECLINED.search(reason) else ''}") from None

    def _read_back(self, commit: str, branch: str) -> None:
        """Raises StageError where the branch does not hold the commit: a hook on the server can take it back."""
        tip = self._fetch(branch, depth=0)
        if not self.repo.is_ancestor(self.repo.commit(commit), tip):
            where = f"branch {branch} of {self.shown}"
            raise StageError(f"the push was accepted, but {where} does not hold commit {commit}; look at its hooks")

    def _passing(self, name: str, content: bytes) -> str:
        file = Path(self.repo.git_dir) / name
        file.write_bytes(content)
        return str(file)

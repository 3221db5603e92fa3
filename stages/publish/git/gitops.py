"""The GitOps repository: the commit that rolls a version out, pushed to a branch and read back.

The commit is made from Git's objects, without a work tree: no file of the repository is ever
written to disk under its name, so that no link, filter or hook in it has anything to act on. Only
the tip of a branch is fetched. References are always spelt in full: a tag may have a branch's name.
"""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from git import Commit, Repo
from git.objects import Blob
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential

from shared import names
from shared.access import git_failure
from shared.access.git import check_repository, git_environment, without_secret
from shared.access.git_process import COMMAND_SECONDS, BoundedGit, GitFailedError, GitTimeoutError
from shared.access.git_refusal import Attempt, is_locked
from shared.agent_config.deployment import PROPOSALS
from shared.errors import StageError, one_line
from stages.publish.contract import GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE, GIT_TOKEN
from stages.publish.git.branches import HEADS, Branches
from stages.publish.git.checkout import check_not_checked_out
from stages.publish.git.identity import Identity, Signature, read_signature
from stages.publish.git.new_tree import new_tree
from stages.publish.git.rollout import Change, Rollout, regular_file

ATTEMPTS = 20
PUSH_SECONDS = 300  # for a push with all its attempts: hooks that test what is pushed take minutes, not hours
REST_SECONDS = 30  # of these, kept for a look at what became of a push that was given up
GIT_ACCESS = (GIT_TOKEN, GIT_SSH_KEY_FILE, GIT_SSH_KNOWN_HOSTS_FILE)
DEPTHS = (100, 10_000, 2_147_483_647)  # the last one is git's word for all of the history
MOST_BYTES = 1 << 20  # of a file that is read
_OVERTAKEN = re.compile(
    r"fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value|stale info"
)
_SHALLOW = "shallow update not allowed"


class _OvertakenError(Exception):
    """Somebody else pushed in between, or a lock is in the way: another push's, or one that was left behind.

    `refusal` is what the server said.
    """

    def __init__(self, refusal: str = "") -> None:
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True)
class Standing:
    """What MODEL_VERSION names at a branch's tip ('' where there is no such file), and who committed it when."""

    version: str
    commit: str
    author: str
    when: str

    def __str__(self) -> str:
        named = repr(one_line(self.version)[:80]) if self.version else "nothing"
        return f"{named}, committed by {one_line(self.author)[:80]} at {self.when} ({self.commit[:12]})"


Objection = Callable[[str], str]
"""Returns why a version that Git names must not be replaced, '' where it may."""


def nothing(version: str) -> str:
    """Objects to no replacement."""
    return ""


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
def cloned(
    repository: str, agents: str = names.AGENTS, seconds: float = COMMAND_SECONDS, commits: bool = True
) -> Iterator["GitopsRepository"]:
    """Yields a passing bare clone, into which branches are fetched when they are needed.

    agents: where agents live in it. seconds: what one git command may take. commits: whether anything will be
    committed in it; if not, nothing is asked of the environment for that.
    Raises StageError where the repository cannot be reached, with git's reason, without secrets; and where the
    environment names a committer or a signing key that cannot be used.
    """
    address, identity = check_repository(repository), Identity.read() if commits else Identity.default()
    with TemporaryDirectory(prefix="gitops-") as folder:
        environment = git_environment(Path(folder), *(variable.read() for variable in GIT_ACCESS))
        environment |= identity.environment()
        signature = read_signature(Path(folder)) if commits else Signature()
        outside = BoundedGit(Path(folder), environment, _secrets(), seconds)
        branches = Branches.of(outside, address)
        clone = Path(folder) / "clone"
        outside.run("init", "--quiet", "--bare", "--template=", str(clone))
        git = replace(outside, folder=clone)
        git.run("remote", "add", "origin", address)
        with Repo(clone) as repo:
            repo.git.update_environment(**environment)
            yield GitopsRepository(repo, address, branches, agents, git, identity, signature)


def _secrets() -> tuple[str, ...]:
    """Returns what no server may make us print: the token, also as git sends it."""
    token = GIT_TOKEN.read()
    return (token, base64.b64encode(f"x-access-token:{token}".encode()).decode()) if token else ()


@dataclass(frozen=True)
class GitopsRepository:
    """A bare clone of the repository at `address`, the branches that it had then, and where agents live in it.

    `git` runs in the clone, as `identity`, whose commits have `signature`.
    """

    repo: Repo
    address: str
    branches: Branches
    agents: str
    git: BoundedGit
    identity: Identity
    signature: Signature = field(default_factory=Signature)

    @property
    def shown(self) -> str:
        """The address without its secret."""
        return without_secret(self.address)

    def read(self, branch: str, path: str) -> str | None:
        """Returns the text of a regular file at the branch's tip, None where there is none.

        Raises StageError for one that is too large to be what it should be.
        """
        blob = regular_file(self._fetch(branch), path)
        return self._text(blob, path) if blob else None

    def deployed(self, agent: str, branch: str) -> str:
        """Returns what MODEL_VERSION names at the branch's tip, '' where there is none."""
        return (self.read(branch, names.model_version_path(agent, self.agents)) or "").strip()

    def rollouts(self, agent: str, branch: str) -> list[tuple[str, datetime]]:
        """Returns each version that MODEL_VERSION named on the branch and when it was committed, newest first."""
        path = names.model_version_path(agent, self.agents)
        tip = self._fetch(branch, DEPTHS[-1])
        listed = self.git.run("log", "--format=%H %ct", tip.hexsha, "--", path).splitlines()
        found = [(regular_file(self.repo.commit(line.split()[0]), path), line.split()[1]) for line in listed]
        return [(self._text(blob, path).strip(), _moment(seconds)) for blob, seconds in found if blob]

    def is_rolled_out(self, rollout: Rollout, branch: str) -> bool:
        """Returns whether the branch holds all of a rollout. Raises StageError where it cannot be rolled out there."""
        return not rollout.changes(self._fetch(branch))

    def check_delivery(self, rollout: Rollout, branch: str, proposal: str, objection: Objection) -> bool:
        """Returns whether the branch lacks anything of a rollout, which then is sure to be taken as far as is known.

        proposal: the branch of its own that it goes to, '' where it is pushed. Raises StageError where the branch
        names a version that `objection` keeps, where the rollout cannot be made, and as `check_push` does.
        """
        tip = self._fetch(branch)
        if not rollout.changes(tip):
            return False
        self._check_replaceable(rollout, tip, branch, objection)
        self._check_push(tip, proposal or branch)
        return True

    def check_push(self, branch: str, base: str = "") -> None:
        """Raises StageError where a push to a branch would be refused, as far as the server tells without one.

        It tells whether key and token may write at all; its hooks and rules are asked by a push alone.
        base: the branch that a new one is made from.
        """
        self._check_push(self._fetch(base or branch), branch)

    def _check_push(self, tip: Commit, branch: str) -> None:
        check_not_checked_out(self.git, self.address, branch)
        try:
            self.git.run("push", "--dry-run", "--force", "origin", f"{tip.hexsha}:{HEADS}{branch}")
        except GitFailedError as error:
            what = f", branch {branch}, cannot be pushed to"
            raise git_failure.failure_of(self.address, what, error, self._attempt(branch)) from None

    def _attempt(self, branch: str, *changed: str) -> Attempt:
        is_proposal = branch.startswith(f"{PROPOSALS}/")
        return Attempt(str(self.identity.committer), self.signature.fingerprint, is_proposal, changed)

    def bump(self, rollout: Rollout, branch: str, message: str, objection: Objection = nothing) -> Bump:
        """Returns the commit that rolls out on branch, pushed and read back.

        objection: is asked about the version that Git names at the very tip that is pushed to.
        Raises StageError where it objects, where the push is refused, or where others keep pushing in between.
        """
        return self._persistently(branch, lambda here: here._bump_once(rollout, branch, message, objection))

    def propose(
        self, rollout: Rollout, branch: str, proposal: str, message: str, objection: Objection = nothing
    ) -> Bump:
        """Returns the commit that rolls out on a branch of its own, `proposal`, made from the tip of `branch`.

        Where `branch` holds the rollout already, the commit that brought it there. Raises StageError as `bump` does.
        """
        return self._persistently(
            proposal, lambda here: here._propose_once(rollout, branch, proposal, message, objection)
        )

    def _persistently(self, branch: str, attempt: Callable[["GitopsRepository"], Bump]) -> Bump:
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(PUSH_SECONDS - REST_SECONDS),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            retry=retry_if_exception_type(_OvertakenError),
            reraise=True,
        )
        bounded = replace(self, git=self.git.within(PUSH_SECONDS))
        try:
            return attempts(attempt, bounded)
        except _OvertakenError as error:
            what = f", branch {branch}, does not accept the push"
            if is_locked(error.refusal):
                raise git_failure.failure(self.address, what, error.refusal) from None
            times = attempts.statistics["attempt_number"]
            reason = f"others pushed {times} times in between"
            raise StageError(f"{branch} of {self.shown} could not be pushed: {reason}; run again") from None

    def _bump_once(self, rollout: Rollout, branch: str, message: str, objection: Objection) -> Bump:
        tip = self._fetch(branch)
        if not (changes := rollout.changes(tip)):
            return Bump(self._last_change(tip, branch, rollout.version_path), branch, False)
        self._check_replaceable(rollout, tip, branch, objection)
        return self._push_changes(tip, changes, branch, tip.hexsha, message)

    def _propose_once(self, rollout: Rollout, branch: str, proposal: str, message: str, objection: Objection) -> Bump:
        tip = self._fetch(branch)
        if not (changes := rollout.changes(tip)):
            return Bump(self._last_change(tip, branch, rollout.version_path), branch, False)
        self._check_replaceable(rollout, tip, branch, objection)
        proposed = self._tip(proposal)
        if proposed and not self._is_merged(proposal, branch):
            made = self._bump_once(rollout, proposal, message, objection)
        else:
            made = self._push_changes(tip, changes, proposal, proposed, message)
        return replace(made, is_deployed=False)

    def _check_replaceable(self, rollout: Rollout, tip: Commit, branch: str, objection: Objection) -> None:
        path = rollout.version_path
        blob = regular_file(tip, path)
        version = self._text(blob, path).strip() if blob else ""
        if version == rollout.version or not (reason := objection(version)):
            return
        commit = self._last_change(tip, branch, path)
        author, when = self.git.run("show", "-s", "--format=%an%x00%cI", commit).split("\0")
        standing = Standing(version, commit, author, when)
        raise StageError(f"{path} on {branch} of {self.shown} names {standing}: {reason}")

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
            self.git.run("fetch", *options, "--no-recurse-submodules", "origin", f"+{reference}:{reference}")
        except GitFailedError as error:
            raise git_failure.failure_of(self.address, f", branch {branch}, cannot be fetched", error) from None
        return self.repo.commit(reference)

    def _tip(self, branch: str) -> str:
        """Returns the commit that a branch is at now, '' where there is no such branch."""
        try:
            return self.git.run("ls-remote", "origin", f"{HEADS}{branch}").partition("\t")[0]
        except GitFailedError as error:
            raise git_failure.failure_of(self.address, " cannot be listed", error) from None

    def _is_merged(self, proposal: str, branch: str) -> bool:
        """Returns whether branch has all of a proposal: merged before, it proposes nothing any more."""
        return bool(self.repo.is_ancestor(self._fetch(proposal, DEPTHS[-1]), self._fetch(branch, DEPTHS[-1])))

    def _last_change(self, tip: Commit, branch: str, path: str) -> str:
        """Returns the commit that made the file at path what it is at the tip.

        A clone that lacks the history takes its oldest commit for the one that made every file, so the
        history is fetched as far as it takes.
        """
        for depth in DEPTHS:
            commit = self.git.run("log", "-1", "--format=%H", tip.hexsha, "--", path)
            if commit not in self._cut_off():
                return commit
            if self._fetch(branch, depth) != tip:
                raise _OvertakenError
        return self.git.run("log", "-1", "--format=%H", tip.hexsha, "--", path)

    def _cut_off(self) -> list[str]:
        """Returns the commits whose parents were not fetched (https://git-scm.com/docs/shallow)."""
        file = Path(self.repo.git_dir) / "shallow"
        return file.read_text("ascii").split() if file.exists() else []

    def _commit(self, tip: Commit, changes: list[Change], message: str) -> str:
        files = {change.path: (change.mode, self._blob(change.content)) for change in changes}
        tree = new_tree(self.git, tip.tree.hexsha, files)
        text = self._passing("message", message.encode())
        signed = self.signature
        git = replace(self.git, environment={**self.git.environment, **signed.environment})
        commit = git.run(*signed.options, "commit-tree", *signed.arguments, tree, "-p", tip.hexsha, "-F", text)
        changed = git.run("diff-tree", "-r", "--name-only", "-z", tip.hexsha, commit).rstrip("\0").split("\0")
        expected = sorted(change.path for change in changes)
        if sorted(changed) != expected:
            raise RuntimeError(f"the commit changes {changed}, not {expected} alone")
        return commit

    def _blob(self, content: bytes) -> str:
        return self.git.run("hash-object", "-w", "--no-filters", self._passing("content", content))

    def _push(self, commit: str, branch: str, expected: str) -> None:
        """Pushes where the branch is still at the commit `expected`, or does not exist where that is ''.

        A mere fast-forward would bring back what somebody has just taken away by a forced push.
        """
        reference = f"{HEADS}{branch}"
        seconds = max(1.0, self.git.remaining() - REST_SECONDS)
        try:
            self.git.run(
                "push", f"--force-with-lease={reference}:{expected}", "origin", f"{commit}:{reference}", seconds=seconds
            )
        except GitTimeoutError as error:
            if self._tip(branch) != commit:  # a hook that runs afterwards keeps the push waiting too
                self._refused(error, commit, branch)
        except GitFailedError as error:
            # To a history without the commit that was fetched, git's answer is about the shallow clone.
            if _OVERTAKEN.search(error.stderr) or (_SHALLOW in error.stderr and self._tip(branch) != expected):
                raise _OvertakenError(error.stderr) from None
            self._refused(error, commit, branch)

    def _refused(self, error: GitFailedError, commit: str, branch: str) -> NoReturn:
        changed = self.git.run("diff-tree", "-r", "--name-only", f"{commit}^", commit).splitlines()
        what = f", branch {branch}, does not accept the push"
        raise git_failure.failure_of(self.address, what, error, self._attempt(branch, *changed)) from None

    def _read_back(self, commit: str, branch: str) -> None:
        """Raises StageError where the branch does not hold the commit: a hook on the server can take it back."""
        tip = self._fetch(branch, depth=0)
        if not self.repo.is_ancestor(self.repo.commit(commit), tip):
            where = f"branch {branch} of {self.shown}"
            raise StageError(f"the push was accepted, but {where} does not hold commit {commit}; look at its hooks")

    def _text(self, blob: Blob, path: str) -> str:
        if blob.size > MOST_BYTES:
            raise StageError(f"{path} in {self.shown} has {blob.size} bytes; it may have at most {MOST_BYTES}")
        return str(blob.data_stream.read().decode("utf-8", errors="replace"))

    def _passing(self, name: str, content: bytes) -> str:
        file = Path(self.repo.git_dir) / name
        file.write_bytes(content)
        return str(file)


def _moment(seconds: str) -> datetime:
    """Returns a commit's time; the farthest that a calendar has for one that lies beyond."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)

"""A Git repository as its objects: what a path of a commit is, and which commit touched some paths last.

Git's own plumbing is asked, and only for what is wanted: no checkout, no list of the whole tree, and no blob but
those that are read. So any repository that the installed git knows can be read, SHA-256 ones and worktrees too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from git import Git, GitCommandError

from shared.access import git_failure
from shared.access.git import check_revision, without_secret
from shared.errors import StageError, one_line
from stages.dataset.gitops.blobs import Blobs
from stages.dataset.gitops.pattern import is_plain, literal

Kind = Literal["file", "folder", "link", "submodule"]
ALL = "all"
MANY = 500  # arguments that one command takes
_KINDS: dict[str, Kind] = {"100": "file", "040": "folder", "120": "link", "160": "submodule"}
_TOLD = re.compile(r"^(?:fatal|error|warning): *(?P<says>.+(?:\n\t.+)*)$", re.MULTILINE)
_REMEDIES = (
    (r"repository extension|repo version|unknown repository", "it needs a newer git than the one that runs here"),
    (r"Permission denied", "give the user of this program the right to read it"),
)
_REMEDY = "it is damaged or incomplete: look at it with `git fsck`, and clone it anew"
_OF_THE_REMOTE = re.compile(r"promisor|could not fetch|unable to access|Could not read from remote")


@dataclass(frozen=True)
class Entry:
    """What a tree holds at a path from the repository's root; oid: of its object."""

    path: str
    kind: Kind
    oid: str


@dataclass(frozen=True)
class Repository:
    """A repository that git can open. is_partial: a passing clone, without the blobs that nobody asked for yet."""

    git: Git
    address: str
    blobs: Blobs
    is_partial: bool = False
    fetched: set[str] = field(default_factory=set)
    """Blobs that a partial clone was given; ALL where the server gives but all of them."""

    @property
    def shown(self) -> str:
        """The address without its secret."""
        return without_secret(self.address)

    @property
    def is_shallow(self) -> bool:
        """Whether a part of the history is missing."""
        return self.ask("rev-parse", "--is-shallow-repository") == "true"

    def commit(self, revision: str) -> str:
        """Returns the commit of a branch, tag or commit; of the default branch where revision is empty.

        Raises StageError where there is none, with the branches that there are, and where its object is missing.
        """
        candidates = ["HEAD"]
        if revision:
            check_revision(revision)
            # In this order: plain `rev-parse main` would take a tag of that name first.
            named = (f"refs/{place}/{revision}" for place in ("heads", "remotes/origin", "tags"))
            candidates = [*named, revision]
        for candidate in candidates:
            if found := self.known(candidate):
                return found
        raise StageError(self._without(revision))

    def known(self, revision: str) -> str:
        """Returns the commit that a revision is, '' where it is none. Raises StageError for a reference to nothing."""
        if found := self._quietly("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"):
            return found
        oid = self._quietly("rev-parse", "--verify", "--quiet", revision)
        if oid and revision.startswith(("refs/", "HEAD")):
            self._check_object(revision, oid)
        return ""

    def entry(self, commit: str, path: str) -> Entry | None:
        """Returns what a commit has at a path, None where it has nothing there."""
        return next(self.entries(commit, [path]), None)

    def entries(self, commit: str, paths: Sequence[str]) -> Iterator[Entry]:
        """Yields what a commit has at paths, none of which is below another."""
        plain = [literal(path) for path in paths if is_plain(path)]
        for start in range(0, len(plain), MANY):
            yield from list(self._entries("-z", "--full-tree", commit, "--", *plain[start : start + MANY]))

    def children(self, commit: str, folder: str) -> list[Entry]:
        """Returns what stands directly in a folder ('' for the root), by name; nothing where there is no folder."""
        found = self.entry(commit, folder) if folder else None
        if folder and (found is None or found.kind != "folder"):
            return []
        names = self._entries("-z", found.oid if found else f"{commit}^{{tree}}")
        return [Entry(f"{folder}/{each.path}".lstrip("/"), each.kind, each.oid) for each in names]

    def below(self, commit: str, folder: str) -> Iterator[Entry]:
        """Yields all but the folders below a folder ('' for all), in Git's order, one by one: a tree may be vast."""
        if folder and not is_plain(folder):
            return
        places = ["--", literal(folder)] if folder else []
        yield from self._entries("-r", "-z", "--full-tree", commit, *places)

    def fetch(self, oids: Sequence[str]) -> None:
        """Brings blobs into a partial clone in one go; without it, git would fetch them one by one."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self.fetched]
        if not (self.is_partial and wanted) or ALL in self.fetched:
            return
        options = ("--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none")
        try:
            for start in range(0, len(wanted), MANY):
                self.git.fetch(*options, "origin", *wanted[start : start + MANY])
        except GitCommandError:
            self._fetch_all()  # a server may filter, and yet serve no single object
        self.fetched.update(wanted)

    def last_change(self, commit: str, pathspecs: Sequence[str]) -> tuple[str, datetime]:
        """Returns the last commit up to `commit` that touched what the pathspecs name, and its time in UTC.

        Raises StageError for a shallow clone, and for a time that no calendar has.
        """
        if self.is_shallow:
            reason = "is a shallow clone, whose history hides the last change"
            raise StageError(f"{self.shown} {reason}: `git fetch --unshallow`")
        options = ("rev-list", "--max-count=1", "--format=%ct")
        told = self.ask(*options, commit, "--", *pathspecs) or self.ask(*options, commit)
        head, _, seconds = told.partition("\n")
        found = head.removeprefix("commit ")
        return found, self._time(found, seconds)

    def ask(self, command: str, *arguments: str) -> str:
        """Returns what a git command prints. Raises StageError, with git's reason, where it fails."""
        try:
            return str(self.git.execute(["git", command, *arguments]))
        except GitCommandError as error:
            raise self.failure(str(error.stderr)) from None

    def failure(self, stderr: str) -> StageError:
        """Returns the error for what git printed when it could not read the repository."""
        if _OF_THE_REMOTE.search(stderr):
            return git_failure.failure(self.address, " cannot be read", stderr)
        told = [found["says"].replace("\n\t", " ") for found in _TOLD.finditer(_unwrapped(stderr))]
        return self._unreadable("; ".join(dict.fromkeys(told)) or one_line(stderr) or "git gave no reason")

    def _unreadable(self, reason: str) -> StageError:
        remedy = next((told for known, told in _REMEDIES if re.search(known, reason)), _REMEDY)
        return StageError(f"the repository {self.shown} cannot be read: {without_secret(reason)[:300]}; {remedy}")

    def _check_object(self, revision: str, oid: str) -> None:
        look = ["git", "cat-file", "-t", oid]
        status, kind, stderr = self.git.execute(look, with_extended_output=True, with_exceptions=False)
        if status or kind == "commit":
            told = [found["says"] for found in _TOLD.finditer(str(stderr)) if "alternate" in found["says"]]
            reason = f"{revision} is at {oid[:8]}, whose object is missing or damaged"
            raise self._unreadable("; ".join([reason, *told[:1]]))

    def _quietly(self, command: str, *arguments: str) -> str:
        return str(self.git.execute(["git", command, *arguments], with_exceptions=False)).strip()

    def _entries(self, *arguments: str) -> Iterator[Entry]:
        """Yields what `git ls-tree -z` lists, as it lists it."""
        process = self.git.execute(["git", "ls-tree", *arguments], as_process=True)
        for line in _split(iter(lambda: process.stdout.read(1 << 16), b"")):
            about, _, path = line.partition("\t")
            mode, _, oid = about.split(" ")
            yield Entry(path, _KINDS[mode[:3]], oid)
        try:
            process.wait()
        except GitCommandError as error:
            raise self.failure(str(error.stderr)) from None

    def _fetch_all(self) -> None:
        try:
            self.git.fetch("--refetch", "--no-filter", "--no-write-fetch-head", "origin", "+refs/*:refs/*")
        except GitCommandError as error:
            raise git_failure.failure(self.address, " cannot be read", str(error.stderr)) from None
        self.fetched.add(ALL)

    def _time(self, commit: str, seconds: str) -> datetime:
        try:
            return datetime.fromtimestamp(int(seconds), UTC)
        except (ValueError, OverflowError, OSError):
            reason = f"commit {commit[:8]} of {self.shown}, the last one that touched the agent's files, has no date"
            raise StageError(f"{reason} that a calendar knows; make a new commit that touches one of them") from None

    def _without(self, revision: str) -> str:
        """Returns the sentence about a revision that does not exist."""
        listing = ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads"]
        status, listed, stderr = self.git.execute(listing, with_extended_output=True, with_exceptions=False)
        if status:
            raise self.failure(str(stderr))
        if broken := re.search(r"ignoring (broken|dangling) \S+ \S+|unable to (parse|resolve|read)[^\n]*", str(stderr)):
            raise self.failure(f"fatal: {broken[0].removeprefix('ignoring ')}")
        branches = str(listed).split("\n") if listed else []
        head = self._quietly("symbolic-ref", "--quiet", "HEAD").removeprefix("refs/heads/")
        hint = ""
        if branches and not revision and head:
            hint = f"; its default branch {head} has no commit: name another as the revision"
        known = ", ".join(branches[:10]) or "none"
        return f"the repository {self.shown} has no revision {revision or 'HEAD'}; its branches: {known}{hint}"


def _split(chunks: Iterator[bytes]) -> Iterator[str]:
    """Yields the texts that zero bytes end. What is no UTF-8 comes as half characters, which stand for the bytes."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\0")
        for each in whole:
            yield each.decode("utf-8", "surrogateescape")


def _unwrapped(stderr: str) -> str:
    return stderr.strip().removeprefix("stderr: '").removesuffix("'")  # as GitPython has it

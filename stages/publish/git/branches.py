"""The branches of the GitOps repository, asked for before anything is fetched."""

from dataclasses import dataclass

from git import Git, GitCommandError

from shared.access import git_failure
from shared.access.git import without_secret
from shared.access.git_process import BoundedGit, GitFailedError
from shared.errors import StageError

HEADS = "refs/heads/"


@dataclass(frozen=True)
class Branches:
    """The names of a repository's branches, and of its default one; '' for none."""

    repository: str
    names: tuple[str, ...]
    default: str

    @classmethod
    def of(cls, git: BoundedGit, address: str) -> "Branches":
        """Returns the branches at an address. Raises StageError, with git's reason, where it cannot be reached."""
        try:
            listed = git.run("ls-remote", "--symref", "--", address, "HEAD", f"{HEADS}*")
        except GitFailedError as error:
            raise git_failure.failure_of(address, " cannot be cloned", error) from None
        names, default = [], ""
        for line in listed.splitlines():
            value, _, reference = line.partition("\t")
            if reference.startswith(HEADS):
                names.append(reference.removeprefix(HEADS))
            elif reference == "HEAD" and value.startswith("ref: "):
                default = value.removeprefix(f"ref: {HEADS}")
        return cls(without_secret(address), tuple(names), default)

    def chosen(self, wanted: str) -> str:
        """Returns the branch of this name; the default one for ''.

        Raises StageError where there is no such branch, or where the name cannot be that of a branch.
        """
        if wanted:
            _check_name(wanted)
        if not self.names:
            raise StageError(f"the repository {self.repository} is empty; push the agents' folders first")
        name = wanted or self.default
        if name not in self.names:
            missing = f"no branch {name}" if name else "no default branch; give one by its name"
            raise StageError(
                f"the repository {self.repository} has {missing}; its branches: {', '.join(self.names[:10])}"
            )
        return name

    def check_free(self, branch: str) -> None:
        """Raises StageError where the name of a new branch is taken by a branch `x` that stands for its folder `x/`."""
        if blocking := [name for name in self.names if branch.startswith(f"{name}/")]:
            reason = f"its branch {blocking[0]} leaves no room for a branch {branch}"
            raise StageError(f"the repository {self.repository} cannot be pushed to: {reason}; rename it")


def _check_name(branch: str) -> None:
    """Raises StageError for what cannot be a branch's name (https://git-scm.com/docs/git-check-ref-format)."""
    try:
        Git().check_ref_format(f"{HEADS}{branch}")
        is_name = branch != "HEAD" and not branch.startswith(("-", "refs/"))
    except GitCommandError:
        is_name = False
    if not is_name:
        raise StageError(f"{branch!r} cannot be the name of a branch; give one as `git branch` lists it")

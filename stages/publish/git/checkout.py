"""Whether a repository in a folder is a checkout that takes no push to the branch it shows."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared.access.git_process import BoundedGit, GitFailedError
from shared.errors import StageError
from stages.publish.git.branches import HEADS

ACCEPTING = ("ignore", "warn", "false", "no", "off", "0", "updateinstead")


def check_not_checked_out(git: BoundedGit, address: str, branch: str) -> None:
    """Raises StageError where branch is checked out in a repository of this machine, or in a worktree of it.

    Git refuses a push to it, unless `receive.denyCurrentBranch` there says otherwise.
    """
    folder = _folder(address)
    if folder is None:
        return
    try:
        shown = git.run("-C", str(folder), "worktree", "list", "--porcelain").split("\n\n")
    except GitFailedError:
        return  # whoever fetches from it will hear why
    for worktree in shown:
        lines = worktree.splitlines()
        if f"branch {HEADS}{branch}" in lines and not _accepts(git, folder):
            where = lines[0].removeprefix("worktree ")
            remedy = "give a bare repository (`git clone --bare`), or check out another branch there"
            found = f"the branch {branch} is checked out in {where}, where git takes no push to it"
            raise StageError(f"{found}; {remedy}")


def _folder(address: str) -> Path | None:
    if address.startswith("file://"):
        return Path(unquote(urlsplit(address).path))
    return Path(address) if Path(address).is_dir() else None


def _accepts(git: BoundedGit, folder: Path) -> bool:
    try:
        return git.run("-C", str(folder), "config", "receive.denyCurrentBranch").lower() in ACCEPTING
    except GitFailedError:  # it is not set
        return False

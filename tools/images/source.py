"""What a stage's image is made of: which files of the repository, of which commit, and whether they changed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from git import Repo
from git.exc import GitCommandError, InvalidGitRepositoryError

from shared.contract import STAGES
from shared.errors import StageError, one_line

ROOT = Path(__file__).resolve().parents[2]
MODIFIED = "-modified"
# .dockerignore keeps these out of every image.
_LEFT_OUT = (":(exclude,glob)**/tests/**", ":(exclude,glob)**/*.md")


@dataclass(frozen=True)
class Revision:
    """The last commit that touched what is in an image, and whether the work tree differs from it there."""

    commit: str
    committed: datetime
    is_modified: bool

    def __str__(self) -> str:
        return self.commit + (MODIFIED if self.is_modified else "")


def revision(stage: str) -> Revision:
    """Returns the revision that an image of the stage would be built from now.

    Raises StageError where there is no Git repository, or only a part of its history.
    """
    repository, paths = _repository(), [*_copied(stage), *_LEFT_OUT]
    last = repository.git.log("-1", "--format=%H %ct", "--", *paths).split()
    if not last:
        raise StageError(f"{stage} is in no commit yet; an image is labelled with the commit it is built from")
    changes = repository.git.status("--porcelain", "--untracked-files=all", "--", *paths)
    return Revision(last[0], datetime.fromtimestamp(int(last[1]), UTC), bool(changes))


def changed(stage: str, since: str) -> list[str]:
    """Returns the files that the stage's image uses and that differ from a commit, committed or not.

    Of `shared` only the modules count that the stage imports. Raises StageError where the commit is unknown.
    """
    repository = _repository()
    shared = [f"shared/{name.replace('.', '/')}.py" for name in shared_modules(stage)]
    paths = [*(path for path in _copied(stage) if path != "shared"), *shared, *_LEFT_OUT]
    known = repository.git.diff("--name-only", commit(since), "--", *paths).splitlines()
    new = repository.git.ls_files("--others", "--exclude-standard", "--", *paths).splitlines()
    return sorted({*known, *new})


def commit(name: str) -> str:
    """Returns the full hash of a commit. Raises StageError where this clone does not know it."""
    repository = _repository()
    if not name:
        raise StageError("no revision is given to compare with; name a commit, a tag or a branch: SINCE=main")
    try:
        return str(repository.git.rev_parse("--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"))
    except GitCommandError:
        remedy = "fetch it, or name another; CI needs the whole history (fetch-depth: 0)"
        raise StageError(f"{name!r} is no commit that this clone knows; {remedy}") from None


def shared_modules(stage: str) -> list[str]:
    """Returns the modules of `shared` that a stage imports, directly or through another of them: `access.git`."""
    found: set[str] = set()
    folder = ROOT / "stages" / stage
    waiting = [path for path in folder.rglob("*.py") if "tests" not in path.relative_to(folder).parts]
    while waiting:
        for name in set(_shared_imports(waiting.pop())) - found:
            found.add(name)
            waiting.append(_shared_module(name))
    return sorted(found)


def check_stage(stage: str) -> None:
    """Raises StageError for a stage that does not exist."""
    if stage not in STAGES:
        raise StageError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}")


def _shared_imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in (name.removeprefix("shared.") for name in names if name.startswith("shared.")):
            # The last part is a module, or what is taken from the module before it.
            yield from (known for known in (name, name.rpartition(".")[0]) if known and _shared_module(known).exists())


def _shared_module(name: str) -> Path:
    return ROOT / "shared" / f"{name.replace('.', '/')}.py"


def _copied(stage: str) -> list[str]:
    """Returns the Dockerfile's path and those that it copies from the repository."""
    check_stage(stage)
    file = ROOT / "stages" / stage / "Dockerfile"
    lines = [line.split() for line in file.read_text("utf-8").splitlines()]
    copies = [words[1:-1] for words in lines if words[:1] == ["COPY"] and not words[1].startswith("--from=")]
    return [file.relative_to(ROOT).as_posix(), *(source for sources in copies for source in sources)]


def _repository() -> Repo:
    """Returns the repository with its whole history: in a part of it, every path seems to be of the oldest commit."""
    try:
        repository = Repo(ROOT)
        is_shallow = repository.git.rev_parse("--is-shallow-repository") == "true"
    except InvalidGitRepositoryError:
        raise StageError(f"{ROOT} is no Git repository; images and versions need its history, so clone it") from None
    except GitCommandError as error:
        raise StageError(f"Git cannot read {ROOT}: {one_line(str(error.stderr))}") from None
    if is_shallow:
        raise StageError(f"{ROOT} holds a part of its history only; `git fetch --unshallow` fetches the rest")
    return repository

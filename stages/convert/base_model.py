"""The base model that was asked for: a local folder, or a model on the hub."""

from dataclasses import dataclass
from pathlib import Path

from shared.errors import StageError
from stages.convert.contract import HF_ENDPOINT, HF_TOKEN
from stages.convert.hub import download
from stages.convert.source import check_content, check_names, digests, file_names, revision_of


@dataclass(frozen=True)
class Base:
    """A base model's files, checked: what it is called, which revision it is, and the sha256 of each source file."""

    folder: Path
    name: str
    revision: str
    files: dict[str, str]


def find_base(model: str, revision: str, work: Path) -> Base:
    """Returns the base model; one from the hub is fetched to work.

    Raises StageError where there is no such model, or it is not one that can be converted.
    """
    if is_folder(model):
        return _local(Path(model).expanduser(), revision)
    folder = work / "source"
    commit = download(model, revision, HF_TOKEN.read(), HF_ENDPOINT.read(), folder)
    check_content(model, folder)
    return Base(folder, model, commit, digests(folder))


def is_folder(model: str) -> bool:
    """Returns whether a model's name means a local folder: it looks like a path, or there is one of that name."""
    return model.startswith(("/", ".", "~")) or Path(model).exists()


def _local(folder: Path, revision: str) -> Base:
    if not folder.is_dir():
        raise StageError(f"the base model {folder} does not exist or is no folder; check model_name")
    # Only the name, so that the results are the same wherever the folder lies.
    name = folder.resolve().name
    if revision:
        raise StageError(f"model_revision is {revision!r}, but {name} is a local folder; leave model_revision empty")
    check_names(name, file_names(folder))
    check_content(name, folder)
    files = digests(folder)
    return Base(folder, name, revision_of(files), files)

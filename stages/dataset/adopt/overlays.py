"""The kustomize overlays of an agent: folders that build on another one, and that nothing else builds on."""

import posixpath
from collections.abc import Collection, Iterator, Mapping

from shared.agent_config.overlays import check_overlay
from shared.errors import StageError
from stages.dataset.adopt.texts import Repository

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_BUILT_ON = ("resources", "bases", "components")


def overlays(repository: Repository, files: Collection[str]) -> list[str]:
    """Returns the overlays below the agent's folder, relative to it. files: those that name its model.

    One that reaches none of these is left out.
    """
    named = {folder: list(_named(repository, path)) for path, folder in _kustomizations(repository).items()}
    built_on = {path for folder, paths in named.items() for path in paths if path != folder}
    tops = [
        folder for folder, paths in named.items() if folder not in built_on and any(path in named for path in paths)
    ]
    return sorted(folder for folder in tops if _reaches(folder, named, files) and _is_one(folder))


def _kustomizations(repository: Repository) -> Mapping[str, str]:
    """Returns the folder, relative to the agent's, of each kustomization by its path."""
    prefix = f"{repository.folder}/"
    found = [path for path in repository.own(*_NAMES) if path.startswith(prefix) and posixpath.basename(path) in _NAMES]
    return {path: posixpath.dirname(path.removeprefix(prefix)) for path in found}


def _named(repository: Repository, path: str) -> Iterator[str]:
    """Yields what a kustomization builds on, and itself, relative to the agent's folder."""
    own = path.removeprefix(f"{repository.folder}/")
    yield own
    for document in repository.documents(path):
        data = document.data if isinstance(document.data, Mapping) else {}
        patches = data.get("patches") or []
        entries = [entry for key in _BUILT_ON for entry in data.get(key) or []]
        entries += [patch.get("path") for patch in patches if isinstance(patch, Mapping)]
        for entry in entries:
            if isinstance(entry, str):
                yield posixpath.normpath(posixpath.join(posixpath.dirname(own), entry))


def _reaches(folder: str, named: Mapping[str, list[str]], files: Collection[str]) -> bool:
    waiting, seen = [folder], set[str]()
    while waiting:
        path = waiting.pop()
        if path in files:
            return True
        if path not in seen:
            seen.add(path)
            waiting += named.get(path, ())
    return False


def _is_one(folder: str) -> bool:
    try:
        check_overlay(folder)
    except StageError:
        return False
    return True

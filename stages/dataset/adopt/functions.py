"""Every function that a repository tells of, each with its Python source where that is known."""

import re
from ast import Module
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from stages.dataset.adopt.drafted import Drafted, merged, normal
from stages.dataset.adopt.sources import annotations, python_source
from stages.dataset.adopt.sources.annotations import Called
from stages.dataset.adopt.sources.declarations import Declared, declarations
from stages.dataset.adopt.sources.openapi import operations
from stages.dataset.adopt.texts import Repository

_MAYBE = re.compile(r"function|tool|parameters|schema|openapi", re.IGNORECASE)  # in what declares a function
_DOCUMENTS = (".yaml", ".yml", ".json")


def find_functions(repository: Repository, called: Called, pattern: re.Pattern[str]) -> list[Drafted]:
    """Returns the functions whose names fit the pattern, by name: the agent's own, and all that a rule calls."""
    declared = list(_declared(repository, repository.own(*_DOCUMENTS)))
    missing = {name for name in called.functions() if all(normal(name) != normal(each.draft.name) for each in declared)}
    declared += _elsewhere(repository, missing)
    sources = {path: tree for path in repository.own(".py") if (tree := python_source.parsed(repository.text(path)))}
    found = [
        *(each.draft for each in declared),
        *annotations.drafts(called),
        *(draft for path, tree in sources.items() for draft in python_source.tools_in(tree, path)),
    ]
    found += _operations(repository)
    code = _Code(declared, sources)
    found += [Drafted(name, "Python source") for name in code.handlers({draft.name for draft in found})]
    found += [part for draft in merged(found) for part in code.of(draft.name)]
    return [draft for draft in merged(found) if pattern.fullmatch(draft.name)]


def _declared(repository: Repository, paths: Iterable[str]) -> Iterator[Declared]:
    for path in paths:
        if _MAYBE.search(repository.raw(path)):
            for document in repository.documents(path):
                yield from declarations(document)


def _elsewhere(repository: Repository, names: set[str]) -> Iterator[Declared]:
    """Yields the declarations of functions that rules call, of folders that are no agent's."""
    if names:
        texts = ((path, repository.raw(path)) for path in repository.shared(*_DOCUMENTS))
        paths = [path for path, text in texts if _MAYBE.search(text) and any(name in text for name in names)]
        yield from (each for each in _declared(repository, paths) if each.draft.name in names)


def _operations(repository: Repository) -> Iterator[Drafted]:
    for path in repository.own(*_DOCUMENTS):
        if "openapi" in repository.raw(path):
            for document in repository.documents(path):
                yield from operations(document)


class _Code:
    """The Python sources, by the names of the functions whose they are."""

    def __init__(self, declared: Sequence[Declared], sources: dict[str, Module]) -> None:
        self.declared = declared
        self.sources = sources

    def handlers(self, known: set[str]) -> list[str]:
        """Returns the names of sources that a platform calls and that nothing else declares."""
        taken = {normal(name) for name in known}
        found: dict[str, str] = {}
        for path, tree in self.sources.items():
            for name in python_source.file_names(path):
                if name not in taken and python_source.is_handler(tree) and self._is_function(path, tree, name):
                    file = PurePosixPath(path)
                    found[name] = file.stem if normal(file.stem) == name else file.parent.name
        return sorted(found.values())

    def _is_function(self, path: str, tree: Module, name: str) -> bool:
        """Returns whether a source is a function's and not a program's: by its folder, or by a command that it runs."""
        draft = python_source.handler_in(tree, name, path)
        return "function" in path.rpartition("/")[0].lower() or (draft is not None and bool(draft.forms))

    def of(self, name: str) -> Iterator[Drafted]:
        """Yields what a function's sources tell: the code in its manifest, files that this names, files of its name."""
        for each in self.declared:
            if normal(each.draft.name) == normal(name):
                yield from self._inline(each, name)
                for path in (path for pointer in each.pointers for path in self._named(pointer)):
                    yield from self._file(path, name, is_sure=True)
        for path in self.sources:
            yield from self._file(path, name, is_sure=normal(name) in python_source.file_names(path))

    def _inline(self, declared: Declared, name: str) -> Iterator[Drafted]:
        for text in declared.code:
            tree = python_source.parsed(text)
            draft = python_source.handler_in(tree, name, declared.draft.places[0]) if tree else None
            if draft:
                # The lines are those of the code, not of the file.
                yield replace(draft, forms=tuple(replace(form, place=draft.places[0]) for form in draft.forms))

    def _file(self, path: str, name: str, is_sure: bool) -> Iterator[Drafted]:
        tree = self.sources[path]
        is_there = is_sure or any(normal(getattr(node, "name", "")) == normal(name) for node in tree.body)
        if is_there and (draft := python_source.handler_in(tree, name, path, is_sure=is_sure)):
            yield draft

    def _named(self, pointer: str) -> list[str]:
        """Returns the files that share most of their path's end with a pointer; none where a general name is all."""
        parts = PurePosixPath(pointer).parts[::-1]
        shared = {path: _same(parts, PurePosixPath(path).parts[::-1]) for path in self.sources}
        most = max(shared.values(), default=0)
        found = [path for path, count in shared.items() if count == most]
        is_general = most < 2 and (len(found) > 1 or python_source.is_general(PurePosixPath(pointer).stem))
        return [] if most == 0 or is_general else found


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for mine, its in zip(one, other, strict=False):
        if mine != its:
            break
        count += 1
    return count

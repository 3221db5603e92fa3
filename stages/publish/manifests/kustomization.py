"""The files of a repository that kustomize reads for an overlay: its own, and those of the bases that it names.

They are looked up before kustomize runs. What is not in the repository, such as a base at an address, is told with its
line, and kustomize never gets to fetch it.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.errors import StageError
from stages.publish.git.yaml_search import YamlFile
from stages.publish.manifests.scalars import scalars
from stages.publish.manifests.tree import FILE, FOLDER, RepositoryTree

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAX_FILES, MAX_BYTES = 2_000, 32 << 20
# https://kubectl.docs.kubernetes.io/references/kustomize/kustomization
_PLUGINS = ("generators", "transformers", "validators")
_LISTS = ("resources", "bases", "components", "crds", "configurations", "patchesStrategicMerge", *_PLUGINS)
_WITH_PATH = ("patches", "patchesJson6902", "replacements", "openapi")
_GENERATORS = ("configMapGenerator", "secretGenerator")
_CHARTS = ("helmCharts", "helmChartInflationGenerator")
# An entry that is the patch, or the plugin's configuration, itself.
_INLINE = re.compile(r"\n|\A\{|: ")
_REMOTE = re.compile(
    r"\w+://|\w+::|[\w.-]+@[\w.-]+:|(?:www\.)?(?:github|gitlab|bitbucket)\.\w+[/:]|.*[?&]ref=|.*\.git(?:/|$)"
)


@dataclass(frozen=True)
class Reference:
    """A path that a kustomization names, and the line. is_plugin: what it leads to may name further files itself."""

    path: str
    line: int
    is_plugin: bool = False


@dataclass
class Overlay:
    """The files that an overlay is made of, by their paths in the repository: those nearest to it first."""

    tree: RepositoryTree
    folder: str
    files: dict[str, bytes] = field(default_factory=dict)
    _waiting: list[str] = field(default_factory=list)
    _folders: set[str] = field(default_factory=set)
    _size: int = 0

    @classmethod
    def of(cls, tree: RepositoryTree, folder: str) -> "Overlay":
        """Returns the overlay in a folder.

        Raises StageError, naming file and line, where it names what is not in the repository, is no YAML, or is too
        large.
        """
        overlay = cls(tree, folder)
        place, kind = tree.first_that_is_no_folder(folder)
        if kind != FOLDER:
            raise StageError(f"{place} is {kind or 'missing'}; deploy.overlays must name folders with a {NAMES[0]}")
        overlay._waiting.append(folder)
        while overlay._waiting:
            overlay._read_folder(overlay._waiting.pop(0))
        return overlay

    def _read_folder(self, folder: str) -> None:
        if folder in self._folders:
            return
        self._folders.add(folder)
        paths = [path for name in NAMES if self.tree.kind(path := posixpath.join(folder, name)) == FILE]
        if not paths:
            raise StageError(f"{folder or 'the repository'} has no {NAMES[0]}; name folders that have one")
        for path in paths:
            file = YamlFile(self._add(path).decode("utf-8", "replace"), path)
            for root in file.documents():
                for reference in _references(file, root):
                    self._follow(folder, path, reference)

    def _follow(self, folder: str, file: str, reference: Reference) -> None:
        path = posixpath.normpath(posixpath.join(folder, reference.path))
        path = "" if path == "." else path
        where = f"{file}, line {reference.line}: {reference.path}"
        if path.startswith(("..", "/")):
            raise StageError(f"{where} leads out of the repository; keep what is rendered within it")
        place, kind = self.tree.first_that_is_no_folder(path)
        if kind == FOLDER:
            self._waiting.append(path)
        elif kind == FILE and place == path:
            self._add(path)
            if reference.is_plugin:
                self._follow_plugin(folder, path)
        elif kind not in (None, FILE):
            raise StageError(f"{where} leads to {kind}, {place}, which is not followed; put files in its place")
        elif _REMOTE.match(reference.path):
            raise StageError(
                f"{where} is not in the repository, and nothing is fetched; put a copy into the repository"
            )
        else:
            raise StageError(f"{where} is missing: there is no {path} in the repository; correct it")

    def _follow_plugin(self, folder: str, path: str) -> None:
        """Adds the files that the configuration of a built-in generator or transformer names, from the folder."""
        for value in scalars(YamlFile(self.files[path].decode("utf-8", "replace"), path)):
            named = value.text.rpartition("=")[2] or "?"
            found = posixpath.normpath(posixpath.join(folder, named))
            if re.match(r"https?://", named):
                self._follow(folder, path, Reference(named, value.line))
            elif "\n" not in named and not found.startswith(("..", "/")) and self.tree.kind(found) == FILE:
                self._add(found)

    def _add(self, path: str) -> bytes:
        if path in self.files:
            return self.files[path]
        self._size += self.tree.size(path)
        if self._size > MAX_BYTES or len(self.files) >= MAX_FILES:
            most = f"{MAX_FILES} files or {MAX_BYTES >> 20} MiB"
            raise StageError(f"{self.folder} is made of more than {most}; name a smaller overlay")
        self.files[path] = self.tree.read(path)
        return self.files[path]


def _references(file: YamlFile, root: Node) -> Iterator[Reference]:
    """Yields what a kustomization names. Raises StageError for a chart: it would be fetched."""
    for key, value in _entries(root).items():
        if key in _CHARTS:
            raise file.problem(value, f"{key} has a Helm chart, which is not rendered here; name another overlay")
        if key in _LISTS:
            yield from _paths(file, _items(value), key in _PLUGINS)
        elif key in _WITH_PATH:
            yield from _paths(file, [_entries(item).get("path", item) for item in _items(value)])
        elif key in _GENERATORS:
            for item in map(_entries, _items(value)):
                yield from _paths(
                    file, [each for name in ("envs", "env") if name in item for each in _items(item[name])]
                )
                for named in _paths(file, _items(item["files"]) if "files" in item else []):
                    yield replace(named, path=named.path.partition("=")[2] or named.path)  # key=path


def _paths(file: YamlFile, nodes: list[Node], is_plugin: bool = False) -> Iterator[Reference]:
    for node in nodes:
        text = str(node.value).strip() if isinstance(node, ScalarNode) else ""
        if text and not _INLINE.search(text):
            yield Reference(text, file.line(node.start_mark.line), is_plugin)
        elif is_plugin and (found := re.search(r"https?://\S+", text)):
            yield Reference(found[0], file.line(node.start_mark.line))


def _items(node: Node) -> list[Node]:
    return list(node.value) if isinstance(node, SequenceNode) else [node]


def _entries(node: Node) -> Mapping[str, Node]:
    pairs = node.value if isinstance(node, MappingNode) else []
    return {str(key.value): value for key, value in pairs if isinstance(key, ScalarNode)}

"""Where in a YAML file a field stands: found in the composed nodes, told with its line where it is not."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.agent_config import field_path
from shared.agent_config.field_path import Choice, Index, Key, Step
from shared.errors import StageError, nearest

MAX_CHARACTERS = 1 << 18
MAX_DEPTH = 100  # the parser takes quadratic time beyond


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns the parser's errors into StageErrors that name the file and the line."""
    try:
        yield
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise StageError(f"{name}{line} is not valid YAML: {error.problem}") from None
    except (YAMLError, ValueError, RecursionError, AttributeError, TypeError, LookupError):
        # ruamel.yaml lets these through for odd tags and characters.
        raise StageError(f"{name} is not valid YAML") from None


@dataclass(frozen=True)
class YamlFile:
    """A YAML file: its text and the name that errors call it by."""

    text: str
    name: str

    def events(self) -> list[Event]:
        """Returns the file's parser events. Raises StageError for what is not YAML, or too large to be read."""
        if len(self.text) > MAX_CHARACTERS:
            raise StageError(f"{self.name} has more than {MAX_CHARACTERS} characters; keep the field in a smaller file")
        with _explained(self.name):
            return list(self._flat_enough(YAML(typ="base", pure=True).parse(self.text)))

    def documents(self) -> list[Node]:
        """Returns the root node of each document that holds anything. Raises StageError as `events` does."""
        self.events()
        with _explained(self.name):
            return [node for node in YAML(typ="base", pure=True).compose_all(self.text) if node is not None]

    def _flat_enough(self, events: Iterable[Event]) -> Iterable[Event]:
        depth = 0
        for event in events:
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise self.problem(event, f"nests deeper than {MAX_DEPTH}")
            yield event

    def problem(self, place: Event | Node, what: str) -> StageError:
        """Returns the error for what stands at a place."""
        start, line = place.start_mark, place.start_mark.line + 1
        if start.index == place.end_mark.index:  # nothing stands there; the parser has the place of what follows
            line = len(self.text[: start.index].rstrip().splitlines())
        return StageError(f"{self.name}, line {line}: {what}")


@dataclass(frozen=True)
class _Missing:
    """Why a document has no such field, and how many steps of the path it has."""

    found: int
    error: StageError


def find_scalar(file: YamlFile, path: str) -> ScalarNode:
    """Returns the one scalar at a path.

    Raises StageError, naming file, line and remedy, where no document has it (with the nearest key), or
    several do, where it is no scalar, or where others in the file would change with it.
    """
    steps = field_path.parse(path)
    shared_names = {event.anchor for event in file.events() if isinstance(event, AliasEvent)}
    results = [_Search(file, path, shared_names).follow(root, steps) for root in file.documents()]
    found = [result for result in results if isinstance(result, Node)]
    missing = [result for result in results if isinstance(result, _Missing)]
    if len(found) > 1:
        lines = " and ".join(str(node.start_mark.line + 1) for node in found)
        raise file.problem(found[0], f"{path} stands in several documents (lines {lines}); give each a file of its own")
    if not found and missing:
        raise max(missing, key=lambda one: one.found).error
    if not found:
        raise StageError(f"{file.name} holds nothing, so it has no {path}")
    if not isinstance(found[0], ScalarNode):
        kind = "a list" if isinstance(found[0], SequenceNode) else "keys and values"
        raise file.problem(found[0], f"{path} holds {kind}; name a field that holds a single value")
    return found[0]


@dataclass(frozen=True)
class _Search:
    """The way from a document's root along a path."""

    file: YamlFile
    path: str
    shared: set[str]

    def follow(self, root: Node, steps: Sequence[Step]) -> Node | _Missing:
        node = root
        for number, step in enumerate(steps):
            self._check_own(node)
            candidates = self._candidates(node, step)
            if len(candidates) > 1:
                where = f"{self._shown(steps, number + 1)} stands here more than once"
                raise self.file.problem(candidates[1], f"{where}; leave one, or choose it by another key")
            if not candidates:
                return _Missing(number, self._missing(node, steps, number))
            node = candidates[0]
        self._check_own(node)
        return node

    def _check_own(self, node: Node) -> None:
        if node.anchor in self.shared:
            what = f"{self.path} leads through &{node.anchor}, which *{node.anchor} repeats elsewhere"
            raise self.file.problem(node, f"{what}; write the value out in both places")

    def _candidates(self, node: Node, step: Step) -> list[Node]:
        if isinstance(step, Key):
            return [value for key, value in _pairs(node) if _is(key, step.name)]
        items = list(node.value) if isinstance(node, SequenceNode) else []
        if isinstance(step, Index):
            return items[step.number : step.number + 1]
        return [item for item in items if any(_is(value, step.value) for value in _under(item, step.name))]

    def _missing(self, node: Node, steps: Sequence[Step], number: int) -> StageError:
        step, place = steps[number], self._shown(steps, number) or "the document"
        if isinstance(node, ScalarNode):
            return self.file.problem(node, f"{place} is a single value, and has no {step}")
        if isinstance(step, Key) and isinstance(node, SequenceNode):
            return self.file.problem(node, f"{place} is a list; choose an item of it, such as [name=…] or [0]")
        if not isinstance(step, Key) and isinstance(node, MappingNode):
            return self.file.problem(node, f"{place} is no list, and has no {step}")
        if isinstance(step, Index):
            return self.file.problem(
                node, f"{place} has no {step}; its first item is [0], and it has {len(node.value)}"
            )
        return self.file.problem(node, f"{place} has no {step}; {_nearest(node, step)}")

    def _shown(self, steps: Sequence[Step], count: int) -> str:
        return field_path.written(tuple(steps[:count]))


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    return list(node.value) if isinstance(node, MappingNode) else []


def _under(node: Node, name: str) -> list[Node]:
    return [value for key, value in _pairs(node) if _is(key, name)]


def _is(node: Node, text: str) -> bool:
    return isinstance(node, ScalarNode) and node.value == text


def _nearest(node: Node, step: Key | Choice) -> str:
    """Returns the nearest key, or item, that the node does have."""
    if isinstance(step, Key):
        wanted, keys = step.name, [key for key, _ in _pairs(node)]
    else:
        wanted, keys = step.value, [value for item in node.value for value in _under(item, step.name)]
    known = [str(key.value) for key in keys if isinstance(key, ScalarNode)]
    return nearest(wanted, known, most=10)

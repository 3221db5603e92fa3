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


@dataclass(frozen=True)
class YamlFile:
    """A YAML file: its text and the name that errors call it by.

    Of a text within a file: `lines` has the file's line of each of its own, `place` the path that it stands at.
    """

    text: str
    name: str
    lines: tuple[int, ...] = ()
    place: str = ""

    def events(self) -> list[Event]:
        """Returns the file's parser events. Raises StageError for what is not YAML, or too large to be read."""
        if len(self.text) > MAX_CHARACTERS:
            raise StageError(f"{self.name} has more than {MAX_CHARACTERS} characters; keep the field in a smaller file")
        with self._explained():
            return list(self._flat_enough(YAML(typ="base", pure=True).parse(self.text)))

    def documents(self) -> list[Node]:
        """Returns the root node of each document that holds anything. Raises StageError as `events` does."""
        self.events()
        with self._explained():
            return [node for node in YAML(typ="base", pure=True).compose_all(self.text) if node is not None]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns the parser's errors into StageErrors that name the file and the line."""
        what = f" the text at {self.place}" if self.place else ""
        try:
            yield
        except MarkedYAMLError as error:
            line = f", line {self.line(error.problem_mark.line)}" if error.problem_mark else ""
            raise StageError(f"{self.name}{line}{what and ':'}{what} is not valid YAML: {error.problem}") from None
        except (YAMLError, ValueError, RecursionError, AttributeError, TypeError, LookupError):
            # ruamel.yaml lets these through for odd tags and characters.
            raise StageError(f"{self.name}{what and ':'}{what} is not valid YAML") from None

    def line(self, number: int) -> int:
        """Returns the file's line, from 1, of a line of the text, from 0."""
        return self.lines[min(number, len(self.lines) - 1)] if self.lines else number + 1

    def shown(self, steps: Sequence[Step]) -> str:
        """Returns the path of steps in the text, from the file's own root."""
        return (
            field_path.written(tuple(steps)) if not self.place else f"{self.place} | {field_path.written(tuple(steps))}"
        )

    def _flat_enough(self, events: Iterable[Event]) -> Iterable[Event]:
        depth = 0
        for event in events:
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise self.problem(event, f"nests deeper than {MAX_DEPTH}")
            yield event

    def problem(self, place: Event | Node, what: str) -> StageError:
        """Returns the error for what stands at a place."""
        start, line = place.start_mark, place.start_mark.line
        if start.index == place.end_mark.index:  # nothing stands there; the parser has the place of what follows
            line = max(0, len(self.text[: start.index].rstrip().splitlines()) - 1)
        return StageError(f"{self.name}, line {self.line(line)}: {what}")


@dataclass(frozen=True)
class _Missing:
    """Why a document has no such field, and how many steps of the path it has."""

    found: int
    error: StageError


def find_scalar(file: YamlFile, steps: Sequence[Step]) -> ScalarNode:
    """Returns the one scalar at the steps of a path.

    Raises StageError, naming file, line and remedy, where no document has it (with the nearest key), or
    several do, where it is no scalar, or where others in the file would change with it.
    """
    path = file.shown(steps)
    shared_names = {event.anchor for event in file.events() if isinstance(event, AliasEvent)}
    results = [_Search(file, path, shared_names).follow(root, steps) for root in file.documents()]
    found = [result for result in results if isinstance(result, Node)]
    missing = [result for result in results if isinstance(result, _Missing)]
    if len(found) > 1:
        lines = " and ".join(str(file.line(node.start_mark.line)) for node in found)
        raise file.problem(found[0], f"{path} stands in several documents (lines {lines}); give each a file of its own")
    if not found and missing:
        raise max(missing, key=lambda one: one.found).error
    if not found:
        where = f"the text at {file.place} in {file.name}" if file.place else file.name
        raise StageError(f"{where} holds nothing, so it has no {path}")
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
        if isinstance(step, Choice):
            return [item for item in items if any(_is(value, step.value) for value in _under(item, step))]
        return []

    def _missing(self, node: Node, steps: Sequence[Step], number: int) -> StageError:
        step, place = steps[number], self._shown(steps, number)
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
        whole = f"the text at {self.file.place}" if self.file.place else "the document"
        return self.file.shown(steps[:count]) if count else whole


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    return list(node.value) if isinstance(node, MappingNode) else []


def _under(node: Node, choice: Choice) -> list[Node]:
    found = [node]
    for name in (*choice.under, choice.name):
        found = [value for each in found for key, value in _pairs(each) if _is(key, name)]
    return found


def _is(node: Node, text: str) -> bool:
    return isinstance(node, ScalarNode) and node.value == text


def _nearest(node: Node, step: Step) -> str:
    """Returns the nearest key, or item, that the node does have."""
    wanted, keys = str(step), [key for key, _ in _pairs(node)]
    if isinstance(step, Key):
        wanted = step.name
    elif isinstance(step, Choice):
        wanted, keys = step.value, [value for item in node.value for value in _under(item, step)]
    known = [str(key.value) for key in keys if isinstance(key, ScalarNode)]
    return nearest(wanted, known, most=10)

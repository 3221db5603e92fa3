"""YAML as nodes with their lines, read by libyaml: a file may be long, deep, full of aliases, or no YAML at all."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import yaml  # type: ignore[import-untyped]

MAX_DEPTH = 200
MAX_ENTRIES = 64  # of one mapping with all that is merged into it, where each of them is looked at


class NoYamlError(Exception):
    """A text is no YAML; line: where, from 1, as far as that is known."""

    def __init__(self, line: int | None) -> None:
        super().__init__("no YAML")
        self.line = line


@dataclass(eq=False, slots=True)
class Scalar:
    """A single value as text; line: from 0. is_block: it begins on the line behind, as after `|`."""

    text: str
    line: int
    is_block: bool = False


@dataclass(eq=False, slots=True)
class Listed:
    """A sequence."""

    line: int
    items: list["Node"] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Mapping:
    """Values by their keys. merged: the mappings that `<<` names, each once, the first of which wins."""

    line: int
    own: dict[str, "Node"] = field(default_factory=dict)
    merged: list["Mapping"] = field(default_factory=list)

    def get(self, key: str) -> "Node | None":
        """Returns the value of a key: its own, else a merged one. What those merge in turn is not looked at."""
        return next((known.own[key] for known in (self, *self.merged) if key in known.own), None)

    def entries(self) -> Iterator[tuple[str, "Node"]]:
        """Yields keys and values, its own first; no more than MAX_ENTRIES, as many mappings may merge a long one."""
        seen: set[str] = set()
        for key, value in islice(chain(*(known.own.items() for known in (self, *self.merged))), MAX_ENTRIES):
            if key not in seen:
                seen.add(key)
                yield key, value


Node = Scalar | Listed | Mapping


def documents(text: str) -> list[Node]:
    """Returns the documents of a text. Raises NoYamlError for what is no YAML, or nests deeper than MAX_DEPTH."""
    composer = _Composer()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            composer.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NoYamlError(mark.line + 1 if mark else None) from None
    except ValueError:  # half a character of two
        raise NoYamlError(None) from None
    return composer.documents


def walk(root: Node) -> Iterator[Mapping | Scalar]:
    """Yields every mapping and every value, each once, in the order of the text; without recursion."""
    waiting: list[Node] = [root]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue  # an alias
        seen.add(id(node))
        if isinstance(node, Listed):
            waiting += reversed(node.items)
            continue
        yield node
        if isinstance(node, Mapping):
            waiting += reversed([*node.own.values(), *node.merged])


class _Composer:
    """Nodes out of libyaml's events: its own composer recurses, and so would end the process at a deep file."""

    def __init__(self) -> None:
        self.documents: list[Node] = []
        self._open: list[tuple[Listed | Mapping, list[str]]] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._add(event, Scalar(event.value, event.start_mark.line, event.style in ("|", ">")))
        elif isinstance(event, yaml.MappingStartEvent):
            self._enter(event, Mapping(event.start_mark.line))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._enter(event, Listed(event.start_mark.line))
        elif isinstance(event, yaml.CollectionEndEvent):
            node, _ = self._open.pop()
            self._place(node)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise NoYamlError(event.start_mark.line + 1)
            self._place(self._anchors[event.anchor])
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors = {}

    def _add(self, event: Any, node: Scalar) -> None:
        if event.anchor:
            self._anchors[event.anchor] = node
        self._place(node)

    def _enter(self, event: Any, node: Listed | Mapping) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise NoYamlError(event.start_mark.line + 1)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._open.append((node, []))

    def _place(self, node: Node) -> None:
        """Puts a finished node where it belongs: a mapping gets its keys and its values in turn."""
        if not self._open:
            self.documents.append(node)
            return
        parent, keys = self._open[-1]
        if isinstance(parent, Listed):
            parent.items.append(node)
        elif not keys:
            keys.append(node.text if isinstance(node, Scalar) else "")
        elif (key := keys.pop()) == "<<":
            others = node.items if isinstance(node, Listed) else [node]
            parent.merged += dict.fromkeys(each for each in others if isinstance(each, Mapping))
        else:
            parent.own[key] = node

"""The scalars of a YAML file with their paths and lines, those in texts that are YAML themselves among them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.agent_config.field_path import Choice, Index, Inside, Key, Step
from shared.errors import StageError
from stages.publish.git.yaml_search import YamlFile
from stages.publish.git.yaml_text import TextInFile

MAX_TEXTS = 4  # a text in a text in a text
_BRACKET = re.compile(r"\s*[\[{]")  # what JSON begins with


@dataclass(frozen=True)
class Scalar:
    """A single value in a file: the steps of the path to it, its text, and its line from 1."""

    steps: tuple[Step, ...]
    text: str
    line: int

    @property
    def key(self) -> str:
        """The last key of its path, '' where there is none."""
        return next((step.name for step in reversed(self.steps) if isinstance(step, Key)), "")


def scalars(file: YamlFile) -> Iterator[Scalar]:
    """Yields every scalar. Raises StageError where the file is no YAML."""
    for root in file.documents():
        yield from _below(file, root)


def _below(file: YamlFile, root: Node, before: tuple[Step, ...] = ()) -> Iterator[Scalar]:
    waiting: list[tuple[tuple[Step, ...], Node]] = [(before, root)]
    seen: set[int] = set()  # what an alias repeats is one node: it is told once
    while waiting:
        steps, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            yield from _of_scalar(file, node, steps)
        else:
            waiting += reversed([((*steps, step), inner) for step, inner in _inner(node)])


def _of_scalar(file: YamlFile, node: ScalarNode, steps: tuple[Step, ...]) -> Iterator[Scalar]:
    yield Scalar(steps, str(node.value), file.line(node.start_mark.line))
    is_block = node.style in ("|", ">") or "\n" in node.value
    if sum(isinstance(step, Inside) for step in steps) >= MAX_TEXTS or not (is_block or _BRACKET.match(node.value)):
        return
    try:
        text = TextInFile.of(file, node, file.shown(steps)).text
        roots = text.documents()
    except StageError:
        return  # a text, and no YAML
    for root in roots:
        if not isinstance(root, ScalarNode):
            yield from _below(text, root, (*steps, Inside()))


def _inner(node: Node) -> Iterator[tuple[Step, Node]]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield Key(str(key.value) if isinstance(key, ScalarNode) else "?"), value
    elif isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            yield _step_to(item, number), item


def _step_to(item: Node, number: int) -> Step:
    """Returns the step to an item of a list: by its name, or by the path of an operation of JSON 6902."""
    pairs = item.value if isinstance(item, MappingNode) else []
    held = {str(key.value): value for key, value in pairs if isinstance(key, ScalarNode)}
    for name in ("name", "path"):
        value = held.get(name)
        if isinstance(value, ScalarNode) and value.value and '"' not in value.value:
            return Choice(name, str(value.value))
    return Index(number)

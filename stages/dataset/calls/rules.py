"""Gold labels: alerting rules that name the function to call, in the agent's folder or where tools.yaml says.

A rule of a PrometheusRule says `lambda_function: pod-restart` and `lambda_parameters: '{"name": "{{ $labels.pod }}"}'`
among its annotations. What it says wins over the commands of a runbook.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.errors import StageError

FUNCTION, PARAMETERS = "lambda_function", "lambda_parameters"


@dataclass(frozen=True)
class RuleFile:
    """A YAML file of the repository that names functions to call."""

    path: str
    text: str


@dataclass(frozen=True)
class Rule:
    """An alerting rule with its gold label; line: of the rule in its file, from 1."""

    alert: str
    path: str
    line: int
    function: str
    parameters: dict[str, Any]
    severity: str
    texts: tuple[str, ...]
    """What its annotations summary, description and message say, templates and all."""

    @property
    def place(self) -> str:
        """Where it stands, as a person reads it."""
        return f"{self.path}, line {self.line}"


def read_rules(files: Sequence[RuleFile]) -> list[Rule]:
    """Returns the rules that name a function, in order. Raises StageError for what is no YAML, or no JSON in it."""
    return [rule for file in files for rule in _rules(file)]


def _rules(file: RuleFile) -> Iterator[Rule]:
    try:
        documents = list(YAML(typ="safe", pure=True).compose_all(file.text))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        raise StageError(f"{file.path}{line} is no YAML, but names {FUNCTION}; mend it, or move it elsewhere") from None
    for document in documents:
        for node in _mappings(document):
            fields = _fields(node)
            annotations = _fields(fields.get("annotations"))
            if "alert" in fields and FUNCTION in annotations:
                yield _rule(file, node, fields, annotations)


def _rule(file: RuleFile, node: Node, fields: dict[str, Node], annotations: dict[str, Node]) -> Rule:
    severity = _fields(fields.get("labels")).get("severity")
    texts = (annotations.get(name) for name in ("summary", "description", "message"))
    return Rule(
        alert=_text(fields["alert"]),
        path=file.path,
        line=node.start_mark.line + 1,
        function=_text(annotations[FUNCTION]),
        parameters=_parameters(file, annotations.get(PARAMETERS)),
        severity=_text(severity) if severity is not None else "",
        texts=tuple(" ".join(_text(text).split()) for text in texts if text is not None),
    )


def _parameters(file: RuleFile, node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    line = node.start_mark.line + 1
    try:
        known = json.loads(_text(node))
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict):
        raise StageError(f'{file.path}, line {line}: {PARAMETERS} is no JSON object; write \'{{"name": "value"}}\'')
    return known


def _mappings(node: Node | None) -> Iterator[MappingNode]:
    """Yields every mapping in a document, without recursion: a file may be deep."""
    waiting, seen = [node] if node else [], set()
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue  # an alias
        seen.add(id(found))
        if isinstance(found, MappingNode):
            yield found
            waiting += [value for _, value in reversed(found.value)]
        elif isinstance(found, SequenceNode):
            waiting += reversed(found.value)


def _fields(node: Node | None) -> dict[str, Node]:
    return {_text(key): value for key, value in node.value} if isinstance(node, MappingNode) else {}


def _text(node: Node) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""

"""Gold labels: alerting rules that name the function to call, in the agent's folder or where tools.yaml says.

A rule of a PrometheusRule says `lambda_function: pod-restart` and `lambda_parameters: '{"name": "{{ $labels.pod }}"}'`
among its annotations. What it says wins over the commands of a runbook.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.errors import StageError

FUNCTION, PARAMETERS = "lambda_function", "lambda_parameters"
# A line that is a statement of Helm alone.
_HELM = re.compile(
    r"^[ \t]*(\{\{-?[ \t]*(?:if|else|end|range|with|include|template|define|toYaml|tpl|\$|\.|/\*))", re.MULTILINE
)
_HELM_RAW = re.compile(r"\{\{-?\s*`([^`]*)`\s*-?\}\}")
_HELM_BRACE = re.compile(r"\{\{-?\s*[\"'](\{\{|\}\})[\"']\s*-?\}\}")


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
    """Returns the rules that name a function, in order; those of Helm templates are not read: `unread_rules` tells.

    Raises StageError for what is no YAML, or no JSON in it.
    """
    return [rule for file in files for rule in _rules(file)]


def unread_rules(files: Sequence[RuleFile]) -> list[str]:
    """Returns a sentence for each file that names functions and is no YAML before Helm has rendered it."""
    told = "a Helm template that is no YAML, so that its rules are not read; commit it as `helm template` renders it"
    found = ((file, _helm_line(file)) for file in files if _HELM.search(file.text))
    return [f"{file.path}, line {line}: {told}" for file, line in found if line]


def _helm_line(file: RuleFile) -> int | None:
    """Returns the line of the first Helm statement of a file that is no YAML, None where it is YAML."""
    try:
        _documents(file.text)
    except YAMLError:
        found = _HELM.search(file.text)
        return file.text.count("\n", 0, found.start(1)) + 1 if found else None
    return None


def _documents(text: str) -> list[Node]:
    try:
        return list(YAML(typ="safe", pure=True).compose_all(text))
    except (ValueError, RecursionError, AttributeError, TypeError, LookupError):
        # ruamel.yaml lets these through for odd tags and depths.
        raise YAMLError("no YAML") from None


def _rules(file: RuleFile) -> Iterator[Rule]:
    try:
        documents = _documents(file.text)
    except YAMLError as error:
        if _HELM.search(file.text):
            return
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}," if mark else ""
        raise StageError(f"{file.path}{line} is no YAML, but names {FUNCTION}; mend it, or move it elsewhere") from None
    for document in documents:
        yield from _rules_in(file, document, 0)


def _rules_in(file: RuleFile, document: Node, before: int) -> Iterator[Rule]:
    """Yields the rules of a document, and those of the texts in it; before: the lines above it in the file."""
    for node in _nodes(document):
        if isinstance(node, ScalarNode):
            yield from _rules_in_text(file, node, before)
            continue
        fields = _fields(node)
        annotations = _fields(fields.get("annotations"))
        if "alert" in fields and FUNCTION in annotations:
            yield _rule(file, before + node.start_mark.line + 1, fields, annotations, before)


def _rules_in_text(file: RuleFile, node: ScalarNode, before: int) -> Iterator[Rule]:
    """Yields the rules of a rule file that is a text in another, as a ConfigMap's data."""
    text = str(node.value)
    if FUNCTION not in text or "\n" not in text or not re.search(r"^\s*-?\s*alert\s*:", text, re.MULTILINE):
        return
    # Behind `|` the text begins on the next line; in quotes it has no lines of its own.
    line = before + node.start_mark.line + (node.style in ("|", ">"))
    try:
        documents = _documents(text)
    except YAMLError:
        if _HELM.search(text):
            return
        told = f"a text that names {FUNCTION} is no YAML; mend it, or move it elsewhere"
        raise StageError(f"{file.path}, line {line}: {told}") from None
    for document in documents:
        yield from _rules_in(file, document, line)


def _rule(file: RuleFile, line: int, fields: dict[str, Node], annotations: dict[str, Node], before: int) -> Rule:
    severity = _fields(fields.get("labels")).get("severity")
    texts = (annotations.get(name) for name in ("summary", "description", "message"))
    return Rule(
        alert=_text(fields["alert"]).strip(),
        path=file.path,
        line=line,
        function=_text(annotations[FUNCTION]).strip(),
        parameters=_parameters(file, annotations.get(PARAMETERS), before),
        severity=_severity(severity),
        texts=tuple(" ".join(_text(text).split()) for text in texts if text is not None),
    )


def _severity(node: Node | None) -> str:
    """Returns a rule's severity; empty where a template gives it, as no one knows which it will be."""
    text = _text(node).strip() if node else ""
    return "" if "{{" in text else text


def _parameters(file: RuleFile, node: Node | None, before: int) -> dict[str, Any]:
    if node is None:
        return {}
    place = f"{file.path}, line {before + node.start_mark.line + 1}"
    try:
        known = json.loads(_text(node) or "{}", object_pairs_hook=_without_a_second, parse_constant=_no_constant)
    except _TwiceError as error:
        raise StageError(f"{place}: {PARAMETERS} has {error} twice; keep one") from None
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or not isinstance(node, ScalarNode):
        raise StageError(f'{place}: {PARAMETERS} is no JSON object; write \'{{"name": "value"}}\'')
    return known


class _TwiceError(ValueError):
    pass


def _without_a_second(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _nodes(node: Node | None) -> Iterator[MappingNode | ScalarNode]:
    """Yields every mapping and every value in a document, without recursion: a file may be deep."""
    waiting, seen = [node] if node else [], set()
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue  # an alias
        seen.add(id(found))
        if isinstance(found, ScalarNode):
            yield found
        elif isinstance(found, MappingNode):
            yield found
            waiting += [value for _, value in reversed(found.value)]
        elif isinstance(found, SequenceNode):
            waiting += reversed(found.value)


def _fields(node: Node | None) -> dict[str, Node]:
    """Returns a mapping's values by their keys, with those that `<<` merges into it."""
    if not isinstance(node, MappingNode):
        return {}
    merged: dict[str, Node] = {}
    for key, value in node.value:
        if _text(key) == "<<":
            others = value.value if isinstance(value, SequenceNode) else [value]
            for other in reversed(others):
                # One level: a mapping that merges itself would have no end.
                merged |= {_text(k): v for k, v in other.value} if isinstance(other, MappingNode) else {}
    return merged | {_text(key): value for key, value in node.value}


def _text(node: Node) -> str:
    """Returns a value's text, with what a Helm chart escapes for Prometheus as Prometheus gets it."""
    text = str(node.value) if isinstance(node, ScalarNode) else ""
    return (
        _HELM_BRACE.sub(lambda found: found[1], _HELM_RAW.sub(lambda found: found[1], text)) if "{{" in text else text
    )

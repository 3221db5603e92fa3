"""Helm's templates around Prometheus' own: what is no YAML before it is rendered, and what a chart escapes."""

import re

from stages.dataset.alerting.nodes import Mapping, Node, Scalar

# A line that is a statement of Helm alone.
_STATEMENT = re.compile(
    r"^[ \t]*(\{\{-?[ \t]*(?:if|else|end|range|with|include|template|define|toYaml|tpl|\$|\.|/\*))", re.MULTILINE
)
_RAW = re.compile(r"\{\{-?\s*`([^`]*)`\s*-?\}\}")
_BRACE = re.compile(r"\{\{-?\s*[\"'](\{\{|\}\})[\"']\s*-?\}\}")


def first_statement(text: str) -> int | None:
    """Returns the line, from 1, of the first statement of Helm; None where there is none."""
    found = _STATEMENT.search(text)
    return text.count("\n", 0, found.start(1)) + 1 if found else None


def is_value(node: Node | None) -> bool:
    """Returns whether a node is a single value; `{{ .Values.x }}` without quotes is one, though YAML reads braces."""
    return isinstance(node, Scalar) or _is_bare(node)


def text_of(node: Node | None) -> str:
    """Returns a value's text, with what a Helm chart escapes for Prometheus as Prometheus gets it."""
    if _is_bare(node):
        return "{{ }}"
    text = node.text if isinstance(node, Scalar) else ""
    return _BRACE.sub(lambda found: found[1], _RAW.sub(lambda found: found[1], text)) if "{{" in text else text


def _is_bare(node: Node | None) -> bool:
    """Returns whether a node is a template without quotes: a mapping whose key is a mapping."""
    return isinstance(node, Mapping) and "" in node.own

"""Alerting rules, in the agent's folder or where tools.yaml says: what each alert carries, and which function it calls.

A rule of a PrometheusRule says `lambda_function: pod-restart` and `lambda_parameters: '{"name": "{{ $labels.pod }}"}'`
among its annotations. What it says wins over the commands of a runbook.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.dataset.alerting.carried import entries, firing_of
from stages.dataset.alerting.expression import is_open
from stages.dataset.alerting.helm import first_statement, is_value, text_of
from stages.dataset.alerting.nodes import Listed, Mapping, Node, NoYamlError, Scalar, documents, walk
from stages.dataset.firing import Firing

FUNCTION, PARAMETERS = "lambda_function", "lambda_parameters"
MAX_NESTED = 3  # texts within texts
_NAMED = re.compile(r"^[ \t]*(?:-[ \t]+)?alert[ \t]*:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
_ALERT = re.compile(r"\balert[\"']?[ \t]*:")
_EXPR = re.compile(r"\bexpr[\"']?[ \t]*:")
_QUERY = re.compile(r"^[ \t]*(?:-[ \t]+)?expr[ \t]*:", re.MULTILINE)


@dataclass(frozen=True)
class RuleFile:
    """A YAML file of the repository that holds alerting rules, or names functions to call."""

    path: str
    text: str


@dataclass(frozen=True)
class Rule:
    """An alerting rule; line: of the rule in its file, from 1. function: '' where it names none.

    fault: what is wrong with it, with its place; '' where nothing is known to be.
    """

    alert: str
    path: str
    line: int
    function: str
    parameters: dict[str, Any]
    severity: str
    firing: Firing = field(default_factory=Firing)
    fault: str = ""

    @property
    def place(self) -> str:
        """Where it stands, as a person reads it."""
        return f"{self.path}, line {self.line}"

    @property
    def texts(self) -> tuple[str, ...]:
        """What its annotations summary, description and message say, templates and all."""
        return tuple(self.firing.annotations.values())


@dataclass(frozen=True)
class Unread:
    """Rules that cannot be read, as they are no YAML. says: why, with the place.

    names: of the alerts among them, where one of them names a function.
    """

    says: str
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """The rules of some files, in their order, and what of these files is not read."""

    known: Sequence[Rule] = ()
    unread: Sequence[Unread] = ()


def read_rules(files: Iterable[RuleFile]) -> Rules:
    """Returns the alerting rules of files, those at fault among them, and which texts are no YAML."""
    known: list[Rule] = []
    unread: list[Unread] = []
    for file in files:
        for found in _rules(file):
            if isinstance(found, Rule):
                known.append(found)
            else:
                unread.append(found)
    return Rules(known, unread)


def holds_rules(text: str) -> bool:
    """Returns whether a YAML file holds an alerting rule or names a function, or would if it were YAML."""
    if FUNCTION in text:
        return True
    return bool(_ALERT.search(text) and _EXPR.search(text)) and any(_rules(RuleFile("", text)))


def _rules(file: RuleFile) -> Iterator[Rule | Unread]:
    try:
        found = documents(file.text)
    except NoYamlError as error:
        yield from _unread(file, file.text, error.line, 0)
        return
    for document in found:
        yield from _rules_in(file, document, 0, 0)


def _rules_in(file: RuleFile, document: Node, before: int, depth: int) -> Iterator[Rule | Unread]:
    """Yields the rules of a document, and those of the texts in it; before: the lines above it in the file."""
    groups: dict[int, Mapping] = {}
    for node in walk(document):
        if isinstance(node, Scalar):
            yield from _rules_in_text(file, node, before, depth + 1)
            continue
        if isinstance(members := node.get("rules"), Listed):
            groups |= {id(rule): node for rule in members.items}
        if is_value(node.get("alert")) and (_is_query(node.get("expr")) or _function(node)):
            yield _rule(file, node, before, groups.get(id(node)))


def _rules_in_text(file: RuleFile, node: Scalar, before: int, depth: int) -> Iterator[Rule | Unread]:
    """Yields the rules of a rule file that is a text in another, as a ConfigMap's data."""
    text = node.text
    if depth > MAX_NESTED or "\n" not in text or not _ALERT.search(text):
        return
    # Behind `|` the text begins on the next line; in quotes it has no lines of its own.
    line = before + node.line + node.is_block
    try:
        found = documents(text)
    except NoYamlError as error:
        yield from _unread(file, text, error.line if node.is_block else None, line)
        return
    for document in found:
        yield from _rules_in(file, document, line, depth)


def _unread(file: RuleFile, text: str, line: int | None, before: int) -> Iterator[Unread]:
    """Yields why the rules of a text are not read; nothing where it does not look like rules."""
    if FUNCTION not in text and not (_NAMED.search(text) and _QUERY.search(text)):
        return
    if statement := first_statement(text):
        why = "a Helm template that is no YAML, so that its rules are not read; commit it as `helm template` renders it"
        says = f"{file.path}, line {before + statement}: {why}"
    else:
        place = f"{file.path}, line {before + (line or 1)}" if before or line else file.path
        says = f"{place}: no YAML, so that the alerting rules are not read; mend it, or move it elsewhere"
    yield Unread(says, frozenset(_NAMED.findall(text)) if FUNCTION in text else frozenset())


def _rule(file: RuleFile, node: Mapping, before: int, group: Mapping | None) -> Rule:
    line = before + node.line + 1
    place = f"{file.path}, line {line}"
    name = " ".join(text_of(node.get("alert")).split())
    function = text_of(_function(node)).strip()
    labels = {**(entries(group.get("labels")) if group else {}), **entries(node.get("labels"))}
    parameters, fault = _parameters(file, _annotation(node, PARAMETERS), before) if function else ({}, "")
    return Rule(
        alert=name,
        path=file.path,
        line=line,
        function=function,
        parameters=parameters,
        severity=_severity(labels),
        firing=firing_of(node, labels),
        fault=_fault_of_name(name, place) or fault or ("" if function else _half_named(node, place)),
    )


def _is_query(node: Node | None) -> bool:
    return is_value(node) and bool(text_of(node).strip())


def _function(rule: Mapping) -> Node | None:
    return _annotation(rule, FUNCTION)


def _annotation(rule: Mapping, name: str) -> Node | None:
    found = rule.get("annotations")
    return found.get(name) if isinstance(found, Mapping) else None


def _severity(labels: dict[str, str]) -> str:
    """Returns a rule's severity; empty where a template gives it, as no one knows which it will be."""
    text = labels.get("severity", "")
    return "" if is_open(text) else text


def _fault_of_name(name: str, place: str) -> str:
    if not name:
        return f"{place}: an alerting rule has no name; give it one"
    if is_open(name):
        return f"{place}: {name:.60} is a template, and no alert's name; write the name out"
    return ""


def _half_named(rule: Mapping, place: str) -> str:
    """Returns what is wrong with a rule that means to name a function and names none."""
    places = (rule, rule.get("annotations"), rule.get("labels"))
    if not any(isinstance(each, Mapping) and (each.get(FUNCTION) or each.get(PARAMETERS)) for each in places):
        return ""
    return f"{place}: the rule names no {FUNCTION} among its annotations; write there which one it calls"


def _parameters(file: RuleFile, node: Node | None, before: int) -> tuple[dict[str, Any], str]:
    """Returns what a rule's function is called with, and what is wrong with it, '' where nothing is."""
    if node is None:
        return {}, ""
    place = f"{file.path}, line {before + node.line + 1}"
    try:
        known = json.loads(text_of(node) or "{}", object_pairs_hook=_without_a_second, parse_constant=_no_constant)
    except _TwiceError as error:
        return {}, f"{place}: {PARAMETERS} has {error} twice; keep one"
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or not isinstance(node, Scalar):
        return {}, f'{place}: {PARAMETERS} is no JSON object; write \'{{"name": "value"}}\''
    return known, ""


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

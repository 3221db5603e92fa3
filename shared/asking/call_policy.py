"""`calls.json`, which lies beside prompt.json: what a call must be before an agent makes it.

Of each function, in the agent's names: what its arguments must be, whether it is dangerous, which alerts the runbook
teaches it for, and which texts the runbook writes into its arguments itself.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.asking.fields import fields, items, mapping, parse, text
from shared.asking.schema import Schema, read_schema

FILE = "calls.json"
FORMAT = "agent-calls/1"
LABEL = "label"

Pattern = tuple["str | Label", ...]
"""A text made of texts and labels, such as `deployment/` and the label `name`."""


@dataclass(frozen=True)
class Label:
    """A label of the alert, where its value stands in a pattern."""

    name: str


@dataclass(frozen=True)
class CallRules:
    """What one function may be called with, and when.

    parameters: a JSON schema of the type object. alerts: names that the runbook or a rule teaches it for. constants and
    patterns: by parameter, the texts that its remedies write there, and those that they make of labels.
    """

    parameters: Schema
    dangerous: bool = False
    alerts: frozenset[str] = frozenset()
    constants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    patterns: Mapping[str, frozenset[Pattern]] = field(default_factory=dict)

    def to_object(self) -> dict[str, Any]:
        """Returns the rules as JSON holds them, everything in one order."""
        return {
            "parameters": self.parameters,
            "dangerous": self.dangerous,
            "alerts": sorted(self.alerts),
            "constants": {name: sorted(texts) for name, texts in self.constants.items() if texts},
            "patterns": {
                name: sorted(map(_written, patterns), key=json.dumps)
                for name, patterns in self.patterns.items()
                if patterns
            },
        }

    @classmethod
    def from_object(cls, where: str, value: Any) -> "CallRules":
        """Returns the rules that `to_object` gave; ValueError names what is wrong."""
        known = fields(where, value, tuple(cls.__dataclass_fields__))
        parameters = read_schema(f"{where}.parameters", known["parameters"])
        if parameters["type"] != "object":
            raise ValueError(f"{where}.parameters.type is {parameters['type']!r}, not 'object'")
        if not isinstance(known["dangerous"], bool):
            raise ValueError(f"{where}.dangerous is {known['dangerous']!r:.40}, neither true nor false")
        constants = dict(_of_parameters(f"{where}.constants", known["constants"], parameters))
        patterns = dict(_of_parameters(f"{where}.patterns", known["patterns"], parameters))
        return cls(
            parameters,
            known["dangerous"],
            _texts(f"{where}.alerts", known["alerts"]),
            {name: _texts(f"{where}.constants.{name}", texts) for name, texts in constants.items()},
            {name: _patterns(f"{where}.patterns.{name}", each) for name, each in patterns.items()},
        )


@dataclass(frozen=True)
class CallPolicy:
    """The content of calls.json: the rules of each function by the agent's name for it."""

    functions: Mapping[str, CallRules]

    def to_json(self) -> str:
        """Returns the file's text; equal policies give equal bytes."""
        functions = {name: rules.to_object() for name, rules in self.functions.items()}
        content = {"format": FORMAT, "functions": functions}
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, content: str) -> "CallPolicy":
        """Returns the policy that `to_json` wrote; ValueError names what is wrong."""
        known = fields(FILE, parse(FILE, content), ("format", "functions"))
        if known["format"] != FORMAT:
            raise ValueError(f"{FILE}: format is {known['format']!r:.40}, known is {FORMAT!r}")
        functions = mapping(f"{FILE}: functions", known["functions"])
        try:
            return cls({name: CallRules.from_object(f"{FILE}: {name}", each) for name, each in functions.items()})
        except RecursionError:
            raise ValueError(f"{FILE}: a schema nests too deep to be checked") from None


def _written(pattern: Pattern) -> list[Any]:
    return [{LABEL: piece.name} if isinstance(piece, Label) else piece for piece in pattern]


def _of_parameters(where: str, value: Any, parameters: Schema) -> Iterator[tuple[str, list[Any]]]:
    for name, each in mapping(where, value).items():
        if name not in (parameters.get("properties") or {}):
            raise ValueError(f"{where} names {name!r:.80}, which is no parameter")
        yield name, items(f"{where}.{name}", each)


def _texts(where: str, value: Any) -> frozenset[str]:
    return frozenset(text(where, each) for each in items(where, value))


def _patterns(where: str, value: list[Any]) -> frozenset[Pattern]:
    return frozenset(tuple(_piece(where, piece) for piece in items(where, pattern)) for pattern in value)


def _piece(where: str, value: Any) -> str | Label:
    if isinstance(value, str):
        return value
    return Label(text(f"{where}.{LABEL}", fields(where, value, (LABEL,))[LABEL]))

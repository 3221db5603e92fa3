"""What the agent may call, as tools.yaml declares it and the runbook and the rules teach it: the file calls.json."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from shared.asking.call_policy import CallPolicy, CallRules, Label, Pattern
from shared.asking.schema import open_texts
from stages.dataset.calls.placeholders import OPEN, fill, placeholders
from stages.dataset.calls.remedy import Remedy
from stages.dataset.calls.tools import Function, Tools

_Held = TypeVar("_Held")


def call_policy(remedies: Iterable[Remedy], tools: Tools) -> CallPolicy:
    """Returns the rules of every function of tools.yaml."""
    taught: dict[str, list[Remedy]] = defaultdict(list)
    for remedy in remedies:
        taught[remedy.function.name].append(remedy)
    return CallPolicy({each.name: _rules(each, taught[each.name]) for each in tools.functions})


def _rules(function: Function, remedies: Iterable[Remedy]) -> CallRules:
    constants: dict[str, set[str]] = defaultdict(set)
    patterns: dict[str, set[Pattern]] = defaultdict(set)
    alerts: set[str] = set()
    for remedy in remedies:
        alerts.add(remedy.alert.name)
        for name, text in _texts(remedy):
            pattern = _pattern(text, remedy)
            if not any(isinstance(piece, Label) for piece in pattern):
                constants[name].add(text)
            elif len(pattern) > 1:  # a label by itself is a value of the alert
                patterns[name].add(pattern)
    return CallRules(
        function.parameters.checked, function.dangerous, frozenset(alerts), _frozen(constants), _frozen(patterns)
    )


def _texts(remedy: Remedy) -> Iterator[tuple[str, str]]:
    """Yields the texts that a remedy writes into its arguments, by parameter; choices of the function are none."""
    for name, value in remedy.arguments.items():
        declared = remedy.function.parameters.properties[name]
        for text in open_texts(declared.checked, value):
            yield name, text


def _pattern(text: str, remedy: Remedy) -> Pattern:
    """Returns a text with the labels that its placeholders mean; marks are in no text of a runbook."""
    if not any(placeholders(text)):
        return (text,)
    pieces = fill(text, lambda found: f"{OPEN}{remedy.label_of[found]}{OPEN}").split(OPEN)
    named = (Label(piece) if number % 2 else piece for number, piece in enumerate(pieces))
    return tuple(piece for piece in named if piece)


def _frozen(sets: Mapping[str, set[_Held]]) -> Mapping[str, frozenset[_Held]]:
    return {name: frozenset(held) for name, held in sets.items()}

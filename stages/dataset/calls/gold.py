"""What alerting rules say that functions are called with, as tools.yaml declares it, and what is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.errors import StageError
from stages.dataset.calls import commands
from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.judgement import bind
from stages.dataset.calls.nested import texts_in, with_texts
from stages.dataset.calls.placeholders import mark_text
from stages.dataset.calls.remedy import Remedy, conflict
from stages.dataset.calls.rules import Rule, Rules
from stages.dataset.calls.schema import SCALARS, Property, is_valid, json_value
from stages.dataset.calls.tools import Function, Tools
from stages.dataset.runbook.alert import Alert, Command, Section

Gold = tuple[Rule, Remedy]


@dataclass(frozen=True)
class LeftOut:
    """Rules that teach nothing as a person has to mend something, and what; of those that contradict each other, all.

    names: of the alerts that they would have taught a call.
    """

    says: str
    rules: Sequence[Rule] = ()
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class GoldLabels:
    """of: what rules teach, by alert: one call for each severity. left_out: what is wrong with others."""

    of: Mapping[str, Sequence[Gold]]
    left_out: Sequence[LeftOut]


def read_gold(rules: Rules, tools: Tools) -> GoldLabels:
    """Returns what the rules teach, and which of them teach nothing for a fault."""
    left_out = [LeftOut(each.says, names=each.names) for each in rules.unread]
    bound: dict[str, list[Gold]] = {}
    for rule in rules.known:
        try:
            if found := _bound(rule, tools):
                bound.setdefault(rule.alert, []).append((rule, found))
        except StageError as error:
            left_out.append(LeftOut(str(error), [rule], frozenset([rule.alert])))
    known: dict[str, Sequence[Gold]] = {}
    for name, of in bound.items():
        clear, wrong = _apart(of)
        if wrong:
            left_out.append(_left_out(name, wrong))
        if clear:
            known[name] = _each_once(clear)
    return GoldLabels(known, left_out)


def _bound(rule: Rule, tools: Tools) -> Remedy | None:
    """Returns what a rule teaches, None where it names no function. Raises StageError for one at fault."""
    if rule.fault:
        raise StageError(rule.fault)
    return remedy_of(rule, tools) if rule.function else None


def _apart(of: Sequence[Gold]) -> tuple[list[Gold], list[Gold]]:
    """Returns the rules of one alert that are clear, and those that no severity tells apart from another call."""
    calls: dict[str, set[tuple[str, str]]] = {}
    for rule, remedy in of:
        calls.setdefault(rule.severity.casefold(), set()).add(remedy.call)
    everywhere, anywhere = set().union(*calls.values()), calls.get("", set())
    doubtful = {severity for severity, own in calls.items() if len(own | anywhere if severity else everywhere) > 1}
    clear: list[Gold] = []
    wrong: list[Gold] = []
    for gold in of:
        (wrong if gold[0].severity.casefold() in doubtful else clear).append(gold)
    return clear, wrong


def _left_out(name: str, wrong: Sequence[Gold]) -> LeftOut:
    first = wrong[0][1]
    other = next(remedy for _, remedy in wrong if remedy.call != first.call)
    return LeftOut(conflict(first, other), [rule for rule, _ in wrong], frozenset([name]))


def _each_once(of: Sequence[Gold]) -> list[Gold]:
    """Returns those that say what none of their severity has said before."""
    return list({(remedy.call, rule.severity): (rule, remedy) for rule, remedy in reversed(of)}.values())[::-1]


def remedy_of(rule: Rule, tools: Tools) -> Remedy:
    """Returns what a rule teaches. Raises StageError where tools.yaml does not fit it."""
    function = tools.function(rule.function)
    if function is None:
        known = ", ".join(entry.name for entry in tools.functions)
        raise StageError(f"{rule.place}: tools.yaml has no function {rule.function}; it has {known}")
    arguments = arguments_of(rule, function)
    label_of = bind(arguments, tools.placeholders, rule.severity, " ".join(texts_in(rule.parameters)))
    if isinstance(label_of, str):
        raise StageError(f"{rule.place}: {label_of}")
    text = f"{rule.function} {' '.join(map(str, rule.parameters.values()))}".strip()
    alert = replace(alert_of(rule), page="")
    return Remedy(alert, function, arguments, Command(text, "rule", rule.line), label_of, rule.place)


def alert_of(rule: Rule) -> Alert:
    """Returns the alert that only a rule tells of."""
    sections = [Section("symptoms", "", rule.line, list(rule.texts))]
    return Alert(rule.alert, rule.line, rule.severity, sections=sections, page=rule.path, firing=rule.firing)


def arguments_of(rule: Rule, function: Function) -> Arguments:
    """Returns a rule's arguments in the declared order, with marked placeholders. Raises StageError for a wrong one."""
    properties = function.parameters.properties
    found = {
        name: _argument(rule, name, value, properties.get(name), function) for name, value in rule.parameters.items()
    }
    if missing := [name for name in function.parameters.required if name not in found]:
        raise StageError(f"{rule.place}: {function.name} needs {', '.join(missing)}")
    return {name: found[name] for name in properties if name in found}


def _argument(rule: Rule, name: str, value: Any, declared: Property | None, function: Function) -> Any:
    if declared is None:
        known = (
            f"it has {', '.join(function.parameters.properties)}" if function.parameters.properties else "it has none"
        )
        raise StageError(f"{rule.place}: {function.name} has no parameter {name}; {known}")
    try:
        marked = with_texts(json_value(value), mark_text)
    except ValueError as error:
        raise StageError(f"{rule.place}: {name}: {error}") from None
    if isinstance(marked, str) and declared.type in SCALARS[1:]:
        # What a template gives is text: "3" is the number 3.
        marked = commands.value_of(declared, marked)
    if (marked is None and value is not None) or not is_valid(declared, marked):
        raise StageError(f"{rule.place}: {name} is {value!r:.60}, not as tools.yaml declares it")
    return marked

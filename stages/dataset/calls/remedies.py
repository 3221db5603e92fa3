"""Which call an alert teaches: what a rule says, else the first command, in the policy's order, that is a function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from shared.errors import StageError
from stages.dataset.calls import commands
from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.judgement import Judged, bind, judged, rank
from stages.dataset.calls.placeholders import Placeholder, fill, mark
from stages.dataset.calls.rules import Rule
from stages.dataset.calls.tools import Function, Policy, Tools, is_valid
from stages.dataset.faults import collect
from stages.dataset.runbook.alert import Alert, Command, Section

MANY_FUNCTIONS = 14  # beyond which FunctionGemma is reported weak
Reason = Literal["no call", "mistake"]


@dataclass(frozen=True)
class Remedy:
    """The call that an alert teaches; string arguments may hold placeholders, bound to labels by `label_of`.

    command: what stands for it, in the runbook; of a rule, the rule's own words. place: where, as a person reads it.
    passed_over: the alert's other commands, each with the reason. warnings: what its author should look at.
    is_confirmed: the runbook left it in doubt, and tools.yaml settled that.
    """

    alert: Alert
    function: Function
    arguments: Arguments
    command: Command
    label_of: dict[Placeholder, str]
    place: str
    passed_over: Sequence[Judged] = ()
    warnings: Sequence[str] = ()
    is_confirmed: bool = False


@dataclass(frozen=True)
class Skipped:
    """An alert that teaches no call, and why.

    kind: `no call` where its answer is no call: it has no command, or none but such as only look or are refused;
    `mistake` where a person has to mend something, and no row is made of it: what its remedy is stays in doubt, or
    the agent has no function for it. passed_over: its commands, each with the reason.
    """

    name: str
    line: int
    reason: str
    kind: Reason
    alert: Alert
    passed_over: Sequence[Judged] = ()


@dataclass(frozen=True)
class Findings:
    """What the alerts of a runbook and of rules teach. warnings: sentences for the author about no single alert.

    faults: what keeps a dataset from being made: rules that tools.yaml does not fit, alerts that teach two calls.
    """

    remedies: list[Remedy] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def all_warnings(self) -> list[str]:
        """The warnings, and those about single alerts with the alert's name."""
        own = [f"{remedy.alert.name}: {text}" for remedy in self.remedies for text in remedy.warnings]
        return [*self.warnings, *own]

    @property
    def without_call(self) -> list[Alert]:
        """The alerts whose answer is no call."""
        return [entry.alert for entry in self.skipped if entry.kind == "no call"]


def find_remedies(alerts: Sequence[Alert], tools: Tools, rules: Sequence[Rule] = ()) -> Findings:
    """Returns the alerts that teach a call and those that do not, each with its reason, and what is at fault."""
    findings = Findings()
    _warn_of_tools(tools, findings)
    gold = _gold(rules, tools, findings.faults)
    told: dict[str, list[Remedy | Skipped]] = {}
    for alert in alerts:
        collect(findings.faults, _tell, _decide(alert, tools, gold.get(alert.name), findings), told)
    for name, (rule, remedy) in gold.items():
        if name not in told:
            findings.warnings.append(f"{rule.place}: {name} is in a rule and not in the runbook")
            _tell(remedy, told)
    for found in (entry for entries in told.values() for entry in entries):
        if isinstance(found, Remedy):
            findings.remedies.append(found)
        else:
            findings.skipped.append(found)
    return findings


def _tell(found: Remedy | Skipped, told: dict[str, list[Remedy | Skipped]]) -> None:
    """Adds what an alert teaches; of an alert that comes again, only another call for another severity counts."""
    entries = told.setdefault(found.alert.name, [])
    remedies = [entry for entry in entries if isinstance(entry, Remedy)]
    if not entries or (isinstance(found, Remedy) and _is_another(found, remedies) and remedies):
        entries.append(found)
    elif isinstance(found, Remedy) and not remedies:
        entries[:] = [found, *(_again(entry.alert, found.alert) for entry in entries)]
    else:
        entries.append(_again(found.alert, entries[0].alert))


def _again(alert: Alert, other: Alert) -> Skipped:
    return Skipped(alert.name, alert.line, f"repeats the alert of {other.place}", "mistake", alert)


def _is_another(found: Remedy, before: Sequence[Remedy]) -> bool:
    """Returns whether none before teaches the same call. Raises StageError where no severity tells them apart."""
    different = [other for other in before if _differs(found, other)]
    for other in different:
        severities = {found.alert.severity, other.alert.severity}
        if len(severities) == 1 or "" in severities:
            raise StageError(_conflict(other, found))
    return len(different) == len(before)


def _differs(one: Remedy, other: Remedy) -> bool:
    return (one.function.name, _bound(one)) != (other.function.name, _bound(other))


def _bound(remedy: Remedy) -> dict[str, object]:
    """Returns the arguments with the labels that their placeholders mean, however they are written."""
    return {
        name: _by_label(value, remedy.label_of) if isinstance(value, str) else value
        for name, value in remedy.arguments.items()
    }


def _by_label(text: str, label_of: dict[Placeholder, str]) -> str:
    return fill(text, lambda placeholder: f"\0{label_of[placeholder]}\0")


def _conflict(one: Remedy, other: Remedy) -> str:
    return (
        f"{one.alert.name} teaches two calls: {one.function.name} ({one.place}) and "
        f"{other.function.name} ({other.place}); keep one, or give the two alerts different severities"
    )


def _warn_of_tools(tools: Tools, findings: Findings) -> None:
    if len(tools.functions) > MANY_FUNCTIONS:
        findings.warnings.append(
            f"tools.yaml has {len(tools.functions)} functions; beyond {MANY_FUNCTIONS} the model chooses less reliably"
        )


def _decide(alert: Alert, tools: Tools, gold: tuple[Rule, Remedy] | None, findings: Findings) -> Remedy | Skipped:
    found = find_remedy(alert, tools)
    if gold is None:
        return found
    rule, remedy = gold
    if isinstance(found, Remedy) and _differs(found, remedy):
        findings.warnings.append(
            f"{alert.name}: {rule.place} says {remedy.function.name}, {found.place} says {found.function.name}; "
            "the rule wins"
        )
    return Remedy(alert, remedy.function, remedy.arguments, remedy.command, remedy.label_of, remedy.place)


def find_remedy(alert: Alert, tools: Tools) -> Remedy | Skipped:
    """Returns the call that an alert's commands teach, or the reason that they teach none."""
    found = judged(alert, tools)
    if alert.name in tools.policy.no_call:
        return Skipped(alert.name, alert.line, "tools.yaml says that it needs no call", "no call", alert, found)
    taught = next((each for each in found if not each.why and each.function), None)
    if taught is None or taught.function is None:
        return _skipped(alert, found)
    passed = _passed_over(taught, found)
    return Remedy(
        alert,
        taught.function,
        taught.arguments,
        taught.command,
        taught.label_of,
        taught.command.place,
        passed,
        tuple(_doubts(taught, passed, tools.policy)),
        taught.is_confirmed,
    )


def _skipped(alert: Alert, found: Sequence[Judged]) -> Skipped:
    """Returns an alert without a call: a mistake where a remedy stands there that cannot be taught as it is."""
    unsettled = next((each.says for each in found if each.is_unsettled), "")
    uncovered = next((each.says for each in found if each.why == "no function"), "")
    refused = next((each.says for each in found if each.why in ("forbidden", "dangerous") and each.function), "")
    kind: Reason = "mistake" if unsettled or uncovered else "no call"
    if uncovered:
        uncovered += "; add one, or name the alert under policy.no_call"
    reason = unsettled or uncovered or refused or _without_remedy(found)
    return Skipped(alert.name, alert.line, reason, kind, alert, found)


def _without_remedy(found: Sequence[Judged]) -> str:
    if not found:
        return "holds no command"
    shown = found[0].command
    return f"no command stands for a function of tools.yaml, such as {shown.place}: {shown.text:.80}"


def _passed_over(taught: Judged, found: Sequence[Judged]) -> list[Judged]:
    """Returns the other commands; those whose own call would have done as well are options that were not taken."""
    others = [each for each in found if each is not taught]
    return [each if each.why else _option(each, taught) for each in others]


def _option(other: Judged, taught: Judged) -> Judged:
    is_same = (other.function, other.arguments) == (taught.function, taught.arguments)
    says = "says the same" if is_same else "is another option" if other.command.mutating else "is only a look-up"
    return replace(other, why="option", says=f"{other.command.place} {says}: {other.command.text:.80}")


def _doubts(taught: Judged, passed: Sequence[Judged], policy: Policy) -> Iterator[str]:
    """Yields what an author should look at in an alert that teaches a call."""
    command = taught.command
    line = command.place
    if command.section in ("diagnosis", "verification"):
        yield f"the call is taught by {line}, in a section of {command.section}: {command.text:.80}"
    before = [each for each in passed if _is_before(each.command, command, policy) and each.command.mutating]
    if skipped := next((each for each in before if each.why not in ("forbidden", "option", "another section")), None):
        yield f"the first remedy was passed over for {line}: {skipped.says}"
    options = [each for each in passed if each.why == "option" and each.command.mutating]
    if lines := [str(each.command.line) for each in options if _is_beside(each, taught, policy)]:
        yield f"{line} was taken, one of several options: line {', line '.join(lines)} would do something else"


def _is_before(one: Command, other: Command, policy: Policy) -> bool:
    if one.section not in policy.sections:
        return False
    return (*rank(one, policy), one.line) < (*rank(other, policy), other.line)


def _is_beside(option: Judged, taught: Judged, policy: Policy) -> bool:
    """Returns whether an option stands in the same section as the taught command and calls something else."""
    is_other = (option.function, option.arguments) != (taught.function, taught.arguments)
    return is_other and rank(option.command, policy) == rank(taught.command, policy)


def _gold(rules: Sequence[Rule], tools: Tools, faults: list[str]) -> dict[str, tuple[Rule, Remedy]]:
    """Returns what each rule teaches, by alert. Adds a fault where tools.yaml or another rule contradicts it."""
    found: dict[str, tuple[Rule, Remedy]] = {}
    for rule in rules:
        remedy = collect(faults, _gold_remedy, rule, tools)
        if remedy is None:
            continue
        if rule.alert in found and _differs(found[rule.alert][1], remedy):
            faults.append(_conflict(found[rule.alert][1], remedy))
        found.setdefault(rule.alert, (rule, remedy))
    return found


def _gold_remedy(rule: Rule, tools: Tools) -> Remedy:
    function = tools.function(rule.function)
    if function is None:
        known = ", ".join(entry.name for entry in tools.functions)
        raise StageError(f"{rule.place}: tools.yaml has no function {rule.function}; it has {known}")
    arguments = _gold_arguments(rule, function)
    label_of = bind(arguments, tools.placeholders, rule.severity)
    if isinstance(label_of, str):
        raise StageError(f"{rule.place}: {label_of}")
    text = f"{rule.function} {' '.join(map(str, rule.parameters.values()))}".strip()
    sections = [Section("symptoms", "", rule.line, list(rule.texts))]
    alert = Alert(rule.alert, rule.line, rule.severity, sections=sections)
    return Remedy(alert, function, arguments, Command(text, "rule", rule.line), label_of, rule.place)


def _gold_arguments(rule: Rule, function: Function) -> Arguments:
    properties = function.parameters.properties
    found: Arguments = {}
    for name, value in rule.parameters.items():
        if name not in properties:
            raise StageError(f"{rule.place}: {function.name} has no parameter {name}; it has {', '.join(properties)}")
        typed = commands.value_of(properties[name], mark(value)) if isinstance(value, str) else value
        if typed is None or (not isinstance(value, str) and not is_valid(properties[name], value)):
            raise StageError(f"{rule.place}: {name} is {value!r:.60}, not as tools.yaml declares it")
        found[name] = typed
    if missing := [name for name in function.parameters.required if name not in found]:
        raise StageError(f"{rule.place}: {function.name} needs {', '.join(missing)}")
    return {name: found[name] for name in properties if name in found}

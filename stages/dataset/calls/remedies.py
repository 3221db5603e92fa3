"""What all alerts and rules teach: a rule wins over the runbook, and a severity tells two calls of one alert apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from shared.errors import StageError
from stages.dataset.calls.gold import arguments_of
from stages.dataset.calls.judgement import Judged, bind
from stages.dataset.calls.nested import texts_in, with_texts
from stages.dataset.calls.placeholders import Placeholder, fill
from stages.dataset.calls.remedy import Remedy, Skipped, find_remedy
from stages.dataset.calls.rules import Rule
from stages.dataset.calls.tools import Tools
from stages.dataset.faults import collect
from stages.dataset.rows.annotations.told import left_out
from stages.dataset.runbook.alert import Alert, Command, Section

Gold = tuple[Rule, Remedy]
MANY_FUNCTIONS = 14  # beyond which FunctionGemma is reported weak


@dataclass(frozen=True)
class Findings:
    """What the alerts of a runbook and of rules teach. warnings: sentences for the author about no single alert.

    faults: what keeps a dataset from being made: rules that tools.yaml does not fit, alerts that teach two calls.
    uncovered: alerts of rules that have neither a page nor a function, and so want no call.
    """

    remedies: list[Remedy] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    uncovered: list[Alert] = field(default_factory=list)

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
        for found in _decide(alert, tools, _gold_of(alert, alerts, gold.get(alert.name, ())), findings):
            collect(findings.faults, _tell, found, told)
    for name, rules_of in gold.items():
        _tell_of_rules(name, rules_of, told, findings)
    for entry in (entry for entries in told.values() for entry in entries):
        if isinstance(entry, Remedy):
            findings.remedies.append(entry)
        else:
            findings.skipped.append(entry)
    _warn_of_texts(findings)
    return findings


def _tell_of_rules(
    name: str, rules: Sequence[Gold], told: dict[str, list[Remedy | Skipped]], findings: Findings
) -> None:
    """Adds what rules say of an alert, or of a severity, that the runbook does not document."""
    for rule, remedy in rules:
        known = [entry for entry in told.get(name, ()) if isinstance(entry, Remedy)]
        if any(not _differs(remedy, other) for other in known):
            continue
        what = f"{name} of severity {rule.severity}" if known and rule.severity else name
        findings.warnings.append(f"{rule.place}: {what} is in a rule and not in the runbook")
        collect(findings.faults, _tell, remedy, told)


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
        name: with_texts(value, lambda text: _by_label(text, remedy.label_of))
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


def _warn_of_texts(findings: Findings) -> None:
    taught = [(remedy.alert, remedy.place) for remedy in findings.remedies]
    for alert, place in [*taught, *((alert, "") for alert in findings.without_call)]:
        for line, reason in left_out(alert):
            where = place if place.endswith(f", line {line}") else f"line {line}"
            told = "which cannot be written out without Prometheus; the text is left out"
            findings.warnings.append(f"{alert.name}: {where}: a text holds {reason}, {told}")


def _decide(alert: Alert, tools: Tools, rules: Sequence[Gold], findings: Findings) -> Iterator[Remedy | Skipped]:
    """Yields what an alert of the runbook teaches: what its rules say, one call for each severity of theirs."""
    found = find_remedy(alert, tools)
    if not rules:
        yield found
    passed = [*found.passed_over, *([_given_way(found)] if isinstance(found, Remedy) else [])]
    for rule, remedy in rules:
        if isinstance(found, Remedy) and _differs(found, remedy):
            findings.warnings.append(
                f"{alert.name}: {rule.place} says {remedy.function.name}, {found.place} says {found.function.name}; "
                "the rule wins"
            )
        known = alert if len(rules) == 1 else replace(alert, severity=rule.severity)
        yield replace(remedy, alert=known, passed_over=passed)


def _given_way(found: Remedy) -> Judged:
    command = found.command
    return Judged(command, "option", f"{command.place} gives way to a rule: {command.text:.80}", found.function)


def _gold(rules: Sequence[Rule], tools: Tools, faults: list[str]) -> dict[str, list[Gold]]:
    """Returns what the rules teach, by alert: one call, or one for each severity.

    Adds a fault where tools.yaml contradicts a rule, or where no severity tells two rules apart.
    """
    found: dict[str, list[Gold]] = {}
    for rule in rules:
        known = found.setdefault(rule.alert, [])
        if (remedy := collect(faults, _apart, rule, known, tools)) is not None:
            known.append((rule, remedy))
    return found


def _apart(rule: Rule, known: Sequence[Gold], tools: Tools) -> Remedy | None:
    """Returns what a rule teaches beside those known; None where it says what one of its severity said."""
    remedy = _gold_remedy(rule, tools)
    _is_another(remedy, [other for _, other in known])
    is_new = all(_differs(remedy, other) or rule.severity != same.severity for same, other in known)
    return remedy if is_new else None


def _gold_of(alert: Alert, alerts: Sequence[Alert], rules: Sequence[Gold]) -> list[Gold]:
    """Returns the rules that are about an alert of the runbook: of its severity, else those that are of no other's."""
    own = [gold for gold in rules if gold[0].severity.casefold() == alert.severity.casefold()]
    others = {other.severity.casefold() for other in alerts if other.name == alert.name}
    return own[:1] or [gold for gold in rules if gold[0].severity.casefold() not in others]


def _gold_remedy(rule: Rule, tools: Tools) -> Remedy:
    function = tools.function(rule.function)
    if function is None:
        known = ", ".join(entry.name for entry in tools.functions)
        raise StageError(f"{rule.place}: tools.yaml has no function {rule.function}; it has {known}")
    arguments = arguments_of(rule, function)
    label_of = bind(arguments, tools.placeholders, rule.severity, " ".join(texts_in(rule.parameters)))
    if isinstance(label_of, str):
        raise StageError(f"{rule.place}: {label_of}")
    text = f"{rule.function} {' '.join(map(str, rule.parameters.values()))}".strip()
    sections = [Section("symptoms", "", rule.line, list(rule.texts))]
    alert = Alert(rule.alert, rule.line, rule.severity, sections=sections)
    return Remedy(alert, function, arguments, Command(text, "rule", rule.line), label_of, rule.place)

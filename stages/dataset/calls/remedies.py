"""What all alerts and rules teach: a rule wins over the runbook, and a severity tells two calls of one alert apart."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.errors import StageError
from stages.dataset.calls.coverage import Coverage, cover, with_firing
from stages.dataset.calls.gold import Gold, GoldLabels, read_gold
from stages.dataset.calls.judgement import Judged
from stages.dataset.calls.remedy import Remedy, Skipped, conflict, find_remedy
from stages.dataset.calls.rules import Rules
from stages.dataset.calls.tools import Tools
from stages.dataset.faults import collect
from stages.dataset.rows.annotations.told import left_out
from stages.dataset.runbook.alert import Alert

MANY_FUNCTIONS = 14  # beyond which FunctionGemma is reported weak


@dataclass(frozen=True)
class Findings:
    """What the alerts of a runbook and of rules teach. warnings: sentences for the author about no single alert.

    faults: what keeps a dataset from being made: alerts that teach two calls, and rules at fault where tools.yaml
    says strict_rules. coverage: what each alerting rule comes to.
    """

    remedies: list[Remedy] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def uncovered(self) -> list[Alert]:
        """The alerts of rules that have neither a page nor a function: the agent is to stay silent about them."""
        return self.coverage.uncovered_alerts

    @property
    def all_warnings(self) -> list[str]:
        """The warnings, and those about single alerts with the alert's name."""
        own = [f"{remedy.alert.name}: {text}" for remedy in self.remedies for text in remedy.warnings]
        return [*self.warnings, *own]

    @property
    def without_call(self) -> list[Alert]:
        """The alerts whose answer is no call."""
        return [entry.alert for entry in self.skipped if entry.kind == "no call"]


def find_remedies(alerts: Sequence[Alert], tools: Tools, rules: Rules | None = None) -> Findings:
    """Returns the alerts that teach a call and those that do not, each with its reason, and what is at fault."""
    rules = rules or Rules()
    gold = read_gold(rules, tools)
    coverage = cover(rules, gold, alerts)
    findings = Findings(coverage=coverage)
    _warn_of_tools(tools, findings)
    _tell_of_left_out(gold, tools, findings)
    findings.warnings.extend(coverage.doubts)
    told = _told(alerts, tools, gold, findings)
    in_doubt = {name: left.says for left in reversed(gold.left_out) for name in left.names}
    for entry in (with_firing(entry, coverage) for entries in told.values() for entry in entries):
        if isinstance(entry, Remedy):
            findings.remedies.append(entry)
        else:
            findings.skipped.append(_in_doubt(entry, in_doubt.get(entry.name, "")))
    _warn_of_texts(findings)
    return findings


def _told(
    alerts: Sequence[Alert], tools: Tools, gold: GoldLabels, findings: Findings
) -> dict[str, list[Remedy | Skipped]]:
    """Returns what the alerts of the runbook teach, by their names, and behind those what only rules teach."""
    told: dict[str, list[Remedy | Skipped]] = {}
    severities: dict[str, set[str]] = {}
    for alert in alerts:
        severities.setdefault(alert.name, set()).add(alert.severity.casefold())
    for alert in alerts:
        for found in _decide(alert, tools, _gold_of(alert, severities[alert.name], gold.of), findings):
            collect(findings.faults, _tell, found, told)
    for name, rules_of in gold.of.items():
        _tell_of_rules(name, rules_of, told, findings)
    return told


def _tell_of_left_out(gold: GoldLabels, tools: Tools, findings: Findings) -> None:
    """Adds the rules that a person has to mend: as faults where tools.yaml is strict, else as warnings."""
    if tools.strict_rules:
        findings.faults.extend(each.says for each in gold.left_out)
        return
    for each in gold.left_out:
        count = len(each.rules)
        left = f"; {'the rule is' if count == 1 else f'the {count} rules are'} left out" if count else ""
        place = f"{each.rules[0].place}: " if count > 1 else ""
        findings.warnings.append(f"{place}{each.says}{left}")


def _in_doubt(entry: Skipped, says: str) -> Skipped:
    """Returns an alert that a rule at fault would teach a call: nobody may take it for one that needs none."""
    if not says or entry.kind != "no call":
        return entry
    return replace(entry, kind="mistake", reason=f"a rule that names its function is left out: {says}")


def _tell_of_rules(
    name: str, rules: Sequence[Gold], told: dict[str, list[Remedy | Skipped]], findings: Findings
) -> None:
    """Adds what rules say of an alert, or of a severity, that the runbook does not document."""
    for rule, remedy in rules:
        known = [entry for entry in told.get(name, ()) if isinstance(entry, Remedy)]
        if any(remedy.call == other.call for other in known):
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
    different = [other for other in before if found.call != other.call]
    for other in different:
        severities = {found.alert.severity, other.alert.severity}
        if len(severities) == 1 or "" in severities:
            raise StageError(conflict(other, found))
    return len(different) == len(before)


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
        if isinstance(found, Remedy) and found.call != remedy.call:
            findings.warnings.append(
                f"{alert.name}: {rule.place} says {remedy.function.name}, {found.place} says {found.function.name}; "
                "the rule wins"
            )
        known = alert if len(rules) == 1 else replace(alert, severity=rule.severity)
        yield replace(remedy, alert=known, passed_over=passed)


def _given_way(found: Remedy) -> Judged:
    command = found.command
    return Judged(command, "option", f"{command.place} gives way to a rule: {command.text:.80}", found.function)


def _gold_of(alert: Alert, severities: Collection[str], gold: Mapping[str, Sequence[Gold]]) -> Sequence[Gold]:
    """Returns the rules that are about an alert of the runbook: of its severity, else those that are of no other's.

    severities: of all alerts of its name.
    """
    rules = gold.get(alert.name, ())
    own = [each for each in rules if each[0].severity.casefold() == alert.severity.casefold()]
    return own[:1] or [each for each in rules if each[0].severity.casefold() not in severities]

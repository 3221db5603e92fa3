"""Which alerting rules have a function, which have a page of the runbook, and what becomes of the others."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from stages.dataset.calls.gold import GoldLabels, alert_of
from stages.dataset.calls.remedy import Remedy, Skipped
from stages.dataset.calls.rules import Rule, Rules
from stages.dataset.runbook.alert import Alert

MOST_NAMED = 5  # of the alerts that have neither a page nor a function
_APART = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Coverage:
    """Each rule once: by_function where a rule of its name names one, by_page where the runbook has its name.

    left_out: rules that teach nothing, as they or others of their name are at fault, or as it stays in doubt which
    alert of the runbook they are about. doubts: sentences about those. severities: of the runbook's alerts, by name.
    """

    by_function: Sequence[Rule] = ()
    by_page: Sequence[Rule] = ()
    uncovered: Sequence[Rule] = ()
    left_out: Sequence[Rule] = ()
    doubts: Sequence[str] = ()
    severities: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """How many rules there are."""
        return len(self.by_function) + len(self.by_page) + len(self.uncovered) + len(self.left_out)

    def lines(self) -> Iterator[str]:
        """Yields what becomes of the rules in words, and the first of the uncovered ones; nothing without rules."""
        if self.read:
            counts = f"{len(self.by_function)} with a function, {len(self.by_page)} with a page"
            left = f", {len(self.left_out)} left out" if self.left_out else ""
            rules = "1 alerting rule" if self.read == 1 else f"{self.read} alerting rules"
            yield f"{rules}: {counts}, {len(self.uncovered)} with neither{left}"
        if count := len(self.uncovered_alerts):
            which = "1 alert of a rule has" if count == 1 else f"{count} alerts of rules have"
            names = list(dict.fromkeys(alert.name for alert in self.uncovered_alerts))
            shown = f"{', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''}"
            learns = f"the model learns to be silent on {'it' if count == 1 else 'them'}"
            yield f"{which} neither a page nor a function: {learns}: {shown}"

    @cached_property
    def uncovered_alerts(self) -> list[Alert]:
        """The alerts of uncovered rules: one for each name, and for each severity of a name, of the first such rule."""
        first: dict[tuple[str, str], Rule] = {}
        for rule in self.uncovered:
            first.setdefault((rule.alert, rule.severity.casefold()), rule)
        return [alert_of(rule) for rule in first.values()]

    @cached_property
    def by_place(self) -> Mapping[str, Rule]:
        """The rules that name a function, by their places."""
        return {rule.place: rule for rule in self.by_function}

    @cached_property
    def by_name(self) -> Mapping[str, Sequence[Rule]]:
        """The rules that say what alerts of the runbook carry, by their names."""
        found: dict[str, list[Rule]] = {}
        for rule in (*self.by_function, *self.by_page):
            found.setdefault(rule.alert, []).append(rule)
        return found


def cover(rules: Rules, gold: GoldLabels, alerts: Sequence[Alert]) -> Coverage:
    """Returns what each rule comes to."""
    severities: dict[str, set[str]] = {}
    for alert in alerts:
        severities.setdefault(alert.name, set()).add(alert.severity.casefold())
    alike = {_plain(alert.name): alert for alert in reversed(alerts)}
    at_fault = {id(rule) for left in gold.left_out for rule in left.rules}
    in_doubt = {name for left in gold.left_out for name in left.names}
    found: dict[str, list[Rule]] = {"function": [], "page": [], "uncovered": [], "left out": []}
    doubts: list[str] = []
    for rule in rules.known:
        if id(rule) in at_fault:
            found["left out"].append(rule)
        elif rule.alert in gold.of:
            found["function"].append(rule)
        elif rule.alert in severities:
            found["page"].append(rule)
        elif rule.alert in in_doubt:
            found["left out"].append(rule)
        elif known := alike.get(_plain(rule.alert)):
            found["left out"].append(rule)
            doubts.append(_doubt(rule, known))
        else:
            found["uncovered"].append(rule)
    return Coverage(found["function"], found["page"], found["uncovered"], found["left out"], doubts, severities)


def _plain(name: str) -> str:
    """Returns a name without what people write differently: case, spaces and dashes."""
    return _APART.sub("", name).casefold() or name


def _doubt(rule: Rule, alert: Alert) -> str:
    told = "if it is the same alert, write both alike; the rule is left out"
    return f"{rule.place}: {rule.alert} stands in no page, but {alert.name} ({alert.place}) does; {told}"


def with_firing(entry: Remedy | Skipped, coverage: Coverage) -> Remedy | Skipped:
    """Returns what an alert teaches, with what its rule says that it carries, and its severity where no page does."""
    found = _rules_of(entry, coverage)
    if not found:
        return entry
    severities = {rule.severity.casefold() for rule in found}
    severity = entry.alert.severity or (found[0].severity if len(severities) == 1 else "")
    return replace(entry, alert=replace(entry.alert, firing=found[0].firing, severity=severity))


def _rules_of(entry: Remedy | Skipped, coverage: Coverage) -> Sequence[Rule]:
    """Returns the rules that an alert fires by: the one that names its call, else those of its severity.

    An alert that states none has those of no severity that another alert of its name has.
    """
    if isinstance(entry, Remedy) and entry.command.section == "rule":
        return [coverage.by_place[entry.place]]
    severity, rules = entry.alert.severity.casefold(), coverage.by_name.get(entry.alert.name, ())
    own = [rule for rule in rules if rule.severity.casefold() == severity]
    if severity:
        return own[:1] or [rule for rule in rules if not rule.severity][:1]
    others = coverage.severities.get(entry.alert.name, ())
    return [rule for rule in rules if rule.severity.casefold() not in others or not rule.severity]

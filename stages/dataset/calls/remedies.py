"""Which call an alert teaches: what a rule says, else the first command, in the policy's order, that is a function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from shared.errors import StageError
from stages.dataset.calls import commands
from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.gold import arguments_of
from stages.dataset.calls.nested import texts_in, with_texts
from stages.dataset.calls.placeholders import Placeholder, as_written, fill, placeholders
from stages.dataset.calls.rules import Rule
from stages.dataset.calls.tools import Function, Policy, Tools
from stages.dataset.calls.unfilled import ASIDE, unfilled, with_apart
from stages.dataset.rows import labels
from stages.dataset.rows.annotations.told import left_out
from stages.dataset.runbook.alert import Alert, Command, Section

Gold = tuple[Rule, "Remedy"]
MANY_FUNCTIONS = 14  # beyond which FunctionGemma is reported weak
Reason = Literal["no call", "mistake"]


@dataclass(frozen=True)
class Remedy:
    """The call that an alert teaches; string arguments may hold placeholders, bound to labels by `label_of`.

    command: what stands for it, in the runbook; of a rule, the rule's own words. place: where, as a person reads it.
    """

    alert: Alert
    function: Function
    arguments: Arguments
    command: Command
    label_of: dict[Placeholder, str]
    place: str


@dataclass(frozen=True)
class Skipped:
    """An alert that teaches no call, and why.

    kind: `no call` where its answer is no call: it has no command, or none that the agent has a function for;
    `mistake` where a person has to mend something, and no row is made of it.
    """

    name: str
    line: int
    reason: str
    kind: Reason
    alert: Alert


@dataclass(frozen=True)
class Findings:
    """What the alerts of a runbook and of rules teach. warnings: sentences for the author."""

    remedies: list[Remedy] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def without_call(self) -> list[Alert]:
        """The alerts whose answer is no call."""
        return [entry.alert for entry in self.skipped if entry.kind == "no call"]


def find_remedies(alerts: Sequence[Alert], tools: Tools, rules: Sequence[Rule] = ()) -> Findings:
    """Returns the alerts that teach a call and those that do not, each with its reason.

    Raises StageError, naming both places, where one alert teaches two calls and no severity tells them apart, and for
    a rule that tools.yaml does not fit.
    """
    findings = Findings()
    _warn_of_tools(tools, findings)
    gold = _gold(rules, tools)
    told: dict[str, list[Remedy | Skipped]] = {}
    for alert in alerts:
        for found in _decide(alert, tools, _gold_of(alert, alerts, gold.get(alert.name, ())), findings):
            _tell(found, told)
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
        _tell(remedy, told)


def _tell(found: Remedy | Skipped, told: dict[str, list[Remedy | Skipped]]) -> None:
    """Adds what an alert teaches; of an alert that comes again, only another call for another severity counts."""
    entries = told.setdefault(found.alert.name, [])
    remedies = [entry for entry in entries if isinstance(entry, Remedy)]
    if not entries or (isinstance(found, Remedy) and _is_another(found, remedies) and remedies):
        entries.append(found)
    elif isinstance(found, Remedy) and not remedies:
        entries[:] = [found, *(_again(entry.alert, found.alert.line) for entry in entries)]
    else:
        entries.append(_again(found.alert, entries[0].alert.line))


def _again(alert: Alert, line: int) -> Skipped:
    return Skipped(alert.name, alert.line, f"repeats the alert of line {line}", "mistake", alert)


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
    for rule, remedy in rules:
        if isinstance(found, Remedy) and _differs(found, remedy):
            findings.warnings.append(
                f"{alert.name}: {rule.place} says {remedy.function.name}, {found.place} says {found.function.name}; "
                "the rule wins"
            )
        known = alert if len(rules) == 1 else replace(alert, severity=rule.severity)
        yield replace(remedy, alert=known)


def find_remedy(alert: Alert, tools: Tools) -> Remedy | Skipped:
    """Returns the call that an alert's commands teach, or the reason that they teach none."""

    def skipped(reason: str, kind: Reason) -> Skipped:
        return Skipped(alert.name, alert.line, reason, kind, alert)

    if alert.name in tools.policy.no_call:
        return skipped("tools.yaml says that it needs no call", "no call")
    mistake = refused = ""
    for command in ordered(alert.commands, tools.policy):
        said = command.standing
        for function in tools.functions:
            arguments = commands.match(command.text, function)
            if arguments is None:
                continue
            arguments = with_apart(arguments, function)
            if said.kind == "forbidden":
                refused = refused or f"line {command.line} is forbidden by {said.words!r} in line {said.line}"
                continue
            if said.kind == "doubtful":
                doubt = (
                    f"line {command.line}: {said.words!r} in line {said.line} leaves in doubt whether it is to be run"
                )
                mistake = mistake or f"{doubt}; say so in words without a condition, or take the command out"
                continue
            if command.dangerous and not function.dangerous:
                refused = refused or (
                    f"line {command.line} is dangerous: {command.text:.80}; "
                    f"set dangerous: true for {function.name} in tools.yaml to allow it"
                )
                continue
            label_of = _bind(arguments, tools.placeholders, alert.severity, command.text)
            if isinstance(label_of, dict):
                return Remedy(alert, function, arguments, command, label_of, f"line {command.line}")
            mistake = mistake or f"line {command.line}: {label_of}"
    mistake = mistake or _blank(alert, tools)
    if mistake or refused:
        return skipped(mistake or refused, "mistake" if mistake else "no call")
    if not alert.commands:
        return skipped("holds no command", "no call")
    shown = next(iter(ordered(alert.commands, tools.policy)), alert.commands[0])
    reason = f"no command stands for a function of tools.yaml, such as line {shown.line}: {shown.text:.80}"
    return skipped(reason, "no call")


def _blank(alert: Alert, tools: Tools) -> str:
    """Returns what in the first command that looks like a call nobody could fill in; empty where none does."""
    for command in ordered(alert.commands, tools.policy):
        for function in tools.functions if command.standing.kind == "meant" else ():
            is_allowed = function.dangerous or not command.dangerous
            if is_allowed and (reason := unfilled(command.text, function)):
                return f"line {command.line}: {reason}"
    return ""


def ordered(found: Sequence[Command], policy: Policy) -> list[Command]:
    """Returns the commands that may be the remedy, best first: by section, by its heading, then as they stand."""

    def rank(command: Command) -> tuple[int, int]:
        heading = command.heading.lower()
        known = [place for place, word in enumerate(policy.headings) if word.lower() in heading]
        return policy.sections.index(command.section), min(known, default=len(policy.headings))

    return sorted((command for command in found if command.section in policy.sections), key=rank)


def _bind(arguments: Arguments, aliases: dict[str, str], severity: str, text: str) -> dict[Placeholder, str] | str:
    """Returns the label of every placeholder, or the sentence that names one without, as it stands in text."""
    label_of: dict[Placeholder, str] = {}
    for name, value in arguments.items():
        for placeholder in placeholders(" ".join(texts_in(value))):
            label = labels.resolve(placeholder, aliases)
            if label is None:
                return f"{as_written(placeholder, text)} (for {name}) is no known alert label; {ASIDE}"
            if label == "severity" and not severity:
                return f"{placeholder.name} (for {name}) is the alert's severity, which the runbook does not state"
            label_of[placeholder] = label
    return label_of


def _gold(rules: Sequence[Rule], tools: Tools) -> dict[str, list[Gold]]:
    """Returns what the rules teach, by alert: one call, or one for each severity.

    Raises StageError where tools.yaml contradicts a rule, or where no severity tells two rules apart.
    """
    found: dict[str, list[Gold]] = {}
    for rule in rules:
        remedy, known = _gold_remedy(rule, tools), found.setdefault(rule.alert, [])
        _is_another(remedy, [other for _, other in known])
        if all(_differs(remedy, other) or rule.severity != same.severity for same, other in known):
            known.append((rule, remedy))
    return found


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
    label_of = _bind(arguments, tools.placeholders, rule.severity, " ".join(texts_in(rule.parameters)))
    if isinstance(label_of, str):
        raise StageError(f"{rule.place}: {label_of}")
    text = f"{rule.function} {' '.join(map(str, rule.parameters.values()))}".strip()
    sections = [Section("symptoms", "", rule.line, list(rule.texts))]
    alert = Alert(rule.alert, rule.line, rule.severity, sections=sections)
    return Remedy(alert, function, arguments, Command(text, "rule", rule.line), label_of, rule.place)

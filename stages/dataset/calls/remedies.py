"""Which call an alert teaches: the first command of the best section that stands for a function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.dataset.calls import commands
from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.placeholders import Placeholder, placeholders
from stages.dataset.calls.tools import Function, Tools
from stages.dataset.rows import labels
from stages.dataset.runbook.alert import Alert, Command

# A remedy wins over a look: what an alert's mitigation says is what the agent does. Commands in
# other sections (escalation, references …) are never the answer.
SECTION_ORDER = ("mitigation", "other", "diagnosis", "verification")


@dataclass(frozen=True)
class Remedy:
    """The call that an alert teaches; string arguments may hold placeholders, bound to labels by `label_of`."""

    alert: Alert
    function: Function
    arguments: Arguments
    command: Command
    label_of: dict[Placeholder, str]


@dataclass(frozen=True)
class Skipped:
    """An alert that teaches no call, and why."""

    name: str
    line: int
    reason: str


def find_remedies(alerts: Sequence[Alert], tools: Tools) -> tuple[list[Remedy], list[Skipped]]:
    """Returns the alerts that teach a call and those that do not, each with its reason."""
    remedies: list[Remedy] = []
    skipped: list[Skipped] = []
    first_lines: dict[str, int] = {}
    for alert in alerts:
        first = first_lines.setdefault(alert.name, alert.line)
        found = find_remedy(alert, tools) if first == alert.line else f"repeats the alert of line {first}"
        if isinstance(found, Remedy):
            remedies.append(found)
        else:
            skipped.append(Skipped(alert.name, alert.line, found))
    return remedies, skipped


def find_remedy(alert: Alert, tools: Tools) -> Remedy | str:
    """Returns the call that an alert teaches, or the reason that it teaches none."""
    unbound = ""
    for command in _ordered(alert.commands):
        for function in tools.functions:
            arguments = commands.match(command.text, function)
            if arguments is None:
                continue
            label_of = _bind(arguments, tools.placeholders, alert)
            if isinstance(label_of, dict):
                return Remedy(alert, function, arguments, command, label_of)
            unbound = unbound or f"line {command.line}: {label_of}"
    if unbound:
        return unbound
    if not alert.commands:
        return "holds no command"
    shown = next(_ordered(alert.commands), alert.commands[0])
    return f"no command stands for a function of tools.yaml, such as line {shown.line}: {shown.text:.80}"


def _ordered(found: Sequence[Command]) -> Iterator[Command]:
    for section in SECTION_ORDER:
        yield from (command for command in found if command.section == section)


def _bind(arguments: Arguments, aliases: dict[str, str], alert: Alert) -> dict[Placeholder, str] | str:
    """Returns the label of every placeholder, or the sentence that names one without."""
    label_of: dict[Placeholder, str] = {}
    for name, value in arguments.items():
        for placeholder in placeholders(value) if isinstance(value, str) else ():
            label = labels.resolve(placeholder, aliases)
            if label is None:
                known = "is no known alert label; name one under placeholders in tools.yaml"
                return f"{placeholder.name} (for {name}) {known}"
            if label == "severity" and not alert.severity:
                return f"{placeholder.name} (for {name}) is the alert's severity, which the runbook does not state"
            label_of[placeholder] = label
    return label_of

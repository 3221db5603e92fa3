"""Which call one alert teaches: the first of its commands, in the policy's order, that nothing speaks against."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.judgement import Judged, judged, rank
from stages.dataset.calls.nested import with_texts
from stages.dataset.calls.placeholders import Placeholder, fill
from stages.dataset.calls.tools import Function, Policy, Tools
from stages.dataset.runbook.alert import Alert, Command

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

    @property
    def call(self) -> tuple[str, str]:
        """The function, and the arguments as JSON with the labels that their placeholders mean, however written."""
        bound = {name: with_texts(value, self._by_label) for name, value in self.arguments.items()}
        text = json.dumps(bound, sort_keys=True)
        return self.function.name, json.dumps(json.loads(text, parse_float=_number)) if "." in text else text

    def _by_label(self, text: str) -> str:
        return fill(text, lambda placeholder: f"\0{self.label_of[placeholder]}\0")


def _number(text: str) -> float:
    """Returns a number, 3.0 as 3."""
    known = float(text)
    return int(known) if known.is_integer() else known


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


def conflict(one: Remedy, other: Remedy) -> str:
    """Returns what is wrong where one alert teaches two calls."""
    return (
        f"{one.alert.name} teaches two calls: {one.function.name} ({one.place}) and "
        f"{other.function.name} ({other.place}); keep one, or give the two alerts different severities"
    )


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
    yield from (each.says for each in passed if each.why == "unread")
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

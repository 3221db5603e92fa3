"""What each command of an alert comes to: a call, or the reason why it is passed over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stages.dataset.calls import commands
from stages.dataset.calls.commands import Arguments
from stages.dataset.calls.nested import texts_in
from stages.dataset.calls.placeholders import Placeholder, as_written, placeholders
from stages.dataset.calls.tools import Function, Policy, Tools
from stages.dataset.calls.unfilled import ASIDE, unfilled, with_apart
from stages.dataset.rows import labels
from stages.dataset.runbook.alert import Alert, Command
from stages.dataset.secrets.redaction import REDACTED

Why = Literal[
    "",
    "forbidden",
    "doubtful",
    "placeholder",
    "secret",
    "dangerous",
    "chain",
    "no function",
    "unread",
    "only looks",
    "another section",
    "option",
]
"""Why a command is passed over; '' where nothing speaks against its call."""


@dataclass(frozen=True)
class Judged:
    """A command with the call that it stands for, and why it is passed over all the same.

    says: the reason as a sentence for the author, with the command's line. is_confirmed: tools.yaml settled a doubt.
    """

    command: Command
    why: Why = ""
    says: str = ""
    function: Function | None = None
    arguments: Arguments = field(default_factory=dict)
    label_of: dict[Placeholder, str] = field(default_factory=dict)
    is_confirmed: bool = False

    @property
    def is_unsettled(self) -> bool:
        """Whether a person has to say what is meant before anything can be taught of it."""
        return self.why in ("doubtful", "placeholder", "secret", "chain", "unread")


def judged(alert: Alert, tools: Tools) -> list[Judged]:
    """Returns each command of an alert, judged: those that may be the remedy first, best first."""
    ranked = ordered(alert.commands, tools.policy)
    elsewhere = [command for command in alert.commands if command.section not in tools.policy.sections]
    return [*(_judged(command, alert, tools) for command in ranked), *_unread(alert), *map(_elsewhere, elsewhere)]


def ordered(found: Sequence[Command], policy: Policy) -> list[Command]:
    """Returns the commands that may be the remedy, best first: by section, by its heading, then as they stand."""
    return sorted(
        (command for command in found if command.section in policy.sections), key=lambda one: rank(one, policy)
    )


def rank(command: Command, policy: Policy) -> tuple[int, int]:
    """Returns the place of a command's section in the policy, and that of its heading; less is better."""
    heading = command.heading.lower()
    known = [place for place, word in enumerate(policy.headings) if word.lower() in heading]
    return policy.sections.index(command.section), min(known, default=len(policy.headings))


def bind(arguments: Arguments, aliases: dict[str, str], severity: str, text: str) -> dict[Placeholder, str] | str:
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


def _elsewhere(command: Command) -> Judged:
    place = f"under {command.heading!r}" if command.heading else f"in a section of {command.section}"
    return Judged(command, "another section", f"{command.place} stands {place}, where no remedy is looked for")


def _judged(command: Command, alert: Alert, tools: Tools) -> Judged:
    """Returns the first of the command's calls that nothing speaks against, else the first of them, else none."""
    found = list(_calls(command, alert, tools)) or list(_blanks(command, tools))
    return next((each for each in found if not each.why), found[0] if found else _without_function(command, tools))


def _calls(command: Command, alert: Alert, tools: Tools) -> Iterator[Judged]:
    is_confirmed = bool(command.standing) and tools.confirms(alert.name, command.text)
    for function in tools.functions:
        arguments = commands.match(command.script, function)
        if arguments is None:
            continue
        arguments = with_apart(arguments, function)
        label_of = bind(arguments, tools.placeholders, alert.severity, command.script)
        why, says = _against(command, function, is_confirmed)
        if isinstance(label_of, str) and why != "forbidden":
            why, says = "placeholder", f"{command.place}: {label_of}"
        if secret := next((name for name, value in arguments.items() if REDACTED in " ".join(texts_in(value))), ""):
            why, says = "secret", f"{command.place}: a secret stands where {secret} belongs; write a placeholder"
        known = label_of if isinstance(label_of, dict) else {}
        yield Judged(command, why, says, function, arguments, known, is_confirmed)


def _blanks(command: Command, tools: Tools) -> Iterator[Judged]:
    """Yields the calls that a command would stand for, did it not hold what nobody could fill in."""
    for function in tools.functions if command.standing.kind == "meant" else ():
        is_allowed = function.dangerous or not command.dangerous
        if is_allowed and (reason := unfilled(command.script, function)):
            yield Judged(command, "placeholder", f"{command.place}: {reason}", function)


def _against(command: Command, function: Function, is_confirmed: bool) -> tuple[Why, str]:
    said = command.standing
    if said.kind == "forbidden":
        return "forbidden", _forbidden(command)
    if said.kind == "doubtful" and not is_confirmed:
        doubt = f"{command.place}: {said.words!r} in line {said.line} leaves in doubt whether it is to be run"
        return "doubtful", f"{doubt}; say so in words without a condition, take it out, or confirm it in tools.yaml"
    if command.dangerous and not function.dangerous:
        allow = f"set dangerous: true for {function.name} in tools.yaml to allow it"
        return "dangerous", f"{command.place} is dangerous: {command.text:.80}; {allow}"
    return "", ""


def _forbidden(command: Command) -> str:
    return f"{command.place} is forbidden by {command.standing.words!r} in line {command.standing.line}"


def _without_function(command: Command, tools: Tools) -> Judged:
    if command.standing.kind == "forbidden":
        return Judged(command, "forbidden", _forbidden(command))
    if not command.mutating:
        return Judged(command, "only looks", f"{command.place} only looks: {command.text:.80}")
    place = command.place
    if held := next((each.name for each in tools.functions if commands.is_in(command.script, each)), ""):
        told = f"{place} holds a command of {held} beside what may change something else: {command.text:.80}"
        return Judged(command, "chain", f"{told}; write each on a line of its own")
    told = f"{place} changes something, and no function of tools.yaml stands for it: {command.text:.80}"
    return Judged(command, "no function", told)


def _unread(alert: Alert) -> list[Judged]:
    """Returns what looks like a command and cannot be read whole, as commands that are passed over."""
    return [
        Judged(command, "unread", f"{command.place} is not read, {reason}: {command.text}")
        for command, reason in (
            (Command(each.text, "", each.line, page=alert.page), each.reason) for each in alert.unread
        )
    ]

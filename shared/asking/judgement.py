"""What becomes of a model's answer to one alert: the call that it is, silence, or a refusal with its reason.

An answer is a call only if it can be read, is one call of a declared function, has every argument that is required,
each as it is declared, and if every text in it comes from somewhere: from the alert, from the runbook, or from the
choices that the function declares. A dangerous function is called for the alerts alone that the runbook teaches it for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.alert import Alert
from shared.asking.call_policy import CallPolicy, CallRules, Label, Pattern
from shared.asking.schema import fault, open_texts
from shared.errors import one_line
from shared.function_call import START_CALL, Call, read_calls
from shared.prompt import PromptFile

UNREADABLE = "unreadable"
UNDECLARED = "undeclared"
SEVERAL = "several"
INVALID = "invalid"
UNGROUNDED = "ungrounded"
DANGEROUS = "dangerous"
KINDS = (UNREADABLE, UNDECLARED, SEVERAL, INVALID, UNGROUNDED, DANGEROUS)
"""Why an answer is refused, in the order in which it is asked."""

MAX_ANSWER = 50_000
"""How many characters of an answer are read."""

_BARE_CALL = re.compile(rf"(?<!{START_CALL})\bcall:[\w.-]{{1,200}}\s{{0,10}}\{{")


@dataclass(frozen=True)
class Refusal:
    """Why an answer is no call: one of KINDS, and one sentence."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Judgement:
    """What an answer comes to. Neither a call nor a refusal means that the model chose to call nothing."""

    call: Call | None = None
    refusal: Refusal | None = None


def judge(alert: Alert, text: str, prompt: PromptFile, policy: CallPolicy) -> Judgement:
    """Returns the call that a model's text makes for an alert, in the agent's names, or why it makes none."""
    found = _read(text, prompt)
    if isinstance(found, Call):
        refusal = next(_refusals(alert, found, policy), None)
        return Judgement(refusal=refusal) if refusal else Judgement(found)
    return Judgement(refusal=found)


def _read(text: str, prompt: PromptFile) -> Call | Refusal | None:
    """Returns the one call in a text, why there is none that can be judged, or None where the model is silent."""
    if len(text) > MAX_ANSWER:
        return _refusal(UNREADABLE, f"the answer has {len(text)} characters; at most {MAX_ANSWER} are read")
    reading = read_calls(text)
    if reading.fault:
        return _refusal(UNREADABLE, f"the answer holds {reading.fault}")
    if not reading.calls:
        return _bare_call(text)
    if len(reading.calls) > 1:
        return _refusal(SEVERAL, f"the answer makes {len(reading.calls)} calls; an alert has one remedy")
    try:
        return prompt.functions.names.to_agent(reading.calls[0])
    except ValueError as unknown:
        return _refusal(UNDECLARED, str(unknown))


def _bare_call(text: str) -> Refusal | None:
    """Returns the refusal of what looks like a call: some servers leave control tokens out of what they return."""
    if found := _BARE_CALL.search(text):
        what = f"the answer holds {found[0]!r:.80} without the tokens of a call"
        return _refusal(UNREADABLE, f"{what}; let the server return control tokens")
    return None


def _refusals(alert: Alert, call: Call, policy: CallPolicy) -> Iterator[Refusal]:
    rules = policy.functions.get(call.name)
    if rules is None:
        yield _refusal(UNDECLARED, f"the function {call.name!r:.80} is not in calls.json")
        return
    if wrong := fault(rules.parameters, call.arguments):
        yield _refusal(INVALID, f"the call of {call.name}: {wrong}")
        return
    for name, text in _ungrounded(alert, call, rules):
        yield _refusal(UNGROUNDED, f"{name} of {call.name} is {text!r:.120}, which neither alert nor runbook says")
    if rules.dangerous and alert.labels.get("alertname", "") not in rules.alerts:
        named = f"the runbook does not teach it for {alert.labels.get('alertname', '') or 'an alert without a name'}"
        yield _refusal(DANGEROUS, f"{call.name} is dangerous, and {named:.200}")


def _ungrounded(alert: Alert, call: Call, rules: CallRules) -> Iterator[tuple[str, str]]:
    """Yields the texts in a call, with their parameters, that come from nowhere."""
    told = {*alert.labels.values(), *alert.annotations.values()}
    for name, value in call.arguments.items():
        schema = (rules.parameters.get("properties") or {}).get(name, {})
        made = {_filled(pattern, alert) for pattern in rules.patterns.get(name, ())}
        known = told | rules.constants.get(name, frozenset()) | made
        for text in open_texts(schema, value):
            if text not in known:
                yield name, text


def _filled(pattern: Pattern, alert: Alert) -> str | None:
    """Returns the text that a pattern makes of an alert's labels, None where the alert lacks one of them."""
    pieces = [alert.labels.get(piece.name) if isinstance(piece, Label) else piece for piece in pattern]
    known = [piece for piece in pieces if piece is not None]
    return "".join(known) if len(known) == len(pieces) else None


def _refusal(kind: str, reason: str) -> Refusal:
    return Refusal(kind, one_line(reason))

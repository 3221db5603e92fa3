"""How an agent asks its model about a notification: which alerts, by which prompts, and what comes of the answers.

The model is asked one thing: which call answers this one firing alert. The rest is decided here. A notification is
split into its alerts, a resolved one needs no call, equal ones are asked once, and what the model says is judged
(`judgement.py`) before anything is called.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.alert import Alert, read_each, render_alert
from shared.asking import call_policy
from shared.asking.call_policy import CallPolicy
from shared.asking.judgement import UNREADABLE, Judgement, Refusal, judge
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import PromptFile

PROMPT_FILE = "prompt.json"
NOT_READ, NOT_ANSWERED = "alert", "server"
"""Kinds of a refusal besides those of an answer: the alert could not be read whole, or no answer came."""

Complete = Callable[[str], str]
"""Returns how the model goes on from a prompt. Raises CompletionError where the server gives no answer."""

Observe = Callable[[str, float, Mapping[str, str]], None]
"""Takes a measurement: its name, its value and attributes, by OpenTelemetry's conventions for generative AI."""

DURATION = "gen_ai.client.operation.duration"  # seconds of one request
DECISIONS = "agent_model.decisions"  # counts 1 for each alert that was decided


class CompletionError(StageError):
    """Says why a server gave no answer: the alert is refused with it, and others are still asked."""


@dataclass(frozen=True)
class Decision:
    """What is to be done about one firing alert: a call, or a refusal; neither where the model chose to call nothing.

    alert is None where the notification's alert could not be read; text is what the model said.
    """

    alert: Alert | None
    call: Call | None = None
    refusal: Refusal | None = None
    text: str = ""

    @property
    def outcome(self) -> str:
        """`call`, `refusal` or `silence`."""
        return "call" if self.call else "refusal" if self.refusal else "silence"


@dataclass(frozen=True)
class Answer:
    """What a notification comes to: one decision for each firing alert, equal ones once, in their order."""

    decisions: tuple[Decision, ...] = ()
    resolved: int = 0

    @property
    def calls(self) -> tuple[Decision, ...]:
        """The decisions to call, each with its `alert` and `call`."""
        return tuple(decision for decision in self.decisions if decision.call)

    @property
    def refusals(self) -> tuple[Decision, ...]:
        """The decisions not to, each with its `alert` and `refusal`."""
        return tuple(decision for decision in self.decisions if decision.refusal)


def ignore(name: str, value: float, attributes: Mapping[str, str]) -> None:
    """Takes a measurement, and keeps none."""


@dataclass(frozen=True)
class Agent:
    """A model's prompt and the rules of its calls. observe gets a duration and a count for each alert.

    ValueError where the two files know different functions or parameters.
    """

    prompt: PromptFile
    policy: CallPolicy
    observe: Observe = field(default=ignore, compare=False)

    def __post_init__(self) -> None:
        declared = self.prompt.functions.names.functions
        _refuse_odd(declared.keys() ^ self.policy.functions.keys())
        for name, rules in self.policy.functions.items():
            ruled = (rules.parameters.get("properties") or {}).keys()
            _refuse_odd({f"{name}.{odd}" for odd in declared[name].parameters.keys() ^ ruled})

    @classmethod
    def load(cls, place: "Path | str", observe: Observe = ignore) -> "Agent":
        """Returns the agent of a model's folder, or of the prompt.json in it.

        Raises StageError where prompt.json or calls.json is missing or damaged.
        """
        folder = Path(place) if Path(place).is_dir() else Path(place).parent
        prompt_file = folder / PROMPT_FILE if Path(place).is_dir() else Path(place)
        try:
            prompt = PromptFile.from_json(_text(prompt_file, "give the model's folder"))
            rules = _text(folder / call_policy.FILE, "models of earlier releases have none: train again")
            return cls(prompt, CallPolicy.from_json(rules), observe)
        except ValueError as error:
            raise StageError(f"{folder}: {error}") from None

    def answer(self, notification: Any, complete: Complete) -> Answer:
        """Returns what a notification comes to. complete: asks the model; `client` has some for common servers.

        Raises StageError for what is no notification, or holds more alerts than are read.
        """
        asked = _Asked(notification)
        decisions = [each if isinstance(each, Decision) else self._ask(each, complete) for each in asked.each]
        return Answer(tuple(decisions), asked.resolved)

    async def aanswer(self, notification: Any, complete: Callable[[str], Awaitable[str]]) -> Answer:
        """Returns what `answer` does, asking one alert after another by a coroutine."""
        asked = _Asked(notification)
        decisions: list[Decision] = []
        for each in asked.each:
            decisions.append(each if isinstance(each, Decision) else await self._aask(each, complete))
        return Answer(tuple(decisions), asked.resolved)

    def prompt_of(self, alert: Alert) -> str:
        """Returns the full text that the model goes on from, with its `<bos>`."""
        return self.prompt.prompt(render_alert(alert))

    def decide(self, alert: Alert, text: object) -> Decision:
        """Returns what the model's text comes to for an alert."""
        if not isinstance(text, str):
            refusal = Refusal(UNREADABLE, f"the server gave {type(text).__name__}, not a text")
            return self._counted(Decision(alert, refusal=refusal))
        judged: Judgement = judge(alert, text, self.prompt, self.policy)
        return self._counted(Decision(alert, judged.call, judged.refusal, text))

    def _ask(self, alert: Alert, complete: Complete) -> Decision:
        start = time.monotonic()
        try:
            text = complete(self.prompt_of(alert))
        except CompletionError as error:
            return self._unanswered(alert, error, start)
        self._timed(start, "")
        return self.decide(alert, text)

    async def _aask(self, alert: Alert, complete: Callable[[str], Awaitable[str]]) -> Decision:
        start = time.monotonic()
        try:
            text = await complete(self.prompt_of(alert))
        except CompletionError as error:
            return self._unanswered(alert, error, start)
        self._timed(start, "")
        return self.decide(alert, text)

    def _unanswered(self, alert: Alert, error: CompletionError, start: float) -> Decision:
        self._timed(start, NOT_ANSWERED)
        return self._counted(Decision(alert, refusal=Refusal(NOT_ANSWERED, str(error))))

    def _timed(self, start: float, error: str) -> None:
        known = {"gen_ai.operation.name": "text_completion"} | ({"error.type": error} if error else {})
        self.observe(DURATION, time.monotonic() - start, known)

    def _counted(self, decision: Decision) -> Decision:
        known = {"agent_model.outcome": decision.outcome}
        if decision.alert:
            known["alertname"] = decision.alert.labels.get("alertname", "")
        if decision.call:
            known["gen_ai.tool.name"] = decision.call.name
        if decision.refusal:
            known["error.type"] = decision.refusal.kind
        self.observe(DECISIONS, 1, known)
        return decision


class _Asked:
    """What is to be decided about a notification: its firing alerts, equal ones once, and those that are unreadable."""

    def __init__(self, notification: Any) -> None:
        self.resolved = 0
        self.each = list(self._each(notification))

    def _each(self, notification: Any) -> Iterator["Alert | Decision"]:
        seen: set[str] = set()
        for found in read_each(notification):
            if isinstance(found, StageError):
                yield Decision(None, refusal=Refusal(NOT_READ, str(found)))
            elif not found.is_firing:
                self.resolved += 1
            elif (content := render_alert(found)) not in seen:
                seen.add(content)
                yield found


def _refuse_odd(odd: AbstractSet[str]) -> None:
    if odd:
        told = f"{', '.join(sorted(odd))} is in one of them alone"
        raise ValueError(f"{PROMPT_FILE} and {call_policy.FILE} are not of one model: {told}")


def _text(file: Path, remedy: str) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise StageError(f"{file} is missing; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StageError(f"{file} cannot be read as UTF-8 text: {error}") from None

"""Training rows: a notification as Alertmanager delivers it, and what answers it: a call, several, or none."""

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.alert import render_notification
from shared.artifacts import SPLITS, UNSEEN_ALERTS
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import NO_CALL_ANSWER, PromptFile, render_completion
from stages.dataset.calls.nested import with_texts
from stages.dataset.calls.placeholders import Placeholder, fill
from stages.dataset.calls.remedies import Findings
from stages.dataset.calls.remedy import Remedy
from stages.dataset.calls.schema import is_valid
from stages.dataset.calls.tools import Tools
from stages.dataset.rows.likeness import is_near, normalised
from stages.dataset.rows.notifications import Drawn, Sketch
from stages.dataset.rows.phrasings import answers_of, of_split, phrasings
from stages.dataset.rows.shown_names import NameKind, name_kind
from stages.dataset.rows.unknown_alerts import unknown_alerts
from stages.dataset.rows.unseen import held_out
from stages.dataset.runbook.alert import Alert

_ATTEMPTS = 20
_FITTING = 500


@dataclass(frozen=True)
class Sampling:
    """How rows are drawn; the inputs of the stage say what each number is."""

    per_alert: int = 24
    seed: int = 0
    no_call_share: float = 0.1
    renamed_share: float = 0.25
    grouped_share: float = 0.06
    unseen_alerts_share: float = 0.1
    max_function_share: float = 0.5


@dataclass(frozen=True)
class Row:
    """One example, as it is written to a split's file.

    call: JSON of one call, a list of several, or null. function: the names, joined by ` + `, or empty. alert: the
    runbook's name, empty for one that it does not know. alertname: how the notification shows it. prefix: what all
    prompts begin with, held once for all rows; turn: the rest.
    """

    split: str
    id: str
    prefix: str
    turn: str
    completion: str
    alert: str
    function: str
    call: str
    notification: str
    alertname: NameKind

    def columns(self) -> dict[str, str]:
        """Returns what the file holds of the row."""
        kept = {key: value for key, value in vars(self).items() if key not in ("split", "id", "prefix", "turn")}
        return {"id": self.id, "prompt": self.prompt} | kept

    @property
    def prompt(self) -> str:
        """The text that the model continues."""
        return self.prefix + self.turn


def prompt_file(tools: Tools) -> PromptFile:
    """Returns the renderer for the functions of tools.yaml. Raises ValueError as the renderer does."""
    return PromptFile.render([function.schema_for_model() for function in tools.functions], tools.names)


def make_rows(findings: Findings, tools: Tools, prompt: PromptFile, sampling: Sampling) -> list[Row]:
    """Returns up to per_alert distinct rows of each remedy, spread over the splits, and rows without a call.

    The seed draws values and phrases; the split of a value never depends on it. Fewer rows come out where an alert
    has too few distinct values. Raises StageError where one prompt would have two answers.
    """
    return _Maker(findings, tools, prompt, sampling).rows()


def counts(per_alert: int) -> dict[str, int]:
    """Returns rows per split: an eighth, and at least one, each for validation and test."""
    part = max(1, round(per_alert / 8))
    return dict(zip(SPLITS, (per_alert - 2 * part, part, part), strict=True))


class _Maker:
    """Draws the rows of one dataset; `answers` holds the completion and the origin of every prompt so far."""

    def __init__(self, findings: Findings, tools: Tools, prompt: PromptFile, sampling: Sampling) -> None:
        self.findings, self.tools, self.prompt, self.sampling = findings, tools, prompt, sampling
        self.functions = tools.names
        self.names = {remedy.alert.name for remedy in findings.remedies}
        self.names |= {entry.name for entry in findings.skipped}
        self.teachers = _teachers(findings.remedies)
        self.severities = Counter(remedy.alert.name for remedy in findings.remedies)
        self.answers: dict[str, tuple[str, str]] = {}
        self.words: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))

    def rows(self) -> list[Row]:
        unseen = held_out(self.findings.remedies, self.sampling.unseen_alerts_share)
        rows: list[Row] = []
        for remedy in self.findings.remedies:
            if remedy.alert.name in unseen:
                rows += self._calls(remedy, UNSEEN_ALERTS, 2 * counts(self.sampling.per_alert)["test"])
            else:
                for split, count in counts(self.sampling.per_alert).items():
                    rows += self._calls(remedy, split, count)
        trained = [remedy for remedy in self.findings.remedies if remedy.alert.name not in unseen]
        for split in SPLITS:
            rows += self._without_call(split, trained, sum(row.split == split for row in rows))
        return rows

    def _calls(self, remedy: Remedy, split: str, count: int) -> Iterator[Row]:
        chance = random.Random(f"{self.sampling.seed} {remedy.alert.name} {remedy.alert.severity} {split}")
        values = "test" if split == UNSEEN_ALERTS else split
        texts = phrasings(remedy.alert, answers_of(remedy))
        texts = of_split(texts, split) if split in SPLITS else texts
        told_by = {"severity"} if self.severities[remedy.alert.name] > 1 else set()

        def draw() -> Row:
            kind = self._kind(remedy, texts, chance)
            own = [text for text in texts if len(self.teachers[text]) == 1] if kind == "missing" else texts
            sketch = Sketch(remedy.alert, own, remedy.label_of, self.tools.placeholders, self.names, told_by)
            size = chance.choice((2, 2, 3)) if chance.random() < self.sampling.grouped_share else 1
            drawn = [_fitting(remedy, lambda: sketch.draw(values, kind, chance)) for _ in range(size)]
            return self._row(split, remedy.alert.name, kind, drawn, [call_of(remedy, one) for one in drawn])

        return self._distinct(draw, count, remedy.place)

    def _kind(self, remedy: Remedy, texts: Sequence[str], chance: random.Random) -> NameKind:
        """Returns how the name is shown: never missing where nothing else tells the alert from another."""
        needs_name = "alertname" in remedy.label_of.values()
        kind: NameKind = "stated" if needs_name else name_kind(self.sampling.renamed_share, chance)
        is_told = any(len(self.teachers[text]) == 1 for text in texts)
        return "stated" if kind == "missing" and not is_told else kind

    def _without_call(self, split: str, trained: Sequence[Remedy], calls: int) -> Iterator[Row]:
        share = self.sampling.no_call_share
        count = round(calls * share / (1 - share))
        chance = random.Random(f"{self.sampling.seed} no call {split}")
        unknown = unknown_alerts(split, self.names)
        idle = self.findings.without_call
        if not trained or not count:
            return iter(())

        def draw() -> Row:
            choice = chance.random()
            if choice < 0.4:
                return self._resolved(split, chance.choice(trained), chance)
            if idle and choice < 0.7:
                return self._idle(split, chance.choice(idle), chance)
            return self._idle(split, chance.choice(unknown), chance, is_known=False)

        return self._distinct(draw, count, "a row without a call")

    def _resolved(self, split: str, remedy: Remedy, chance: random.Random) -> Row:
        texts = of_split(phrasings(remedy.alert, answers_of(remedy)), split)
        sketch = Sketch(remedy.alert, texts, remedy.label_of, self.tools.placeholders, self.names)
        kind = name_kind(self.sampling.renamed_share, chance)
        return self._row(split, remedy.alert.name, kind, [sketch.draw(split, kind, chance, "resolved")], [])

    def _idle(self, split: str, alert: Alert, chance: random.Random, is_known: bool = True) -> Row:
        names = {function.name for function in self.tools.functions}
        texts = of_split(phrasings(alert, names), split)
        sketch = Sketch(alert, texts, {}, self.tools.placeholders, self.names)
        return self._row(split, alert.name if is_known else "", "stated", [sketch.draw(split, "stated", chance)], [])

    def _row(self, split: str, alert: str, kind: NameKind, drawn: Sequence[Drawn], calls: Sequence[Call]) -> Row:
        alerts = [one.alert for one in drawn]
        notification: dict[str, Any] = {"alerts": alerts} if len(alerts) > 1 else alerts[0]
        text = self.prompt.prompt(render_notification(notification))
        written = [{"name": call.name, "arguments": call.arguments} for call in calls]
        inside = [self.functions.to_model(call) for call in calls]
        return Row(
            split=split,
            id=hashlib.sha256(text.encode()).hexdigest()[:16],
            prefix=self.prompt.prefix,
            turn=text.removeprefix(self.prompt.prefix),
            completion=render_completion(inside, "" if calls else NO_CALL_ANSWER),
            alert=alert,
            function=" + ".join(call.name for call in calls),
            call=json.dumps(written if len(written) > 1 else written[0] if written else None, sort_keys=True),
            notification=json.dumps(notification, sort_keys=True),
            alertname=kind,
        )

    def _distinct(self, draw: Callable[[], Row], count: int, place: str) -> Iterator[Row]:
        found = 0
        for _ in range(count * _ATTEMPTS):
            if found == count:
                return
            row = draw()
            if row.id not in self.answers:
                if self._is_known_elsewhere(row):
                    continue
                self.answers[row.id] = (row.completion, place)
                found += 1
                yield row
            elif self.answers[row.id][0] != row.completion:
                raise StageError(
                    f"one notification has two answers, of {self.answers[row.id][1]} and of {place}: "
                    f"{row.notification:.200}; give the two alerts other symptoms"
                )

    def _is_known_elsewhere(self, row: Row) -> bool:
        """Returns whether another split has one answer to nearly the same words; if not, notes the row's own.

        Without an argument that differs from split to split, only the labels around it tell two rows apart.
        """
        if not row.function:
            return False
        words, known = normalised(row.turn), self.words[row.completion]
        if any(is_near(words, other) for split, others in known.items() if split != row.split for other in others):
            return True
        known[row.split].append(words)
        return False


def _fitting(remedy: Remedy, draw: Callable[[], Drawn]) -> Drawn:
    """Returns a drawn alert whose call is what tools.yaml declares: not every value fits a pattern or a length."""
    properties = remedy.function.parameters.properties
    wrong = ""
    for _ in range(_FITTING):
        drawn = draw()
        arguments = call_of(remedy, drawn).arguments
        misfits = (name for name, value in arguments.items() if not is_valid(properties[name], value))
        wrong = next(misfits, "")
        if not wrong:
            return drawn
    told = "whose values are drawn as Kubernetes makes them; loosen its pattern or length in tools.yaml"
    raise StageError(f"{remedy.place}: {wrong} of {remedy.function.name} takes no label's value, {told}")


def call_of(remedy: Remedy, drawn: Drawn) -> Call:
    """Returns the call that answers one drawn alert."""

    def value_of(placeholder: Placeholder) -> str:
        return drawn.values[remedy.label_of[placeholder]]

    filled = {name: with_texts(value, lambda text: fill(text, value_of)) for name, value in remedy.arguments.items()}
    return Call(remedy.function.name, filled)


def _teachers(remedies: Sequence[Remedy]) -> dict[str, set[str]]:
    """Returns for each phrasing the alerts that it describes: one of several does not tell which."""
    found: dict[str, set[str]] = defaultdict(set)
    for remedy in remedies:
        for text in phrasings(remedy.alert, answers_of(remedy)):
            found[text].add(remedy.alert.name)
    return found

"""Training rows: an alert as Alertmanager delivers it, and the call that answers it, or none."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat

from shared.artifacts import SPLITS, UNCOVERED_ALERTS, UNSEEN_ALERTS
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import PromptFile
from stages.dataset.calls.nested import with_texts
from stages.dataset.calls.placeholders import Placeholder, fill, placeholders
from stages.dataset.calls.remedies import Findings
from stages.dataset.calls.remedy import Remedy
from stages.dataset.calls.schema import is_valid
from stages.dataset.calls.tools import Tools
from stages.dataset.rows import labels
from stages.dataset.rows.ahead import made_ahead, processes_for
from stages.dataset.rows.likeness import Known
from stages.dataset.rows.notifications import Drawn, Sketch
from stages.dataset.rows.phrasings import answers_of, of_split, phrasings
from stages.dataset.rows.row import Row, Writer
from stages.dataset.rows.shown_names import NameKind, name_kind
from stages.dataset.rows.silent import apart, foreign, in_turns
from stages.dataset.rows.unseen import held_out
from stages.dataset.runbook.alert import Alert

_ATTEMPTS = 20
_FITTING = 500
_OF_UNCOVERED = 2  # rows of each uncovered alert that training never sees


@dataclass(frozen=True)
class Sampling:
    """How rows are drawn; the inputs of the stage say what each number is."""

    per_alert: int = 24
    seed: int = 0
    no_call_share: float = 0.1
    renamed_share: float = 0.25
    unseen_alerts_share: float = 0.0
    max_function_share: float = 0.5


def prompt_file(tools: Tools) -> PromptFile:
    """Returns the renderer for the functions of tools.yaml. Raises ValueError as the renderer does."""
    return PromptFile.render([function.schema_for_model() for function in tools.functions], tools.names)


def make_rows(
    findings: Findings, tools: Tools, prompt: PromptFile, sampling: Sampling, processes: int | None = None
) -> list[Row]:
    """Returns up to per_alert distinct rows of each remedy, spread over the splits, and rows without a call.

    The seed draws values and phrases; the split of a value never depends on it. Fewer rows come out where an alert
    has too few distinct values. processes: how many draw ahead, which changes no row; by default as many as help.
    Raises StageError where one prompt would have two answers.
    """
    chosen = processes_for(len(findings.remedies)) if processes is None else processes
    return _Maker(findings, tools, prompt, sampling).rows(chosen)


def counts(per_alert: int) -> dict[str, int]:
    """Returns rows per split: an eighth, and at least one, each for validation and test."""
    part = max(1, round(per_alert / 8))
    return dict(zip(SPLITS, (per_alert - 2 * part, part, part), strict=True))


class _Maker:
    """Draws the rows of one dataset; `known` remembers them, so that none comes twice or tells another's answer."""

    def __init__(self, findings: Findings, tools: Tools, prompt: PromptFile, sampling: Sampling) -> None:
        self.findings, self.tools, self.sampling = findings, tools, sampling
        self.writer = Writer(prompt, tools.names)
        self.names = {remedy.alert.name for remedy in findings.remedies}
        self.names |= {entry.name for entry in findings.skipped} | {alert.name for alert in findings.uncovered}
        self.texts = [phrasings(remedy.alert, answers_of(remedy)) for remedy in findings.remedies]
        self.teachers = _teachers(findings.remedies, self.texts)
        self.severities = Counter(remedy.alert.name for remedy in findings.remedies)
        self.unseen = held_out(findings.remedies, sampling.unseen_alerts_share)
        self.known = Known()
        self.silent: dict[tuple[str, int], Sketch] = {}

    def rows(self, processes: int) -> list[Row]:
        silence, tested = apart(self.findings.uncovered)
        rows: list[Row] = []
        numbers = range(len(self.findings.remedies))
        with closing(made_ahead(self._first_rows, numbers, processes)) as ahead:
            for number, drawn in zip(numbers, ahead, strict=True):
                rows += self._calls(number, drawn or {})
        if not rows:
            return rows
        for split in SPLITS:
            rows += self._without_call(split, silence, sum(row.split == split for row in rows))
        for alert in tested:
            rows += self._uncovered(alert)
        return rows

    def _first_rows(self, number: int) -> dict[str, list[Row]]:
        """Returns the rows of a remedy that are drawn at least, by their split: none may have to be drawn again."""
        return {split: list(islice(self._drawn(number, split), count)) for split, count in self._sizes(number).items()}

    def _calls(self, number: int, ahead: Mapping[str, Sequence[Row]]) -> Iterator[Row]:
        """Yields the rows of a remedy. ahead: those that were drawn already, the first of each split."""
        for split, count in self._sizes(number).items():
            known = list(map(self.writer.received, ahead.get(split, ())))
            further = islice(self._drawn(number, split), len(known), None)  # which draws nothing before it is asked
            yield from self._distinct(chain(known, further), count, self.findings.remedies[number].place)

    def _sizes(self, number: int) -> dict[str, int]:
        """Returns how many rows of a remedy each split is to have."""
        sizes = counts(self.sampling.per_alert)
        is_unseen = self.findings.remedies[number].alert.name in self.unseen
        return {UNSEEN_ALERTS: 2 * sizes["test"]} if is_unseen else sizes

    def _drawn(self, number: int, split: str) -> Iterator[Row]:
        """Yields rows of a remedy without end, new or not: the same whichever process draws them."""
        remedy, texts = self.findings.remedies[number], self.texts[number]
        texts = of_split(texts, split) if split in SPLITS else texts
        chance = random.Random(f"{self.sampling.seed} {remedy.alert.name} {remedy.alert.severity} {split}")
        own = [text for text in texts if len(self.teachers[text]) == 1]
        told_by = {"severity"} if self.severities[remedy.alert.name] > 1 else set()
        fixed = _fixed(remedy)
        is_constant = {*remedy.label_of.values()} <= {*fixed, "alertname", "severity"}
        sketch = Sketch(remedy.alert, texts, remedy.label_of, self.tools.placeholders, self.names, told_by, fixed)
        nameless = replace(sketch, texts=own)
        while True:
            kind = self._kind(remedy, own, chance)
            chosen = nameless if kind == "missing" else sketch
            drawn, call = _fitting(remedy, chosen, split, kind, chance)
            name, stated = remedy.alert.name, fixed.values()
            yield self.writer.row(
                split, name, drawn.alert, call, alertname=kind, is_constant=is_constant, stated=stated
            )

    def _kind(self, remedy: Remedy, own: Sequence[str], chance: random.Random) -> NameKind:
        """Returns how the name is shown: never missing where nothing else tells the alert from another.

        own: the texts that no other alert has.
        """
        needs_name = "alertname" in remedy.label_of.values()
        kind: NameKind = "stated" if needs_name else name_kind(self.sampling.renamed_share, chance)
        return "stated" if kind == "missing" and not own else kind

    def _without_call(self, split: str, uncovered: Sequence[Alert], calls: int) -> Iterator[Row]:
        """Returns rows of one split without a call: a share of all, and in training some of each uncovered alert.

        They are never more than those with a call.
        """
        share = self.sampling.no_call_share
        documented, others = self.findings.without_call, [*uncovered, *foreign(split, self.names)]
        if not share or not (documented or others):
            return iter(())
        count = min(round(calls * share / (1 - share)), calls)
        of_each = counts(self.sampling.per_alert)["test"]
        least = min(of_each * len(uncovered), calls - count) if split == "train" else 0
        chance = random.Random(f"{self.sampling.seed} no call {split}")
        alerts = chain(islice(in_turns([], uncovered, chance), least), in_turns(documented, others, chance))
        drawn = (self._silent(split, alert, chance) for alert in alerts)
        return self._distinct(drawn, count + least, "a row without a call")

    def _uncovered(self, alert: Alert) -> Iterator[Row]:
        chance = random.Random(f"{self.sampling.seed} {alert.name} {alert.severity} {UNCOVERED_ALERTS}")
        drawn = (self._silent(UNCOVERED_ALERTS, alert, chance) for alert in repeat(alert))
        return self._distinct(drawn, _OF_UNCOVERED, alert.place)

    def _silent(self, split: str, alert: Alert, chance: random.Random) -> Row:
        sketch = self._silent_sketch(split, alert)
        drawn = sketch.draw(_values_of(split), "stated", chance)
        return self.writer.row(
            split, alert.name if alert.name in self.names else "", drawn.alert, stated=sketch.fixed.values()
        )

    def _silent_sketch(self, split: str, alert: Alert) -> Sketch:
        """Returns what an alert without a call is drawn from: made once, as the few of a split come in turns."""
        known = self.silent.get((split, id(alert)))
        if not known:
            texts = of_split(phrasings(alert, self.tools.names.functions), split)
            fixed = dict(alert.firing.labels) if alert.firing else {}
            known = Sketch(alert, texts, {}, self.tools.placeholders, self.names, fixed=fixed)
            self.silent[split, id(alert)] = known
        return known

    def _distinct(self, drawn: Iterable[Row], count: int, place: str) -> Iterator[Row]:
        """Yields count rows that are new; of calls without a label's value one is enough that is merely not the same.

        Without an argument that differs from split to split, only the labels around it tell two rows apart.
        """
        found, alike = 0, None
        for row in islice(drawn, count * _ATTEMPTS):
            if self.known.has(row, place):
                continue
            if self.known.is_near_elsewhere(row):
                alike = alike or row
                continue
            self.known.add(row, place)
            found += 1
            yield row
            if found == count:
                return
        if not found and alike and alike.answer == "constant":
            self.known.add(alike, place)
            yield replace(alike, is_alike=True)


def _values_of(split: str) -> str:
    """Returns the split whose label values a row has: all that is held out has those of the test."""
    return split if split in SPLITS else "test"


def _fixed(remedy: Remedy) -> dict[str, str]:
    """Returns the labels that have one value whenever a remedy's alert fires: its rule's, and those of its call."""
    firing = remedy.alert.firing
    named = {
        name: value
        for name, value in remedy.arguments.items()
        if isinstance(value, str) and name in labels.RESOLVABLE - {"name"} and not list(placeholders(value))
    }
    of_rule = dict(firing.labels) if firing else {}
    varying = {*remedy.label_of.values(), *(firing.varying if firing else ())}
    return {label: value for label, value in named.items() if label not in varying} | of_rule


def _fitting(remedy: Remedy, sketch: Sketch, split: str, kind: NameKind, chance: random.Random) -> tuple[Drawn, Call]:
    """Returns a drawn alert and its call, as tools.yaml declares it: not every value fits a pattern or a length."""
    properties = remedy.function.parameters.properties
    wrong = ""
    for _ in range(_FITTING):
        drawn = sketch.draw(_values_of(split), kind, chance)
        call = call_of(remedy, drawn)
        misfits = (name for name, value in call.arguments.items() if not is_valid(properties[name], value))
        wrong = next(misfits, "")
        if not wrong:
            return drawn, call
    told = "whose values are drawn as Kubernetes makes them; loosen its pattern or length in tools.yaml"
    raise StageError(f"{remedy.place}: {wrong} of {remedy.function.name} takes no label's value, {told}")


def call_of(remedy: Remedy, drawn: Drawn) -> Call:
    """Returns the call that answers one drawn alert."""

    def value_of(placeholder: Placeholder) -> str:
        return drawn.values[remedy.label_of[placeholder]]

    filled = {name: with_texts(value, lambda text: fill(text, value_of)) for name, value in remedy.arguments.items()}
    return Call(remedy.function.name, filled)


def _teachers(remedies: Sequence[Remedy], texts: Sequence[Sequence[str]]) -> dict[str, set[str]]:
    """Returns for each phrasing the alerts that it describes: one of several does not tell which."""
    found: dict[str, set[str]] = defaultdict(set)
    for remedy, own in zip(remedies, texts, strict=True):
        for text in own:
            found[text].add(remedy.alert.name)
    return found

"""An alert as Alertmanager delivers it, with drawn labels and the runbook's own sentences."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from stages.dataset.calls.placeholders import Placeholder, placeholders
from stages.dataset.rows import labels
from stages.dataset.rows.annotations.template import render
from stages.dataset.rows.annotations.values import draw_value
from stages.dataset.rows.label_values.noise import ALWAYS, noise_labels
from stages.dataset.rows.phrasings import said_by_rule
from stages.dataset.rows.shown_names import NameKind, renamed
from stages.dataset.runbook.alert import Alert

DESCRIBED = 0.5  # the share of alerts that have a description besides the summary
WITHOUT_SEVERITY = 0.1  # the share of alerts that lack a severity which their call does not need


@dataclass(frozen=True)
class Drawn:
    """One alert of a notification, as the webhook holds it, and the value of every label, shown or not."""

    alert: dict[str, Any]
    values: dict[str, str]


@dataclass(frozen=True)
class Sketch:
    """All that the notifications of one alert are drawn from.

    texts: prepared phrasings of the runbook. label_of: the label of each placeholder of its call.
    aliases: those of tools.yaml. taken: names of alerts that no renamed one may have. told_by: labels without which
    two calls of the alert could not be told apart. fixed: labels that have one value whenever it fires.
    """

    alert: Alert
    texts: Sequence[str]
    label_of: Mapping[Placeholder, str]
    aliases: Mapping[str, str]
    taken: Collection[str]
    told_by: Collection[str] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)

    def draw(self, split: str, kind: NameKind, chance: random.Random) -> Drawn:
        """Returns one firing alert whose values all belong to split, but for those that are fixed.

        It says what its rule says; under another name it is of somebody else's rule, which says what the runbook does.
        """
        said = (self._said_by_rule if kind == "stated" else {}) or self._said(chance)
        chosen = list(said.values())
        label_of = self._labels(chosen)
        values = self._values(set(label_of.values()), split, chance)

        def value_of(placeholder: Placeholder) -> str:
            return values.get(label_of.get(placeholder, ""), placeholder.name)

        number = draw_value(chosen, chance)
        annotations = {name: render(text, value_of, number) for name, text in said.items()}
        shown = self._shown(values, split, kind, chance)
        return Drawn({"status": "firing", "labels": shown, "annotations": annotations}, values)

    def _said(self, chance: random.Random) -> dict[str, str]:
        chosen = chance.sample(self.texts, min(len(self.texts), 2 if chance.random() < DESCRIBED else 1))
        return dict(zip(("summary", "description"), chosen, strict=False))

    def _labels(self, texts: Sequence[str]) -> dict[Placeholder, str]:
        found = [placeholder for text in texts for placeholder in placeholders(text)]
        known = {placeholder: labels.resolve(placeholder, self.aliases) for placeholder in found}
        return {placeholder: label for placeholder, label in known.items() if label} | self._label_of

    def _values(self, needed: set[str], split: str, chance: random.Random) -> dict[str, str]:
        stated, varying = self._stated, self.alert.firing.varying if self.alert.firing else ()
        wanted = {*needed, *varying, ALWAYS} - stated.keys()
        drawn = labels.draw_all(wanted, split, chance, self._about, self.fixed)
        return (
            drawn | noise_labels(drawn.keys() | stated.keys(), split, chance) | {k: v for k, v in stated.items() if v}
        )

    @cached_property
    def _said_by_rule(self) -> dict[str, str]:
        return said_by_rule(self.alert)

    @cached_property
    def _label_of(self) -> dict[Placeholder, str]:
        return dict(self.label_of)

    @cached_property
    def _stated(self) -> dict[str, str]:
        return {**self.fixed, "alertname": self.alert.name, "severity": self.alert.severity}

    @cached_property
    def _about(self) -> str:
        return " ".join((self.alert.name, *self.texts))

    def _shown(self, values: dict[str, str], split: str, kind: NameKind, chance: random.Random) -> dict[str, str]:
        shown = dict(values)
        needed = {*self.label_of.values(), *self.told_by}
        if "severity" not in needed and chance.random() < WITHOUT_SEVERITY:
            shown.pop("severity", None)
        if kind == "missing":
            del shown["alertname"]
        elif kind == "renamed":
            shown["alertname"] = renamed(self.alert.name, split, self.taken, chance)
        return shown

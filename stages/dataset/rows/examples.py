"""Training rows: an alert as Alertmanager delivers it, and the call that answers it."""

import hashlib
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.alert import render_alert
from shared.artifacts import SPLITS
from shared.function_call import Call
from shared.prompt import NameMap, PromptFile, render_completion
from stages.dataset.calls.placeholders import Placeholder, fill, mark, placeholders
from stages.dataset.calls.remedies import Remedy
from stages.dataset.calls.tools import Tools
from stages.dataset.rows import labels

# Labels that Prometheus adds to every alert here and that no call needs: the model must choose.
NOISE_LABELS = ("cluster",)
DESCRIBED = 0.5  # the share of alerts that have a description besides the summary
_ATTEMPTS = 20


@dataclass(frozen=True)
class Row:
    """One example, as it is written to a split's file."""

    split: str
    id: str
    prompt: str
    completion: str
    alert: str
    function: str
    call: str
    notification: str

    def columns(self) -> dict[str, str]:
        """Returns what the file holds of the row."""
        return {key: value for key, value in vars(self).items() if key != "split"}


def prompt_file(tools: Tools) -> PromptFile:
    """Returns the renderer for the functions of tools.yaml. Raises ValueError as the renderer does."""
    return PromptFile.render([function.schema_for_model() for function in tools.functions], tools.names)


def make_rows(remedies: Sequence[Remedy], tools: Tools, prompt: PromptFile, per_alert: int, seed: int) -> list[Row]:
    """Returns up to per_alert distinct rows of each remedy, spread over the splits.

    The seed draws values and phrases; the split of a value never depends on it. Fewer rows come out
    where an alert has too few distinct values.
    """
    rows: list[Row] = []
    for remedy in remedies:
        for split, count in _counts(per_alert).items():
            chance = random.Random(f"{seed} {remedy.alert.name} {split}")
            rows += _distinct(remedy, tools, prompt, split, count, chance)
    return rows


def _counts(per_alert: int) -> dict[str, int]:
    """Returns rows per split: an eighth, and at least one, each for validation and test."""
    held_out = max(1, round(per_alert / 8))
    return dict(zip(SPLITS, (per_alert - 2 * held_out, held_out, held_out), strict=True))


def _distinct(
    remedy: Remedy, tools: Tools, prompt: PromptFile, split: str, count: int, chance: random.Random
) -> Iterator[Row]:
    seen: set[str] = set()
    for _ in range(count * _ATTEMPTS):
        row = _row(remedy, tools, prompt, split, chance)
        if row.id not in seen:
            seen.add(row.id)
            yield row
        if len(seen) == count:
            return


def _row(remedy: Remedy, tools: Tools, prompt: PromptFile, split: str, chance: random.Random) -> Row:
    notification, values = _notification(remedy, tools.placeholders, split, chance)
    call = _call(remedy, values)
    text = prompt.prompt(render_alert(notification))
    return Row(
        split=split,
        id=hashlib.sha256(text.encode()).hexdigest()[:16],
        prompt=text,
        completion=_completion(call, tools.names),
        alert=remedy.alert.name,
        function=call.name,
        call=json.dumps({"name": call.name, "arguments": call.arguments}, sort_keys=True),
        notification=json.dumps(notification, sort_keys=True),
    )


def _notification(
    remedy: Remedy, aliases: dict[str, str], split: str, chance: random.Random
) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns one alert of a webhook payload, and its label values."""
    texts = _phrases(remedy)
    chosen = chance.sample(texts, min(len(texts), 2 if chance.random() < DESCRIBED else 1))
    marked = [mark(text) for text in chosen]
    found = [placeholder for text in marked for placeholder in placeholders(text)]
    label_of = remedy.label_of | {known: label for known in found if (label := labels.resolve(known, aliases))}
    stated = {"alertname": remedy.alert.name, "severity": remedy.alert.severity}
    wanted = sorted({*label_of.values(), *NOISE_LABELS} - stated.keys())
    values = {label: labels.draw(label, split, chance) for label in wanted}
    values |= {label: value for label, value in stated.items() if value}

    def value_of(placeholder: Placeholder) -> str:
        return values.get(label_of.get(placeholder, ""), placeholder.name)

    annotations = dict(zip(("summary", "description"), (fill(text, value_of) for text in marked), strict=False))
    return {"status": "firing", "labels": values, "annotations": annotations}, values


def _call(remedy: Remedy, values: dict[str, str]) -> Call:
    def value_of(placeholder: Placeholder) -> str:
        return values[remedy.label_of[placeholder]]

    filled = {
        name: fill(value, value_of) if isinstance(value, str) else value for name, value in remedy.arguments.items()
    }
    return Call(remedy.function.name, filled)


def _completion(call: Call, names: NameMap) -> str:
    return render_completion([names.to_model(call)])


def _phrases(remedy: Remedy) -> list[str]:
    """Returns how the runbook says that the alert looks, without the texts that tell the answer."""
    told = remedy.alert.texts
    candidates = told.get("symptoms") or [_first_sentence(text) for text in told.get("meaning", [])]
    return [text for text in candidates if not _tells(text, remedy)] or [_in_words(remedy.alert.name)]


def _tells(text: str, remedy: Remedy) -> bool:
    answers = (remedy.function.name, remedy.function.names.model, remedy.command.text)
    return any(answer in text for answer in answers)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]


def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]", " ", name)

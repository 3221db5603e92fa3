"""Synthetic lessons: declared functions, alerts, and the call that answers each.

Which function an alert wants is drawn by chance, with a hint in some: what is learned is to read
declarations and to copy labels. No alert of the example is among them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.demo_model.functions import (
    Function,
    Parameter,
    example_functions,
    invented_functions,
    label,
    noun,
    phrase,
)
from examples.demo_model.values import WORDS, Values
from shared.alert import render_notification
from shared.function_call import Call
from shared.prompt import NO_CALL_ANSWER, render_completion, render_developer_turn, render_user_turn

_NOISE = ("cluster", "job", "instance", "service", "endpoint", "region", "container", "prometheus")  # no call needs it
EXAMPLE_FUNCTIONS = example_functions()
KNOWN_SHARE = 0.6  # of lessons that declare an agent's functions: their calls must be well-formed from the start
HINT_SHARE = 0.5  # of alerts that are named after the function they want
NAMELESS_SHARE = 0.1  # of alerts that come without a name
STATED_SHARE = 0.12  # of alerts whose object is no label's value: the text tells its name
SILENT_SHARE = 0.08  # of alerts whose severity is SILENT: no call is due
SILENT = "none"
_NAME_STYLES = ("", "", "", " ", "_", "-")  # what stands between the words of an alert's name


@dataclass(frozen=True)
class Lesson:
    """One developer turn, and (rest of the prompt, completion) of each of its alerts."""

    prefix: str
    rows: tuple[tuple[str, str], ...]


def make_lesson(chance: random.Random, rows: int) -> Lesson:
    """Returns a lesson whose rows share their declarations: an agent's functions, or invented ones."""
    is_known = chance.random() < KNOWN_SHARE
    functions = list(chance.choice(EXAMPLE_FUNCTIONS)) if is_known else invented_functions(chance)
    prefix = render_developer_turn([function.schema(chance) for function in functions])
    return Lesson(prefix, tuple(_row(chance, chance.choice(functions)) for _ in range(rows)))


def _row(chance: random.Random, function: Function) -> tuple[str, str]:
    is_silent = chance.random() < SILENT_SHARE
    alert, call = _alert(chance, function, is_silent)
    completion = render_completion([], NO_CALL_ANSWER) if is_silent else render_completion([call], "")
    return render_user_turn(render_notification(alert)), completion


def _alert(chance: random.Random, function: Function, is_silent: bool) -> tuple[dict[str, Any], Call]:
    """Returns an alert, and the call that it wants unless it is silent."""
    values = Values(chance)
    target = _target(chance, function)
    labels = _labels(chance, function, target, values)
    severity = SILENT if is_silent else chance.choice(WORDS["severities"])
    arguments = {known.name: _argument(chance, known, labels, target) for known in function.parameters}
    stated = labels.pop(target or _first_label(function), "") if chance.random() < STATED_SHARE else ""
    if is_silent or ("severity" not in labels and chance.random() < 0.9):
        labels["severity"] = severity
    if chance.random() >= NAMELESS_SHARE:
        labels["alertname"] = _alert_name(chance, function)
    annotations = {"summary": _sentence(chance, labels, stated)}
    if chance.random() < 0.15:
        annotations["description"] = _sentence(chance, labels)
    return {"status": "firing", "labels": labels, "annotations": annotations}, Call(function.name, arguments)


def _target(chance: random.Random, function: Function) -> str:
    """Returns the label that the parameter `name` copies, '' where there is no such parameter."""
    if all(parameter.kind != "name" for parameter in function.parameters):
        return ""
    kinds = [option for parameter in function.parameters if parameter.name == "kind" for option in parameter.options]
    return chance.choice(kinds) if kinds else "name" if chance.random() < 0.25 else label(chance)


def _labels(chance: random.Random, function: Function, target: str, values: Values) -> dict[str, str]:
    wanted = [parameter.name for parameter in function.parameters if parameter.kind == "label"]
    labels = {name: values.draw() for name in [*wanted, *([target] if target else [])]}
    if chance.random() < 0.8:
        labels.setdefault("namespace", values.draw())
    if chance.random() < 0.8:
        for name in chance.sample(_NOISE, chance.choice((1, 1, 2, 3))):
            labels.setdefault(name, values.draw())
    return labels


def _first_label(function: Function) -> str:
    return next((parameter.name for parameter in function.parameters if parameter.kind == "label"), "")


def _alert_name(chance: random.Random, function: Function) -> str:
    nouns = [noun(chance) for _ in range(chance.choice((1, 2, 2)))]
    hint = chance.choice(function.name.split("_")[1:] or [function.name])
    if chance.random() < HINT_SHARE:
        nouns[chance.randrange(len(nouns))] = hint
    words = [*map(str.capitalize, nouns), chance.choice(WORDS["states"])]
    between = chance.choice(_NAME_STYLES)
    return between.join(words).lower() if between in ("_", "-") else between.join(words)


def _argument(chance: random.Random, parameter: Parameter, labels: dict[str, str], target: str) -> Any:
    if parameter.kind == "label":
        return labels[parameter.name]
    if parameter.kind == "name":
        return labels[target]
    if parameter.kind == "switch":
        return chance.random() < 0.5
    if parameter.kind == "amount":
        return chance.choice((1, 2, 3, 5, 10, 30, 60))
    return target if target in parameter.options else chance.choice(parameter.options)


def _sentence(chance: random.Random, labels: dict[str, str], stated: str = "") -> str:
    """Returns a sentence with some of the labels' values in it, and what is stated there alone."""
    words = phrase(chance, 2, 6).split()
    for _ in range(chance.choice((0, 1, 1, 2)) if labels else 0):
        words[chance.randrange(len(words))] = chance.choice(list(labels.values()))
    if stated:
        words.insert(chance.randrange(1, len(words) + 1), stated)
    text = " ".join(words) + "."
    return text[0].upper() + text[1:]


def corpus(chance: random.Random, lessons: int) -> Sequence[str]:
    """Returns texts to train a tokenizer on."""
    texts = []
    for _ in range(lessons):
        lesson = make_lesson(chance, 8)
        texts += [lesson.prefix, *(prompt + completion for prompt, completion in lesson.rows)]
    return texts

"""Synthetic lessons: declared functions, alerts, and the call that answers each.

Every lesson declares other functions with other parameters, and which function an alert wants is
drawn by chance: what is left to learn is to read declarations and to copy labels.
"""

import random
import string
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.alert import render_alert
from shared.function_call import Call
from shared.prompt import render_completion, render_developer_turn, render_user_turn

WORDS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_VOWELS = "aeiou"
_HASH = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True)
class Parameter:
    """kind: label (copies the label of its name), name (copies the alert's object), choice, amount or switch."""

    name: str
    kind: str
    options: tuple[str, ...] = ()

    def schema(self, chance: random.Random) -> dict[str, Any]:
        types = {"amount": "integer", "switch": "boolean"}
        enum = {"enum": list(self.options)} if self.options else {}
        return {"type": types.get(self.kind, "string"), "description": _phrase(chance, 1, 2).capitalize(), **enum}


@dataclass(frozen=True)
class Function:
    name: str
    parameters: tuple[Parameter, ...]

    def schema(self, chance: random.Random) -> dict[str, Any]:
        properties = {parameter.name: parameter.schema(chance) for parameter in self.parameters}
        parameters = {"type": "object", "properties": properties, "required": list(properties)}
        description = _phrase(chance, 1, 5).capitalize() + "."
        return {"name": self.name, "description": description, "parameters": parameters}


@dataclass(frozen=True)
class Lesson:
    """One developer turn, and (rest of the prompt, completion) of several alerts."""

    prefix: str
    rows: tuple[tuple[str, str], ...]


def make_lesson(chance: random.Random, rows: int) -> Lesson:
    """Returns a lesson of 2 to 7 functions."""
    functions = _functions(chance)
    prefix = render_developer_turn([function.schema(chance) for function in functions])
    return Lesson(prefix, tuple(_row(chance, chance.choice(functions)) for _ in range(rows)))


def make_first_lesson(chance: random.Random, rows: int) -> Lesson:
    """Returns a lesson of short alerts without declarations: copying alone, which comes first."""
    return Lesson("<bos>", tuple(_copying_row(chance) for _ in range(rows)))


def _copying_row(chance: random.Random) -> tuple[str, str]:
    values = Values(chance)
    labels = {
        "namespace" if chance.random() < 0.3 else _label(chance): values.draw() for _ in range(chance.randint(2, 3))
    }
    copied = chance.sample(sorted(labels), min(len(labels), chance.choice((1, 2, 2, 3))))
    alert = {"status": "firing", "labels": labels | {"alertname": chance.choice(WORDS["states"])}}
    call = Call(chance.choice(WORDS["verbs"]), {label: labels[label] for label in copied})
    return render_user_turn(render_alert(alert)), render_completion([call])


def _functions(chance: random.Random) -> list[Function]:
    count = chance.choice((2, 2, 3, 3, 4, 4, 6, 7))
    functions: dict[str, Function] = {}
    while len(functions) < count:
        name = "_".join(
            [
                chance.choice(WORDS["verbs"]) if chance.random() < 0.8 else _word(chance),
                *(_noun(chance) for _ in range(chance.choice((1, 1, 2)))),
            ]
        )
        functions[name] = Function(name, _parameters(chance))
    return list(functions.values())


def _noun(chance: random.Random) -> str:
    return chance.choice(WORDS["nouns"]) if chance.random() < 0.7 else _word(chance)


def _parameters(chance: random.Random) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    if chance.random() < 0.55:
        found.append(Parameter("name", "name"))
    elif chance.random() < 0.85:
        found.append(Parameter(_label(chance), "label"))
    if chance.random() < 0.75 or not found:
        found.append(Parameter("namespace", "label"))
    if chance.random() < 0.5:
        found.append(_setting(chance))
    if chance.random() < 0.1:
        found.append(_setting(chance))
    unique = {parameter.name: parameter for parameter in found}
    return tuple(unique.values())


def _setting(chance: random.Random) -> Parameter:
    kind = chance.choice(("choice", "choice", "amount", "switch"))
    if kind == "choice":
        return _choice(chance)
    known = WORDS["amounts" if kind == "amount" else "switches"]
    return Parameter(chance.choice(known) if chance.random() < 0.7 else _identifier(chance), kind)


def _choice(chance: random.Random) -> Parameter:
    name = chance.choice(WORDS["choices"]) if chance.random() < 0.8 else _identifier(chance)
    known = WORDS["kinds" if name == "kind" else "options"]
    values = chance.sample(known, chance.randint(2, 4))
    if name != "kind":
        values = [value if chance.random() < 0.7 else _word(chance) for value in values]
    return Parameter(name, "choice", tuple(dict.fromkeys(values)))


def _label(chance: random.Random) -> str:
    return chance.choice(WORDS["labels"]) if chance.random() < 0.7 else _identifier(chance)


def _identifier(chance: random.Random) -> str:
    return "_".join(_word(chance) for _ in range(chance.choice((1, 1, 2))))


def _row(chance: random.Random, function: Function) -> tuple[str, str]:
    values = Values(chance)
    labels: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    wanted = [parameter.name for parameter in function.parameters if parameter.kind == "label"]
    target = ""
    if any(parameter.kind == "name" for parameter in function.parameters):
        kinds = [
            option for parameter in function.parameters if parameter.name == "kind" for option in parameter.options
        ]
        target = chance.choice(kinds) if kinds else "name" if chance.random() < 0.25 else _label(chance)
        wanted.append(target)
    for name in wanted:
        labels[name] = values.draw()
    if chance.random() < 0.8:
        labels.setdefault("namespace", values.draw())
    if chance.random() < 0.8:
        labels[chance.choice(("cluster", "cluster", "cluster", "job", "region", "site", "prometheus"))] = values.draw()
    severity = chance.choice(WORDS["severities"])
    for parameter in function.parameters:
        arguments[parameter.name] = _argument(chance, parameter, labels, target)
    if "severity" not in labels and chance.random() < 0.9:
        labels["severity"] = severity
    labels["alertname"] = "".join(_noun(chance).capitalize() for _ in range(chance.choice((1, 2, 2)))) + chance.choice(
        WORDS["states"]
    )
    annotations = {"summary": _sentence(chance, labels)}
    if chance.random() < 0.15:
        annotations["description"] = _sentence(chance, labels)
    alert = {"status": "firing", "labels": labels, "annotations": annotations}
    return render_user_turn(render_alert(alert)), render_completion([Call(function.name, arguments)])


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


def _sentence(chance: random.Random, labels: dict[str, str]) -> str:
    words = _phrase(chance, 2, 6).split()
    for _ in range(chance.choice((0, 1, 1, 2))):
        words[chance.randrange(len(words))] = chance.choice(list(labels.values()))
    text = " ".join(words) + "."
    return text[0].upper() + text[1:]


def _phrase(chance: random.Random, least: int, most: int) -> str:
    return " ".join(
        chance.choice(WORDS["prose"]) if chance.random() < 0.6 else _noun(chance)
        for _ in range(chance.randint(least, most))
    )


def _word(chance: random.Random) -> str:
    """Returns a word that nobody knows."""
    if chance.random() < 0.3:
        return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 5)))
    syllables = (
        chance.choice(_CONSONANTS) + chance.choice(_VOWELS) + chance.choice(("", "", *_CONSONANTS[:18]))
        for _ in range(chance.choice((1, 2, 2)))
    )
    return "".join(syllables)


@dataclass
class Values:
    """Draws the label values of one alert from few words, so that they resemble each other."""

    chance: random.Random
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = (*WORDS["teams"], *WORDS["roles"], *WORDS["nouns"])
        self.words = [
            self.chance.choice(known) if self.chance.random() < 0.5 else _word(self.chance)
            for _ in range(self.chance.randint(3, 6))
        ]

    def draw(self) -> str:
        chance = self.chance
        word, other = chance.choice(self.words), chance.choice(self.words)
        shape = chance.choice(
            (
                "{w}",
                "{w}",
                "{w}-{s}",
                "{w}-{o}",
                "{w}-{o}",
                "{w}-{o}",
                "{w}-{o}-{s}",
                "{w}-{o}-{h}",
                "{w}-{o}-{d}",
                "{w}-{h}",
                "{w}-{n}",
                "{w}.{o}",
                "{w}-{o}:{d}.{n}",
                "{w}_{o}",
            )
        )
        return shape.format(
            w=word,
            o=other,
            s=chance.choice(WORDS["suffixes"]) if chance.random() < 0.7 else _word(chance),
            h="".join(chance.choices(_HASH, k=chance.choice((4, 5)))),
            d=chance.randrange(10),
            n=chance.randrange(100),
        )


def corpus(chance: random.Random, lessons: int) -> Sequence[str]:
    """Returns texts to train a tokenizer on."""
    texts = []
    for _ in range(lessons):
        lesson = make_lesson(chance, 8)
        texts += [lesson.prefix, *(prompt + completion for prompt, completion in lesson.rows)]
    return texts

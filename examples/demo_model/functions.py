"""The functions that lessons declare: invented ones, and those of the example's agents."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from examples.demo_model.values import WORDS, word

AGENTS = Path(__file__).parents[1] / "homelab" / "flux" / "ai"


@dataclass(frozen=True)
class Parameter:
    """kind: label (copies the label of its name), name (copies the alert's object), choice, amount or switch."""

    name: str
    kind: str
    options: tuple[str, ...] = ()

    def schema(self, chance: random.Random) -> dict[str, Any]:
        """Returns the parameter as JSON schema, with a drawn description."""
        types = {"amount": "integer", "switch": "boolean"}
        enum = {"enum": list(self.options)} if self.options else {}
        return {"type": types.get(self.kind, "string"), "description": phrase(chance, 1, 2).capitalize(), **enum}


@dataclass(frozen=True)
class Function:
    """declared: the JSON schema of an agent's function; an invented one's is drawn."""

    name: str
    parameters: tuple[Parameter, ...]
    declared: dict[str, Any] | None = None

    def schema(self, chance: random.Random) -> dict[str, Any]:
        """Returns the bare JSON schema."""
        if self.declared:
            return self.declared
        properties = {parameter.name: parameter.schema(chance) for parameter in self.parameters}
        parameters = {"type": "object", "properties": properties, "required": list(properties)}
        description = phrase(chance, 1, 5).capitalize() + "."
        return {"name": self.name, "description": description, "parameters": parameters}


def example_functions() -> tuple[tuple[Function, ...], ...]:
    """Returns the functions of each agent of the example, with their names inside the model."""
    files = sorted(AGENTS.glob("*/training/tools.yaml"))
    return tuple(tuple(map(_declared, yaml.safe_load(file.read_text("utf-8"))["functions"])) for file in files)


def _declared(function: dict[str, Any]) -> Function:
    names = function.get("model_parameters", {})
    declared = function["parameters"]
    properties = {names.get(name, name): schema for name, schema in declared["properties"].items()}
    required = [names.get(name, name) for name in declared["required"]]
    schema = {
        "name": function["name"].replace("-", "_"),
        "description": function["description"],
        "parameters": {"type": "object", "properties": properties, "required": required},
    }
    parameters = (
        Parameter(name, _kind(name, known), tuple(known.get("enum", ()))) for name, known in properties.items()
    )
    return Function(schema["name"], tuple(parameters), schema)


def _kind(name: str, schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "choice"
    return {"integer": "amount", "boolean": "switch"}.get(schema["type"], "name" if name == "name" else "label")


def invented_functions(chance: random.Random) -> list[Function]:
    """Returns 2 to 8 functions that nobody has."""
    count = chance.choice((2, 2, 3, 3, 4, 5, 6, 7, 8))
    functions: dict[str, Function] = {}
    while len(functions) < count:
        name = "_".join(
            [
                chance.choice(WORDS["verbs"]) if chance.random() < 0.8 else word(chance),
                *(noun(chance) for _ in range(chance.choice((1, 1, 2)))),
            ]
        )
        functions[name] = Function(name, _parameters(chance))
    return list(functions.values())


def noun(chance: random.Random) -> str:
    """Returns a thing's name, known or not."""
    return chance.choice(WORDS["nouns"]) if chance.random() < 0.7 else word(chance)


def _parameters(chance: random.Random) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    if chance.random() < 0.55:
        found.append(Parameter("name", "name"))
    elif chance.random() < 0.85:
        found.append(Parameter(label(chance), "label"))
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
        values = [value if chance.random() < 0.7 else word(chance) for value in values]
    return Parameter(name, "choice", tuple(dict.fromkeys(values)))


def label(chance: random.Random) -> str:
    """Returns a label's name."""
    return chance.choice(WORDS["labels"]) if chance.random() < 0.7 else _identifier(chance)


def _identifier(chance: random.Random) -> str:
    return "_".join(word(chance) for _ in range(chance.choice((1, 1, 2))))


def phrase(chance: random.Random, least: int, most: int) -> str:
    """Returns least to most words."""
    return " ".join(
        chance.choice(WORDS["prose"]) if chance.random() < 0.6 else noun(chance)
        for _ in range(chance.randint(least, most))
    )

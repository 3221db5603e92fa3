"""Writes each stage's contract into its README, and that of what runs beside the stages."""

import sys
from pathlib import Path

from shared import contract
from shared.contract import Contract, Field
from tools.tables.blocks import ROOT, Block

BLOCK = Block("contract")


def contents() -> dict[Path, str]:
    """Returns the README of each node, and the tables of its contract."""
    homes = {node: Path(contract.PROGRAMS.get(node, ""), node) for node in contract.NODES}
    return {ROOT / "stages" / home / "README.md": table(contract.load(node)) for node, home in homes.items()}


def table(declared: Contract) -> str:
    """Returns the contract as Markdown tables: inputs, what the engine fills, outputs, environment."""
    heads = ["type", "default", "limits", "description"]
    parts = [
        _table(["input", *heads], map(_input_row, declared.inputs)),
        _table(["filled by the engine", *heads], map(_input_row, declared.runtime)),
        _table(["output", "type", "description"], map(_output_row, declared.outputs)),
        _environment(declared),
    ]
    return "\n\n".join(part for part in parts if part)


def _input_row(field: Field) -> list[str]:
    default = (
        "required" if field.is_required else f"`{contract.to_text(field.default)}`" if field.default != "" else "empty"
    )
    limits = ", ".join(_text(limit.text) for limit in field.limits)
    return [f"`{field.name}`", contract.type_name(field.kind), default, limits, _text(field.description)]


def _output_row(field: Field) -> list[str]:
    return [f"`{field.name}`", contract.type_name(field.kind), _text(field.description)]


def _environment(declared: Contract) -> str:
    if not declared.environment:
        return "The stage reads no environment variable and needs no network."
    rows = [
        [f"`{variable.name}`", "required" if variable.required else "", _text(variable.description)]
        for variable in declared.environment
    ]
    note = "`NAME_FILE` may name a file that holds the value of `NAME`."
    if all(variable.runtime for variable in declared.environment):
        use = "an input that the engine fills, and without a runner" if declared.runtime else "a runner"
        note += f" Without {use}, none is used, and no network is needed."
    return _table(["environment", "", "description"], rows) + f"\n\n{note}"


def _table(heads: list[str], rows: "map[list[str]] | list[list[str]]") -> str:
    lines = [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows]
    return (
        "\n".join([f"| {' | '.join(heads)} |".replace("|  |", "| |"), "|---" * len(heads) + "|", *lines])
        if lines
        else ""
    )


def _text(words: str) -> str:
    for character, shown in (("<", "&lt;"), ("|", "\\|"), ("*", "\\*")):
        words = words.replace(character, shown)
    return words


if __name__ == "__main__":
    sys.exit(BLOCK.main(contents(), sys.argv[1:]))

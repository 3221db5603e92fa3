"""Writes into docs/cluster.md where on a cluster each environment variable of the stages comes from."""

import sys
from collections.abc import Iterator

from shared import contract
from shared.contract import NODES, Variable
from shared.errors import StageError
from tools.tables.blocks import ROOT, Block
from workflows.flyte import variables

PAGE = ROOT / "docs" / "cluster.md"
BLOCK = Block("variables")


def declared() -> Iterator[tuple[Variable, tuple[str, ...]]]:
    """Yields each variable that is set for a stage, with the stages that read it, by name."""
    readers: dict[str, list[str]] = {}
    known: dict[str, Variable] = {}
    for stage in NODES:
        for variable in contract.load(stage).environment:
            readers.setdefault(variable.name, []).append(stage)
            other = known.get(variable.name, variable)
            # Of two descriptions the longer one says more.
            known[variable.name] = max(other, variable, key=lambda each: len(each.description))
    for name in sorted(name for name in known if not name.startswith(variables.SET_BY_THE_CLUSTER)):
        yield known[name], tuple(readers[name])


def place(variable: Variable) -> str:
    """Returns in words where a variable comes from. Raises StageError where placement.toml does not say it."""
    known = variables.holders()
    holder, file = known.get(variable.name), known.get(variables.key(variable))
    if holder is None:
        raise StageError(f"placement.toml places {variable.name} nowhere; name it in [config_maps] or [secrets]")
    if holder.is_secret:
        return f"Secret `{holder.name}`"
    if file and file.is_secret:
        return f"ConfigMap; the file is `{variables.key(variable)}` of Secret `{file.name}`"
    return "ConfigMap"


def table() -> str:
    """Returns the table in Markdown."""
    rows = [
        f"| `{variable.name}` | {place(variable)} | {', '.join(stages)} "
        f"| {variable.description}{'; required' if variable.required else ''} |"
        for variable, stages in declared()
    ]
    return "\n".join(["| variable, and key | where | stages | what it holds |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    try:
        sys.exit(BLOCK.main({PAGE: table()}, sys.argv[1:]))
    except StageError as error:
        sys.exit(str(error))

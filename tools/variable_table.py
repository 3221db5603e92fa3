"""Writes into docs/cluster.md where on a cluster each environment variable of the stages comes from."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from shared import contract
from shared.contract import STAGES, Variable
from shared.errors import StageError

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "cluster.md"
SETTINGS = ROOT / "deploy" / "flyte" / "production" / "settings.env"
SECRETS = ROOT / "deploy" / "flyte" / "secrets.example.yaml"
BEGIN, END = "<!-- variables -->", "<!-- /variables -->"
SET_BY_FLYTE = "FLYTE_INTERNAL_"
_FILE = "_FILE"


def declared() -> Iterator[tuple[Variable, tuple[str, ...]]]:
    """Yields each variable that is set for a stage, with the stages that read it, by name."""
    readers: dict[str, list[str]] = {}
    known: dict[str, Variable] = {}
    for stage in STAGES:
        for variable in contract.load(stage).environment:
            readers.setdefault(variable.name, []).append(stage)
            other = known.get(variable.name, variable)
            # Of two descriptions the longer one says more.
            known[variable.name] = max(other, variable, key=lambda each: len(each.description))
    for name in sorted(name for name in known if not name.startswith(SET_BY_FLYTE)):
        yield known[name], tuple(readers[name])


def settings(file: Path = SETTINGS) -> dict[str, str]:
    """Returns the variables of a settings.env with their values."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def secret_keys(file: Path = SECRETS) -> dict[str, str]:
    """Returns, by key, the Secret that holds it."""
    secrets = YAML(typ="safe").load_all(file.read_text("utf-8"))
    return {key: secret["metadata"]["name"] for secret in secrets for key in secret["stringData"]}


def place(name: str) -> str:
    """Returns in words where a variable comes from. Raises StageError for one that has no place, or two."""
    in_settings, secret = name in settings(), secret_keys().get(name)
    if in_settings == bool(secret):
        found = "both in a Secret and among the settings" if secret else "in no Secret and not among the settings"
        raise StageError(f"{name} is {found}; put it into one of {SECRETS.name} and {SETTINGS.name}")
    if secret:
        return f"Secret `{secret}`"
    file = secret_keys().get(name.removesuffix(_FILE)) if name.endswith(_FILE) else None
    return f"ConfigMap; the file is `{name.removesuffix(_FILE)}` of Secret `{file}`" if file else "ConfigMap"


def table() -> str:
    """Returns the table in Markdown."""
    rows = [
        f"| `{variable.name}` | {place(variable.name)} | {', '.join(stages)} "
        f"| {variable.description}{'; required' if variable.required else ''} |"
        for variable, stages in declared()
    ]
    return "\n".join(["| variable, and key | where | stages | what it holds |", "|---|---|---|---|", *rows])


def with_table(text: str) -> str:
    """Returns the page's text with the table between its markers."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    try:
        PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
    except StageError as error:
        sys.exit(str(error))

"""What a stage finds in its container: inputs and arguments as Flyte's copilot and its templates write them.

Each input is a file /var/inputs/<name>, without a suffix; a scalar's file holds its text. Sources:
flytecopilot/data/download.go and flyteplugins' core/template of flyteorg/flyte 1.16.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared import contract
from shared.contract import Contract, Scalar

INPUTS, OUTPUTS = "/var/inputs", "/var/outputs"


def write_inputs(declared: Contract, values: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Writes the scalars' files to folder; returns the files to be mounted over the empty ones of the artefacts.

    The keys are paths in the container.
    """
    folder.mkdir(exist_ok=True)
    mounted = {}
    for field in declared.inputs:
        value = values[field.name]
        (folder / field.name).write_text("" if field.artifact else file_text(value), "utf-8", newline="")
        if field.artifact:
            mounted[f"{INPUTS}/{field.name}"] = Path(value).resolve()
    return mounted


def arguments(declared: Contract, values: Mapping[str, Any]) -> list[str]:
    """Returns the arguments of the stage: `--name=value`, an artefact as its path in the container."""
    texts = {
        field: f"{INPUTS}/{field.name}" if field.artifact else argument_text(values[field.name])
        for field in declared.inputs
    }
    return [*(f"{field.flag}={text}" for field, text in texts.items()), f"--outputs={OUTPUTS}"]


def argument_text(value: Scalar) -> str:
    """Returns a scalar as a template `{{.inputs.name}}` becomes: Go's `%v`, `1e-05`, `3` for 3.0."""
    if not isinstance(value, float):
        return contract.to_text(value)
    return _shortest(value) if value == 0 or 1e-4 <= abs(value) < 1e21 else repr(value).replace(".0e", "e")


def file_text(value: Scalar) -> str:
    """Returns a scalar as its file holds it: a number without an exponent, `0.00001`."""
    return _shortest(value) if isinstance(value, float) else contract.to_text(value)


def _shortest(value: float) -> str:
    return format(Decimal(repr(value)), "f").removesuffix(".0")

"""What goes into a stage's container and what comes out of it, as by Flyte's copilot and its templates.

Each input is a file /var/inputs/<name>, without a suffix, each output a file /var/outputs/<name>; a scalar's file holds
its text. Sources: flytecopilot/data/download.go and upload.go, flyteidl/clients/go/coreutils/literals.go, and
flyteplugins' core/template of flyteorg/flyte 1.16.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared import contract
from shared.contract import MAX_TEXT_BYTES, Contract, Field, Scalar
from shared.errors import StageError

INPUTS, OUTPUTS = "/var/inputs", "/var/outputs"
# What the copilot takes for a number, a truth and a time (RFC 3339), of that which a contract takes too.
_FORMS = {
    int: r"[+-]?[0-9]+",
    float: r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?",
    bool: r"true|True|TRUE|false|False|FALSE",
    datetime: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    str: r"(?s:.*)",
}


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
    """Returns a scalar as a template `{{.inputs.name}}` becomes: Go's `%v`, `1e-05`, `1e+06`, `3` for 3.0."""
    if not isinstance(value, float) or value == 0 or 1e-4 <= abs(value) < 1e6:
        return file_text(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:]))
    return f"{'-' * sign}{digits[0]}{'.' * bool(fraction)}{fraction}e{len(digits) - 1 + int(exponent):+03d}"


def file_text(value: Scalar) -> str:
    """Returns a scalar as its file holds it: a number without an exponent, `0.00001`."""
    if isinstance(value, datetime):
        return re.sub(r"(\.\d+?)0*Z", r"\1Z", contract.to_text(value))
    return _shortest(value) if isinstance(value, float) else contract.to_text(value)


def read_output(field: Field, content: bytes) -> Scalar:
    """Returns the checked value of a scalar's output file, without the blanks, tabs and line ends around it.

    Raises StageError where the copilot does not take it, or the contract.
    """
    if len(content) > MAX_TEXT_BYTES:
        raise StageError(f"{field.name} has more than {MAX_TEXT_BYTES} bytes; larger things are files")
    try:
        text = content.decode().strip(" \n\t")
    except UnicodeDecodeError:
        raise StageError(f"{field.name} is not UTF-8 text") from None
    value = field.parse(text)
    if not re.fullmatch(_FORMS[field.kind], text, re.ASCII):
        raise StageError(f"{field.name} is {text!r}; Flyte takes a form such as {file_text(value)}")
    return value


def _shortest(value: float) -> str:
    return format(Decimal(repr(value)), "f").removesuffix(".0")

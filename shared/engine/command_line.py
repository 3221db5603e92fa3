"""A stage's command line, made from its contract: `--learning-rate 1e-4`, `--describe`, a readable `--help`."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from shared import contract
from shared.contract import Contract, Field
from shared.engine.ending import end_with
from shared.errors import StageError

DEFAULT_OUTPUTS = Path("/var/outputs")


class Parser(argparse.ArgumentParser):
    """The command line of a stage; bad arguments exit with 2 and one line."""

    @classmethod
    def of(cls, declared: Contract) -> "Parser":
        parser = cls(
            prog=f"python -m {declared.program}",
            description=f"{declared.title}\n\nVersion {declared.version}",
            epilog=_environment_help(declared),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.stage = declared.stage
        description = json.dumps(declared.describe(), indent=2)
        parser.add_argument("--describe", action="version", version=description, help="print the contract as JSON")
        parser.add_argument("--version", action="version", version=declared.version, help="print the version")
        parser._add_fields("inputs", declared.inputs)
        parser._add_fields("filled by the engine that runs the stage", declared.runtime)
        names = ", ".join(field.name for field in declared.outputs)
        parser.add_argument_group("outputs").add_argument(
            "--outputs",
            type=_path,
            default=DEFAULT_OUTPUTS,
            metavar="FOLDER",
            help=f"where these files go: {names} (default: {DEFAULT_OUTPUTS})",
        )
        return parser

    stage = ""

    def error(self, message: str) -> NoReturn:
        end_with(self.stage, 2, f"{message} (--help lists the arguments)")

    def _add_fields(self, title: str, fields: Sequence[Field]) -> None:
        paths = "an artefact is the path of a tar that a stage wrote, or of a folder"
        group = self.add_argument_group(title, paths if any(field.artifact for field in fields) else None)
        for field in fields:
            group.add_argument(
                field.flag,
                dest=field.name,
                type=_argument_type(field),
                required=field.is_required,
                default=None if field.is_required else field.default,
                metavar=contract.type_name(field.kind),
                help=_field_help(field),
            )


def _argument_type(field: Field) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return field.parse(text)
        except StageError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return _path if field.artifact else parse


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def _field_help(field: Field) -> str:
    limits = "; " + ", ".join(limit.text for limit in field.limits) if field.limits else ""
    default = "" if field.is_required else f" (default: {contract.to_text(field.default) or 'empty'})"
    return f"{field.description}{limits}{default}".replace("%", "%%")


def _environment_help(declared: Contract) -> str:
    if not declared.environment:
        return "The environment is not read, and no network is needed."
    width = max(len(variable.name) for variable in declared.environment) + 2
    lines = [
        f"  {variable.name:<{width}}{variable.description}{' (required)' if variable.required else ''}"
        for variable in declared.environment
    ]
    return "\n".join(["environment (NAME_FILE may name a file that holds the value):", *lines])

"""How a stage declares its inputs, outputs and environment, and what follows from the declaration.

A contract is a module `stages/<name>/contract.py` with two frozen dataclasses, `Inputs` and
`Outputs`, whose fields are `name: Annotated[type, "description", *limits] = default`; a tuple of
`Variable`s, `ENVIRONMENT`; the names of those inputs that the engine fills and the workflow does not
pass, `RUNTIME`; and a docstring whose first line says what the stage does.
"""

import dataclasses
import importlib
import math
import os
import re
import tomllib
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from shared.artifacts import Artifact
from shared.errors import StageError

MAX_TEXT_BYTES = 1024  # an output scalar on Flyte holds no more
SECRETS_FOLDER = "SECRETS_FOLDER"
MAX_INTEGER = (1 << 63) - 1
MAX_DIGITS = 40  # of a number's text; Python refuses to read very long ones
PIPELINE = ("dataset", "convert", "train", "evaluate", "register", "publish")
"""The stages that make and publish a model, in their order."""
STAGES = (*PIPELINE, "watch")
PROGRAMS = {"preflight": "publish"}
"""What is a node of its own beside the stages, by name, and the stage of whose code and image it is.

`stages/<stage>/<name>/` has its contract.py and main.py.
"""
NODES = (*STAGES, *PROGRAMS)

Scalar = int | float | bool | str | datetime
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Limit:
    """A condition on a scalar and the words for it: `must be {text}`."""

    text: str
    holds: Check


def above(bound: float) -> Limit:
    """Returns the limit value > bound."""
    return Limit(f"above {bound}", lambda value: value > bound)


def at_least(bound: float) -> Limit:
    """Returns the limit value >= bound."""
    return Limit(f"at least {bound}", lambda value: value >= bound)


def at_most(bound: float) -> Limit:
    """Returns the limit value <= bound."""
    return Limit(f"at most {bound}", lambda value: value <= bound)


def one_of(*choices: str) -> Limit:
    """Returns the limit value in choices."""
    return Limit("one of " + ", ".join(choices), lambda value: value in choices)


def matches(pattern: str, text: str) -> Limit:
    """Returns the limit that the whole value matches a regular expression, described by text."""
    return Limit(text, lambda value: re.fullmatch(pattern, value) is not None)


@dataclass(frozen=True)
class Field:
    """One declared input or output. `kind` is int, float, bool, str, datetime or an Artifact type."""

    name: str
    kind: type
    description: str
    limits: tuple[Limit, ...]
    default: Any

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def artifact(self) -> type[Artifact] | None:
        """The artefact type, or None for a scalar."""
        return self.kind if issubclass(self.kind, Artifact) else None

    @property
    def is_required(self) -> bool:
        return self.default is dataclasses.MISSING

    def holds(self, value: Any) -> bool:
        """Returns whether value is exactly of the field's type: True is no int here."""
        return type(value) is self.kind

    def check(self, value: Any) -> None:
        """Raises StageError where a scalar breaks a limit, naming the field and the value."""
        for limit in self.limits:
            if not limit.holds(value):
                raise StageError(f"{self.name} is {value!r}; it must be {limit.text}")

    def parse(self, text: str) -> Scalar:
        """Returns the checked value of a scalar's text form, as Flyte or a person writes it.

        Raises StageError that names the field and says what is expected.
        """
        value = _PARSERS[self.kind](self.name, text)
        self.check(value)
        return value

    def describe(self) -> dict[str, Any]:
        """Returns the field as JSON data."""
        known = {"name": self.name, "type": type_name(self.kind), "description": self.description}
        limits = {"limits": [limit.text for limit in self.limits]} if self.limits else {}
        default = to_text(self.default) if isinstance(self.default, datetime) else self.default
        return known | limits | ({} if self.is_required else {"default": default})


@dataclass(frozen=True)
class Variable:
    """An environment variable that a stage reads; `NAME_FILE` may name a file that holds its value.

    So may a file `NAME` in the folder that SECRETS_FOLDER names, as Kubernetes mounts a Secret. A value in the
    environment of a pod would be put into any argument that holds `$(NAME)`.

    runtime: it is read only for an input that the engine fills, or to hand the work to a runner; who does neither need
    not pass it on.
    """

    name: str
    description: str
    required: bool = False
    secret: bool = False
    runtime: bool = False

    def read(self) -> str:
        """Returns the value, stripped, or '' where it is not set. Raises StageError as `check` does."""
        value = os.environ.get(self.name, "").strip() or self._from_file()
        if self.required and not value:
            raise StageError(f"the environment variable {self.name} is not set; it must hold {self.description}")
        return value

    def check(self) -> None:
        """Raises StageError where a required variable is missing or its file cannot be read."""
        self.read()

    def _from_file(self) -> str:
        path = os.environ.get(f"{self.name}_FILE", "") or self._mounted()
        try:
            return Path(path).read_text("utf-8").strip() if path else ""
        except OSError as error:
            raise StageError(f"{self.name}_FILE names {path}, which cannot be read: {error.strerror}") from None
        except ValueError:  # its text would quote a part of the secret
            raise StageError(f"{self.name}_FILE names {path}, which is not a text file") from None

    def _mounted(self) -> str:
        folder = os.environ.get(SECRETS_FOLDER, "")
        file = Path(folder, self.name)
        return str(file) if folder and file.exists() else ""


@dataclass(frozen=True)
class Contract:
    """Everything that is declared about one stage, or one of PROGRAMS, and its version."""

    stage: str
    title: str
    version: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    environment: tuple[Variable, ...]
    runtime: tuple[Field, ...]
    input_class: type
    output_class: type

    @property
    def home(self) -> str:
        """The stage whose image and environment it runs in: itself, but for one of PROGRAMS."""
        return PROGRAMS.get(self.stage, self.stage)

    @property
    def program(self) -> str:
        """The module that runs it, for `python -m`."""
        return f"{_package(self.stage)}.main"

    def describe(self) -> dict[str, Any]:
        """Returns the contract as JSON data: what `--describe` prints and an image carries as a label."""
        variables = [dataclasses.asdict(variable) for variable in self.environment]
        return {
            "stage": self.stage,
            "version": self.version,
            "title": self.title,
            "inputs": [field.describe() for field in self.inputs],
            "outputs": [field.describe() for field in self.outputs],
            "environment": variables,
            "runtime": [field.describe() for field in self.runtime],
        } | self._described_programs()

    def _described_programs(self) -> dict[str, Any]:
        programs = [name for name, stage in PROGRAMS.items() if stage == self.stage]
        return {"programs": [load(name).describe() for name in programs]} if programs else {}


def load(stage: str) -> Contract:
    """Returns the contract of a stage or of one of PROGRAMS. Raises StageError for one that does not exist."""
    if stage not in NODES:
        raise StageError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}")
    module = importlib.import_module(f"{_package(stage)}.contract")
    project = Path(__file__).parents[1] / "stages" / PROGRAMS.get(stage, stage) / "pyproject.toml"
    return of(stage, module, tomllib.loads(project.read_text("utf-8"))["project"]["version"])


def _package(node: str) -> str:
    return f"stages.{PROGRAMS[node]}.{node}" if node in PROGRAMS else f"stages.{node}"


def of(stage: str, module: Any, version: str) -> Contract:
    """Returns the contract that a module declares as a stage's contract.py does."""
    fields = fields_of(module.Inputs)
    return Contract(
        stage=stage,
        title=str(module.__doc__).strip().splitlines()[0],
        version=version,
        inputs=tuple(field for field in fields if field.name not in module.RUNTIME),
        outputs=fields_of(module.Outputs),
        environment=tuple(module.ENVIRONMENT),
        runtime=tuple(field for field in fields if field.name in module.RUNTIME),
        input_class=module.Inputs,
        output_class=module.Outputs,
    )


def fields_of(declaration: type) -> tuple[Field, ...]:
    """Returns the fields of an Inputs or Outputs dataclass in their order."""
    hints = typing.get_type_hints(declaration, include_extras=True)
    return tuple(_field(entry.name, hints[entry.name], entry.default) for entry in dataclasses.fields(declaration))


def _field(name: str, hint: Any, default: Any) -> Field:
    if typing.get_origin(hint) is not Annotated:
        raise TypeError(f"{name} must be declared as Annotated[type, 'description', *limits]")
    kind, description, *limits = typing.get_args(hint)
    if kind not in _PARSERS and not (isinstance(kind, type) and issubclass(kind, Artifact)):
        raise TypeError(f"{name} has the type {kind}; a field is an int, float, bool, str, datetime or an artefact")
    field = Field(name, kind, description, tuple(limits), default)
    if not field.is_required and (field.artifact or not field.holds(default)):
        raise TypeError(f"{name} has the default {default!r}, which is not of the type {kind.__name__}")
    return field


def type_name(kind: type) -> str:
    """Returns the name of a field's type as it is shown to people and compared between versions."""
    return kind.__name__


def to_text(value: Scalar) -> str:
    """Returns a scalar's text form: `true`, `3`, `0.0002`, `2025-12-24T02:00:00Z`, or the string itself."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse_int(name: str, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text.strip()):
        raise StageError(f"{name} is {text!r}; it must be a whole number")
    if len(text) > MAX_DIGITS or abs(int(text)) > MAX_INTEGER:
        raise StageError(f"{name} is {text!r:.40}; it must lie between -{MAX_INTEGER} and {MAX_INTEGER}")
    return int(text)


def _parse_float(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise StageError(f"{name} is {text!r}; it must be a finite number")
    return value


def _parse_bool(name: str, text: str) -> bool:
    words = {"true": True, "false": False}
    if text.strip().lower() not in words:
        raise StageError(f"{name} is {text!r}; it must be true or false")
    return words[text.strip().lower()]


def _parse_datetime(name: str, text: str) -> datetime:
    # Go writes nanoseconds, of which Python keeps the microseconds.
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise StageError(f"{name} is {text!r:.80}; it must be a time such as 2025-12-24T02:00:00Z") from None


def _parse_str(name: str, text: str) -> str:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise StageError(f"{name} has more than {MAX_TEXT_BYTES} bytes; larger things are files")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise StageError(f"{name} holds a character that is not text")
    return text


_PARSERS: dict[Any, Callable[[str, str], Scalar]] = {
    int: _parse_int,
    float: _parse_float,
    bool: _parse_bool,
    str: _parse_str,
    datetime: _parse_datetime,
}

"""Whether an image fits the workflow: the contract in its label against the contract in the tree.

The workflow passes every input that the tree declares and takes every output that it declares. An
image may have more optional inputs and more outputs than that.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from shared import contract
from shared.errors import StageError
from shared.runner.settings import URL

LABEL = "io.agent-training.contract"
Part = Literal["patch", "minor", "major"]
PARTS: tuple[Part, ...] = ("patch", "minor", "major")


class Port(BaseModel):
    """An input or output: its name, the name of its type, and, where it has one, its default."""

    name: str
    type: str
    default: Any = None

    @property
    def is_required(self) -> bool:
        return "default" not in self.model_fields_set


class Variable(BaseModel):
    """An environment variable that a stage reads."""

    name: str
    required: bool = False


class Interface(BaseModel):
    """What `Contract.describe` says of a stage, as far as images are compared by it."""

    stage: str
    version: str
    inputs: list[Port]
    outputs: list[Port]
    environment: list[Variable]
    programs: list["Interface"] = []

    @property
    def name(self) -> str:
        """The stage and its version: `train 0.1.0`."""
        return f"{self.stage} {self.version}"


def of_tree(stage: str) -> Interface:
    """Returns the interface of the tree's stage. Raises StageError for a stage that does not exist."""
    return Interface.model_validate(contract.load(stage).describe())


def of_labels(stage: str, labels: Mapping[str, str]) -> Interface:
    """Returns the interface that the labels of an image of a stage tell.

    Raises StageError where the label is missing, is no contract, or is another stage's.
    """
    remedy = f"`make image-{stage}` builds one with its label"
    if LABEL not in labels:
        raise StageError(f"the image of {stage} has no label {LABEL}, so that its contract is unknown; {remedy}")
    try:
        found = Interface.model_validate_json(labels[LABEL])
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "its text"
        raise StageError(f"the label {LABEL} of {stage}'s image is no contract: {where} is wrong; {remedy}") from None
    if found.stage != stage:
        raise StageError(f"the image of {stage} is one of {found.name}; let {stage} name its own")
    return found


def check_image(stage: str, version: str, labels: Mapping[str, str]) -> None:
    """Raises StageError where an image is not of that stage and version, or does not fit the tree, with all reasons."""
    image = of_labels(stage, labels)
    if image.version != version:
        raise StageError(f"the image of {stage} that is named {version} is {image.version} by its label; pin it anew")
    if reasons := misfits(image, of_tree(stage)):
        remedy = f"take another version of {stage} (`make versions` lists them), or the tree that fits it"
        raise StageError(f"{'; '.join(reasons)}; {remedy}")


def check_hands_over(stage: str, labels: Mapping[str, str]) -> None:
    """Raises StageError where an image of a stage that a runner is to work for is older than runners are.

    It would not look for the runner, and work in its pod, which is made for one that waits.
    """
    image = of_labels(stage, labels)
    if not any(variable.name == URL.name for variable in image.environment):
        reason = f"{image.name} knows no native runner, to which its profile in placement.toml sends it"
        remedy = "a newer version (`make versions` lists them), or another profile, such as cpu"
        raise StageError(f"{reason}; take {remedy}")


def misfits(image: Interface, tree: Interface) -> list[str]:
    """Returns one sentence for each reason why the tree's workflow cannot run the image; none where it can."""
    own = [*_input_misfits(image, tree), *_output_misfits(image, tree), *_environment_misfits(image, tree)]
    return [*own, *_program_misfits(image, tree)]


def _input_misfits(image: Interface, tree: Interface) -> Iterator[str]:
    known, passed = _by_name(image.inputs), _by_name(tree.inputs)
    for name, port in passed.items():
        if name not in known:
            yield f"{image.name} has no input {name}, which the workflow passes"
        elif known[name].type != port.type:
            yield f"{image.name} takes the input {name} as {known[name].type}, which the workflow passes as {port.type}"
    for name, port in known.items():
        if port.is_required and name not in passed:
            yield f"{image.name} requires the input {name}, which the workflow does not pass"


def _output_misfits(image: Interface, tree: Interface) -> Iterator[str]:
    known = _by_name(image.outputs)
    for port in tree.outputs:
        if port.name not in known:
            yield f"{image.name} has no output {port.name}, which the workflow takes"
        elif (made := known[port.name].type) != port.type:
            yield f"{image.name} gives the output {port.name} as {made}, which the workflow takes as {port.type}"


def _environment_misfits(image: Interface, tree: Interface) -> Iterator[str]:
    passed = {variable.name for variable in tree.environment}
    for variable in image.environment:
        if variable.required and variable.name not in passed:
            yield f"{image.name} requires the environment variable {variable.name}, which the workflow does not set"


def _program_misfits(image: Interface, tree: Interface) -> Iterator[str]:
    """Yields the reasons why the image cannot run what runs beside the stage in it."""
    known = {program.stage: program for program in image.programs}
    for program in tree.programs:
        if program.stage in known:
            yield from misfits(known[program.stage], program)
        else:
            yield f"{image.name} has no program {program.stage}, which the workflow runs"


def demanded_part(old: Interface, new: Interface) -> tuple[Part, list[str]]:
    """Returns the least part of the version that a change of a contract must raise, and why: one sentence each.

    major: who used the old one cannot use the new one. minor: there is a new input or output.
    """
    pairs = [(old, new), *_same_programs(old, new)]
    broken = [*misfits(new, old), *(reason for pair in pairs for reason in _newly_required(*pair))]
    if broken:
        return "major", broken
    added = [reason for pair in pairs for reason in _additions(*pair)]
    return ("minor", added) if added else ("patch", [])


def _newly_required(old: Interface, new: Interface) -> Iterator[str]:
    optional = {port.name for port in old.inputs if not port.is_required}
    for port in new.inputs:
        if port.is_required and port.name in optional:
            yield f"the input {port.name} has lost its default"


def _same_programs(old: Interface, new: Interface) -> list[tuple[Interface, Interface]]:
    known = {program.stage: program for program in old.programs}
    return [(known[program.stage], program) for program in new.programs if program.stage in known]


def _additions(old: Interface, new: Interface) -> list[str]:
    known = [program.stage for program in old.programs]
    programs = [f"the program {program.stage} is new" for program in new.programs if program.stage not in known]
    ports = [*_added("input", old.inputs, new.inputs), *_added("output", old.outputs, new.outputs)]
    return [*ports, *programs]


def _added(what: str, old: Iterable[Port], new: Iterable[Port]) -> list[str]:
    known = _by_name(old)
    return [f"the {what} {port.name} is new" for port in new if port.name not in known]


def _by_name(ports: Iterable[Port]) -> dict[str, Port]:
    return {port.name: port for port in ports}

"""A stage's contract, image and placement as a Flyte task, the same on a laptop and on a cluster."""

import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flytekit import TaskMetadata
from flytekit.core.base_task import kwtypes
from flytekit.core.container_task import ContainerTask
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.documentation import Description, Documentation
from flytekit.models.interface import TypedInterface, Variable
from flytekit.models.literals import LiteralMap
from flytekit.types.file import FlyteFile

from shared import contract
from shared.artifacts import Artifact
from shared.contract import Contract, Field
from workflows.flyte.pods import pod_template
from workflows.local import container, process
from workflows.local.copilot import INPUTS, OUTPUTS
from workflows.local.execution import Execution
from workflows.placement import Placement, entrypoint, read_image, read_placement

BACK_ENDS = {"process": process.run_stage, "docker": container.run_stage}
BACK_END = "AGENT_TRAINING_BACK_END"  # which of them runs a stage on this machine
RUN_FOLDER = "AGENT_TRAINING_RUN"  # where a local run keeps what its stages make
# Their result depends on image and inputs alone. Where no revision pins the base, the launch plan overwrites the cache.
CACHED = ("convert", "train")
# What Flyte fills in where a task has been started before: RUNTIME inputs, outside the interface and the cache's key.
CHECKPOINTS = {"checkpoint_to": "{{.checkpointOutputPrefix}}", "checkpoint_from": "{{.prevCheckpointPrefix}}"}


class StageTask(ContainerTask):
    """A ContainerTask that runs locally by a back end of ours, and serialises unchanged.

    flytekit's own local execution ignores the exit code, the environment and missing outputs.
    """

    def __init__(self, declared: Contract, **options: Any) -> None:
        self.contract = declared
        super().__init__(name=declared.stage, docs=_documentation(declared), **options)
        self._interface = TypedInterface(
            _described(self.interface.inputs, declared.inputs), _described(self.interface.outputs, declared.outputs)
        )

    def execute(self, **inputs: Any) -> LiteralMap:
        """Runs the stage on this machine. Raises StageFailed where it fails."""
        stage = self.contract.stage
        folder = Path(os.environ.get(RUN_FOLDER) or tempfile.mkdtemp(prefix="agent-training-")) / stage
        placement = read_placement(stage, on_cluster=False)
        execution = Execution(self.contract, folder, placement, read_image(stage))
        values = {name: _local(value) for name, value in inputs.items()}
        outputs = BACK_ENDS[os.environ.get(BACK_END, "process")](execution, values)
        native = {name: _flyte(value) for name, value in outputs.items()}
        context = FlyteContextManager.current_context()
        return TypeEngine.dict_to_literal_map(context, native, type_hints=self.python_interface.outputs)


def stage_task(stage: str) -> StageTask:
    """Returns the task of a stage: interface from its contract, image and placement from their files."""
    declared, placement = contract.load(stage), read_placement(stage)
    image = read_image(stage, variant=placement.profile.image_variant)
    cached = {"cache": True, "cache_version": image.reference} if stage in CACHED else {}
    return StageTask(
        declared,
        image=image.reference,
        command=entrypoint(declared),
        arguments=_arguments(declared, placement),
        inputs=OrderedDict((field.name, flyte_type(field)) for field in declared.inputs),
        outputs=kwtypes(**{field.name: flyte_type(field) for field in declared.outputs}),
        input_data_dir=INPUTS,
        output_data_dir=OUTPUTS,
        metadata=TaskMetadata(
            retries=placement.retries,
            timeout=placement.timeout,
            interruptible=placement.interruptible or None,  # None: as the execution has it
            **cached,
        ),
        pod_template=pod_template(declared, placement),
    )


def flyte_type(field: Field) -> type:
    """Returns a field's type on Flyte; an artefact is a file whose format is the artefact's name."""
    return file_of(field.artifact) if field.artifact else field.kind


def file_of(artifact: type[Artifact]) -> Any:
    """Returns the type of a file that holds an artefact."""
    return FlyteFile[artifact.__name__]


def _arguments(declared: Contract, placement: Placement) -> list[str]:
    known = CHECKPOINTS if placement.checkpoints else {}
    filled = [f"{field.flag}={known[field.name]}" for field in declared.runtime if field.name in known]
    return [*map(_argument, declared.inputs), *filled, f"--outputs={OUTPUTS}"]


def _argument(field: Field) -> str:
    """Returns `--name=value` for Flyte to render: one argument, so that a value cannot become an option."""
    value = f"{INPUTS}/{field.name}" if field.artifact else f"{{{{.inputs.{field.name}}}}}"
    return f"{field.flag}={value}"


def _documentation(declared: Contract) -> Documentation:
    """Returns what the console says of a stage: its page shows the long description alone."""
    return Documentation(short_description=declared.title, long_description=Description(value=declared.title))


def _described(variables: Mapping[str, Variable], fields: Iterable[Field]) -> dict[str, Variable]:
    """Returns the inputs or outputs with what the contract says of each, where flytekit repeats the name."""
    return {field.name: Variable(variables[field.name].type, field.description) for field in fields}


def _local(value: Any) -> Any:
    return Path(value.path) if isinstance(value, FlyteFile) else value


def _flyte(value: Any) -> Any:
    # remote_path=False: the file stays where the stage put it, instead of being copied for an upload.
    return FlyteFile(str(value), remote_path=False) if isinstance(value, Path) else value

"""A stage's contract, image and placement as a Flyte task, the same on a laptop and on a cluster."""

import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from flytekit import PodTemplate, Resources, TaskMetadata
from flytekit.core.base_task import kwtypes
from flytekit.core.container_task import ContainerTask
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap
from flytekit.types.file import FlyteFile
from kubernetes.client import V1Container, V1PodSpec, V1Toleration

from shared import contract
from shared.artifacts import Artifact
from shared.contract import Contract, Field
from workflows import container, process
from workflows.copilot import INPUTS, OUTPUTS
from workflows.execution import Execution
from workflows.placement import Placement, read_image, read_placement

BACK_ENDS = {"process": process.run_stage, "docker": container.run_stage}
BACK_END = "AGENT_TRAINING_BACK_END"  # which of them runs a stage on this machine
RUN_FOLDER = "AGENT_TRAINING_RUN"  # where a local run keeps what its stages make
CACHED = ("convert", "train")  # their result depends on image and inputs alone


class StageTask(ContainerTask):
    """A ContainerTask that runs locally by a back end of ours, and serialises unchanged.

    flytekit's own local execution ignores the exit code, the environment and missing outputs.
    """

    def __init__(self, declared: Contract, **options: Any) -> None:
        self.contract = declared
        super().__init__(name=declared.stage, **options)

    def execute(self, **inputs: Any) -> LiteralMap:
        """Runs the stage on this machine. Raises StageFailed where it fails."""
        stage = self.contract.stage
        folder = Path(os.environ.get(RUN_FOLDER) or tempfile.mkdtemp(prefix="agent-training-")) / stage
        execution = Execution(self.contract, folder, read_placement(stage), read_image(stage))
        values = {name: _local(value) for name, value in inputs.items()}
        outputs = BACK_ENDS[os.environ.get(BACK_END, "process")](execution, values)
        native = {name: _flyte(value) for name, value in outputs.items()}
        context = FlyteContextManager.current_context()
        return TypeEngine.dict_to_literal_map(context, native, type_hints=self.python_interface.outputs)


def stage_task(stage: str) -> StageTask:
    """Returns the task of a stage: interface from its contract, image and placement from their files."""
    declared, image, placement = contract.load(stage), read_image(stage), read_placement(stage)
    cached = {"cache": True, "cache_version": image.reference} if stage in CACHED else {}
    resources = Resources(cpu=placement.cpu, mem=placement.memory)
    return StageTask(
        declared,
        image=image.reference,
        command=[],  # the image's ENTRYPOINT runs
        arguments=[*map(_argument, declared.inputs), f"--outputs={OUTPUTS}"],
        inputs=OrderedDict((field.name, flyte_type(field)) for field in declared.inputs),
        outputs=kwtypes(**{field.name: flyte_type(field) for field in declared.outputs}),
        input_data_dir=INPUTS,
        output_data_dir=OUTPUTS,
        requests=resources,
        limits=resources,
        metadata=TaskMetadata(retries=placement.retries, timeout=placement.timeout, **cached),
        pod_template=_pod_template(placement),
    )


def flyte_type(field: Field) -> type:
    """Returns a field's type on Flyte; an artefact is a file whose format is the artefact's name."""
    return file_of(field.artifact) if field.artifact else field.kind


def file_of(artifact: type[Artifact]) -> Any:
    """Returns the type of a file that holds an artefact."""
    return FlyteFile[artifact.__name__]


def _argument(field: Field) -> str:
    """Returns `--name=value` for Flyte to render: one argument, so that a value cannot become an option."""
    value = f"{INPUTS}/{field.name}" if field.artifact else f"{{{{.inputs.{field.name}}}}}"
    return f"{field.flag}={value}"


def _pod_template(placement: Placement) -> PodTemplate | None:
    if not placement.node_selector and not placement.tolerations:
        return None
    tolerations = [V1Toleration(**toleration) for toleration in placement.tolerations]
    spec = V1PodSpec(
        containers=[V1Container(name="primary")], node_selector=placement.node_selector, tolerations=tolerations
    )
    return PodTemplate(pod_spec=spec, primary_container_name="primary")


def _local(value: Any) -> Any:
    return Path(value.path) if isinstance(value, FlyteFile) else value


def _flyte(value: Any) -> Any:
    # remote_path=False: the file stays where the stage put it, instead of being copied for an upload.
    return FlyteFile(str(value), remote_path=False) if isinstance(value, Path) else value

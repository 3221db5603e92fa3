"""A run in containers: each stage is given the files that Flyte's copilot writes, and leaves what it takes."""

from pathlib import Path

import pytest

from shared import contract
from tests.containers.conftest import Run
from tests.flytecopilot import Copilot
from workflows.local.copilot import read_output
from workflows.tasks import flyte_type


@pytest.fixture
def copilot(tmp_path: Path) -> Copilot:
    return Copilot.found(tmp_path / "store")


@pytest.mark.parametrize("stage", contract.PIPELINE)
def test_a_stage_was_given_the_files_that_flyte_writes(
    stage: str, undisturbed: Run, copilot: Copilot, tmp_path: Path
) -> None:
    scalars = [field for field in contract.load(stage).inputs if not field.artifact]
    given = {field.name: (undisturbed.folder / stage / "inputs" / field.name).read_bytes() for field in scalars}
    values = {field.name: field.parse(given[field.name].decode()) for field in scalars}
    copilot.fetch(values, {field.name: field.kind for field in scalars}, tmp_path / "inputs")
    assert {name: (tmp_path / "inputs" / name).read_bytes() for name in given} == given


@pytest.mark.parametrize("stage", contract.PIPELINE)
def test_flyte_takes_what_a_stage_left(stage: str, undisturbed: Run, copilot: Copilot) -> None:
    outputs, declared = undisturbed.folder / stage / "outputs", contract.load(stage).outputs
    taken = copilot.take({field.name: flyte_type(field) for field in declared}, outputs)
    assert taken is not None
    for field in declared:
        content = (outputs / field.name).read_bytes()
        if field.artifact:
            assert taken[field.name].read_bytes() == content
        else:
            assert taken[field.name] == read_output(field, content)

"""What every stage's image promises, whatever the stage does."""

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.models.containers import Container
from docker.types import Mount

from shared import contract
from shared.contract import Contract
from tests.containers.conftest import Run
from workflows.local import container, copilot
from workflows.local.copilot import INPUTS, OUTPUTS
from workflows.local.execution import Execution, StageFailed
from workflows.placement import Placement, entrypoint, read_image

STAGES = contract.STAGES
WITH_ARTEFACTS = ("train", "evaluate", "register", "publish")
ANYBODY = "1234567:0"  # as OpenShift gives: an arbitrary user in the group root
LEFT_OVER = """
import pathlib, shutil
print([tool for tool in ("cc", "gcc", "make", "pip", "uv", "perl5.36") if shutil.which(tool)])
folders = {"/root": ".cache", "/var/lib/apt/lists": "*", "/var/cache/apt/archives": "*.deb", "/app": "**/tests"}
print([str(path) for folder, pattern in folders.items() for path in pathlib.Path(folder).glob(pattern)])
"""
LABELS = ("version", "revision", "title", "description", "licenses")


class Stage:
    """A stage's image, with the inputs that it had in the undisturbed run and copies of what it changes."""

    def __init__(self, engine: docker.DockerClient, name: str, run: Run, folder: Path) -> None:
        self.engine, self.name, self.folder = engine, name, folder
        self.contract: Contract = contract.load(name)
        self.image = engine.images.get(read_image(name).address)
        self.state, self.artifacts = folder / "state", run.runs / "mlflow"
        shutil.copytree(run.runs, self.state, ignore=shutil.ignore_patterns("20*-*-agent-*"))
        self.inputs = folder / "inputs"
        self.inputs.mkdir()
        (folder / "outputs").mkdir()
        self.values = self._inputs(run)
        self.arguments = copilot.arguments(self.contract, self.values)
        for path in (folder / "outputs", self.state, *self.state.rglob("*")):
            path.chmod(0o777)

    def _inputs(self, run: Run) -> dict[str, Any]:
        """Copies the artefacts and returns the values of the scalars, with addresses of the copies.

        A stage that took no part in the run, as watch, gets its defaults.
        """
        given = run.folder / self.name / "inputs"
        values: dict[str, Any] = {}
        for field in self.contract.inputs:
            if field.artifact:
                values[field.name] = self.inputs / field.name
                shutil.copyfile(source_of(field.name, self.name, run), values[field.name])
            elif not given.exists():
                values[field.name] = field.default
            else:
                text = (given / field.name).read_bytes().decode()
                values[field.name] = field.parse(text.replace(str(run.runs), str(self.state)))
        if "model_name" in values:
            values["model_name"] = str(shutil.copytree(values["model_name"], self.state / "base-model"))
        return values

    def environment(self) -> dict[str, str]:
        known = {
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.state}/mlflow/mlflow.db",
            "STORE_URI": f"file://{self.state}/store",
        }
        return {each.name: known[each.name] for each in self.contract.environment if each.name in known}

    def start(self, *arguments: str, **options: Any) -> Container:
        mounts = [
            Mount(INPUTS, str(self.inputs), type="bind", read_only=True),
            Mount(OUTPUTS, str(self.folder / "outputs"), type="bind"),
            Mount("/tmp", None, type="volume"),
            Mount(str(self.state), str(self.state), type="bind"),
            # The copied database names the artefacts where the run has put them.
            Mount(str(self.artifacts), str(self.artifacts), type="bind", read_only=True),
        ]
        known: dict[str, Any] = {
            "environment": self.environment(),
            "mounts": mounts,
            "user": ANYBODY,
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
        }
        command = list(arguments) or self.arguments
        return self.engine.containers.run(self.image, command, detach=True, **{**known, **options})

    def run(self, *arguments: str, **options: Any) -> tuple[int, list[str]]:
        """Returns the exit code and the lines of the log."""
        started = self.start(*arguments, **options)
        try:
            code = started.wait(timeout=300)["StatusCode"]
            return int(code), started.logs().decode().splitlines()
        finally:
            started.remove(force=True, v=True)

    def outputs(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "outputs").iterdir())


def source_of(name: str, consumer: str, run: Run) -> Path:
    """Returns the file that the workflow gives a stage as the artefact `name`."""
    producers = {
        "dataset": ("dataset", "dataset"),
        "base_model": ("convert", "model"),
        "model": ("convert" if consumer == "train" else "train", "model"),
        "adapters": ("train", "adapters"),
        "metrics": ("train", "metrics"),
        "evaluation": ("evaluate", "evaluation"),
        "card": ("register", "card"),
    }
    return run.output(*producers[name])


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest, engine: docker.DockerClient, undisturbed: Run, tmp_path: Path) -> Stage:
    return Stage(engine, request.param, undisturbed, tmp_path)


@pytest.fixture(params=WITH_ARTEFACTS)
def consumer(request: pytest.FixtureRequest, engine: docker.DockerClient, undisturbed: Run, tmp_path: Path) -> Stage:
    return Stage(engine, request.param, undisturbed, tmp_path)


def test_the_image_describes_itself_as_its_label_and_the_tree_do(stage: Stage) -> None:
    code, lines = stage.run("--describe")
    assert code == 0
    label = stage.image.labels["io.agent-training.contract"]
    assert json.loads("\n".join(lines)) == json.loads(label) == stage.contract.describe()


@pytest.mark.parametrize("program", contract.PROGRAMS)
def test_what_runs_beside_a_stage_is_in_its_image(
    engine: docker.DockerClient, undisturbed: Run, tmp_path: Path, program: str
) -> None:
    declared = contract.load(program)
    python, *module = entrypoint(declared)
    code, lines = Stage(engine, declared.home, undisturbed, tmp_path).run(*module, "--describe", entrypoint=[python])
    assert (code, json.loads("\n".join(lines))) == (0, declared.describe())


def test_the_labels_say_what_the_image_is(stage: Stage) -> None:
    labels = {name: stage.image.labels.get(f"org.opencontainers.image.{name}", "") for name in LABELS}
    assert all(labels.values()), labels
    assert labels["version"] == stage.contract.version
    assert re.fullmatch(r"[0-9a-f]{40}(-modified)?", labels["revision"])


def test_the_image_runs_unprivileged_and_holds_no_tools_of_a_build(stage: Stage) -> None:
    assert stage.image.attrs["Config"]["User"] == "65532:65532"
    finished, lines = stage.run("-c", LEFT_OVER, entrypoint=["/opt/venv/bin/python"])
    assert (finished, lines) == (0, ["[]", "[]"])


def test_it_runs_offline_read_only_and_as_anybody(stage: Stage) -> None:
    code, lines = stage.run()
    assert code == 0, lines
    assert stage.outputs() == sorted(field.name for field in stage.contract.outputs)


def test_an_unknown_argument_is_refused_in_one_line(stage: Stage) -> None:
    code, lines = stage.run(*stage.arguments, "--no-such-input=1")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(f"{stage.name}: unrecognized arguments: --no-such-input=1")


def test_a_value_that_the_contract_refuses_is_named(stage: Stage) -> None:
    field = next((each for each in stage.contract.inputs if each.kind in (int, float)), None)
    if field is None:
        pytest.skip(f"{stage.name} takes no number")
    code, lines = stage.run(*stage.arguments, f"{field.flag}=many")
    assert (code, len(lines)) == (2, 1)
    assert f"{field.name} is 'many'; it must be" in lines[0]


def test_a_missing_input_is_named(consumer: Stage) -> None:
    (consumer.inputs / "dataset").unlink()
    code, lines = consumer.run()
    assert code == 1
    assert lines[-1] == f"{consumer.name}: the input dataset is missing: there is no /var/inputs/dataset"
    assert consumer.outputs() == []


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_input_is_refused(consumer: Stage, kept: float) -> None:
    file = consumer.inputs / "model"
    os.truncate(file, int(file.stat().st_size * kept) // 512 * 512)
    code, lines = consumer.run()
    assert code == 1
    assert lines[-1].startswith(f"{consumer.name}: ") and "/var/inputs/model" in lines[-1], lines[-1]
    assert consumer.outputs() == []


def test_an_artefact_of_another_kind_is_refused(consumer: Stage) -> None:
    shutil.copyfile(consumer.inputs / "dataset", consumer.inputs / "model")
    code, lines = consumer.run()
    assert code == 1
    assert re.search(r"the input model is a ChatDataset; an? \w+Model is needed", lines[-1]), lines[-1]


def test_outputs_of_somebody_else_are_refused_before_any_work(stage: Stage) -> None:
    (stage.folder / "outputs").chmod(0o755)
    code, lines = stage.run()
    expected = f"{stage.name}: the outputs cannot be written to /var/outputs: Permission denied; choose another folder"
    assert (code, lines) == (1, [expected])


def test_a_missing_service_is_named(stage: Stage) -> None:
    required = [each.name for each in stage.contract.environment if each.required]
    if not required:
        pytest.skip(f"{stage.name} needs no service")
    code, lines = stage.run(environment={})
    assert (code, len(lines)) == (1, 1)
    assert f"the environment variable {required[0]} is not set" in lines[0]


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0])
def test_a_stop_ends_process_1_at_once_and_leaves_nothing(stage: Stage, seconds: float) -> None:
    started = stage.start()
    try:
        time.sleep(seconds)
        code = stopped(started)
    finally:
        log = started.logs().decode()
        started.remove(force=True, v=True)
    assert code in (143, 0), log
    assert stage.outputs() == ([] if code else sorted(field.name for field in stage.contract.outputs))
    assert "Traceback" not in log


def stopped(started: Container) -> int:
    """Returns the exit code of a container that is asked to end, or has ended by itself."""
    for patience in (4, 8):  # the kernel drops a signal that reaches process 1 before Python has run a line
        with contextlib.suppress(docker.errors.APIError):  # it has ended by itself
            started.kill("SIGTERM")
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return int(started.wait(timeout=patience)["StatusCode"])
    raise AssertionError("it goes on after two signals")


def test_too_little_memory_is_reported_as_such(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stage.environment().items():
        monkeypatch.setenv(name, value)
    placement = Placement("1", "12Mi", timedelta(minutes=2), 0)
    execution = Execution(stage.contract, tmp_path / "run" / stage.name, placement, read_image(stage.name))
    with pytest.raises(StageFailed) as failure:
        container.run_stage(execution, stage.values)
    assert failure.value.code == 137
    assert failure.value.reason == "it was killed because it needed more than its 12Mi of memory (placement.toml)"


@pytest.fixture(autouse=True)
def nothing_is_left(engine: docker.DockerClient) -> Iterator[None]:
    yield
    assert engine.containers.list(all=True, filters={"label": container.RUN_LABEL}) == []

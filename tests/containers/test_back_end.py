"""The back end `docker`, with small programs in the place of a stage."""

import io
import json
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import docker
import pytest

from shared import contract
from shared.errors import StageError
from workflows.local import container
from workflows.local.execution import ROOT, Execution, StageFailed
from workflows.placement import Image, Placement, read_image

CONVERT = contract.load("convert")
VALUES = {"model_name": "tiny", "model_revision": "", "dtype": "float32"}
PLACEMENT = Placement("1", "256Mi", timedelta(minutes=1), 0)
WRITES_ALL = """
import json, os, pathlib, socket, sys, time
outputs = pathlib.Path("/var/outputs")
(outputs / "model").write_text("a tar")
(outputs / "base_revision").write_text("r1")
"""


class Programs:
    """Makes images of convert whose entrypoint is a program that a test gives."""

    def __init__(self, engine: docker.DockerClient) -> None:
        self.engine, self.made = engine, 0

    def image(self, program: str, labels: dict[str, str] | None = None) -> Image:
        self.made += 1
        version = f"0.0.{self.made}"
        known = {"io.agent-training.contract": json.dumps({**CONVERT.describe(), "version": version})}
        context = io.BytesIO()
        dockerfile = f"FROM {read_image('convert').address}\nCOPY program /program\n"
        dockerfile += 'ENTRYPOINT ["/opt/venv/bin/python", "/program"]\n'
        with tarfile.open(fileobj=context, mode="w") as archive:
            for name, text in (("Dockerfile", dockerfile), ("program", program)):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(text.encode()), 0o644
                archive.addfile(member, io.BytesIO(text.encode()))
        name = f"agent-training-test/convert:{version}"
        self.engine.images.build(
            fileobj=io.BytesIO(context.getvalue()), custom_context=True, tag=name, labels=labels or known, rm=True
        )
        return Image(name, version, "")


@pytest.fixture(scope="module")
def programs(engine: docker.DockerClient) -> Iterator[Programs]:
    made = Programs(engine)
    yield made
    for image in engine.images.list("agent-training-test/convert"):
        engine.images.remove(str(image.id), force=True)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(image: Image, placement: Placement = PLACEMENT, **values: str) -> dict[str, Any]:
        execution = Execution(CONVERT, tmp_path / "test-run" / "convert", placement, image)
        return container.run_stage(execution, {**VALUES, **values})

    return run


@pytest.fixture(autouse=True)
def nothing_is_left(engine: docker.DockerClient) -> Iterator[None]:
    yield
    assert engine.containers.list(all=True, filters={"label": container.RUN_LABEL}) == []


def test_outputs_come_back_as_declared(programs: Programs, run: Callable[..., Any], tmp_path: Path) -> None:
    outputs = tmp_path / "test-run/convert/outputs"
    assert run(programs.image(WRITES_ALL)) == {"model": outputs / "model", "base_revision": "r1"}


def test_the_program_finds_what_a_pod_would(
    programs: Programs, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tells = """
def writable(folder):
    try:
        return bool(pathlib.Path(folder, "probe").write_text("x"))
    except OSError:
        return False
told = {
    "arguments": sys.argv[1:],
    "inputs": {path.name: path.read_text() for path in pathlib.Path("/var/inputs").iterdir()},
    "token": os.environ.get("HF_TOKEN"),
    "other": os.environ.get("OTHER_TOKEN"),
    "writable": [folder for folder in ("/", "/app", "/var/inputs", "/tmp", "/var/outputs") if writable(folder)],
    "user": os.getuid(),
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")],
}
(outputs / "model").write_text(json.dumps(told))
"""
    monkeypatch.setenv("HF_TOKEN", "value of HF_TOKEN")
    monkeypatch.setenv("OTHER_TOKEN", "value of OTHER_TOKEN")
    run(programs.image(WRITES_ALL + tells), model_name="two words")
    assert json.loads((tmp_path / "test-run/convert/outputs/model").read_text()) == {
        "arguments": ["--model-name=two words", "--model-revision=", "--dtype=float32", "--outputs=/var/outputs"],
        "inputs": {"model_name": "two words", "model_revision": "", "dtype": "float32"},
        "token": "value of HF_TOKEN",
        "other": None,
        "writable": ["/tmp", "/var/outputs"],
        "user": 65532,
        "capabilities": ["0000000000000000"],
    }


@pytest.mark.parametrize(
    ("program", "code", "reason"),
    [
        ("import sys; sys.exit(3)", 3, "it gave no reason"),
        ("open('/dev/termination-log', 'w').write('no rows'); raise SystemExit(1)", 1, "no rows"),
        ("import ctypes; ctypes.string_at(0)", 139, "it gave no reason"),
        ("pass", 0, "it left no output model"),
        (WRITES_ALL + "(outputs / 'base_revision').unlink()", 0, "it left no output base_revision"),
    ],
)
def test_a_failure_keeps_its_code_and_reason(
    programs: Programs, run: Callable[..., Any], program: str, code: int, reason: str
) -> None:
    with pytest.raises(StageFailed) as failure:
        run(programs.image(program))
    assert (failure.value.code, failure.value.reason) == (code, reason)


def test_the_log_is_shown_while_the_stage_runs(
    programs: Programs, run: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    run(programs.image(WRITES_ALL + "print('step 1', file=sys.stderr); print('step 2')"))
    shown = capfd.readouterr().err
    assert "step 1\n" in shown and "step 2\n" in shown


def test_a_failed_stage_is_started_again_with_empty_outputs(
    programs: Programs, run: Callable[..., Any], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(StageFailed):
        run(programs.image(WRITES_ALL + "sys.exit(1)"), Placement("1", "256Mi", timedelta(minutes=1), 2))
    assert "convert: exit code 1: it gave no reason; attempt 3 of 3\n" in capfd.readouterr().err
    assert json.loads((tmp_path / "test-run/convert/stage.json").read_text())["attempt"] == 3


def test_a_stage_that_runs_too_long_is_stopped(programs: Programs, run: Callable[..., Any]) -> None:
    short = Placement("1", "256Mi", timedelta(seconds=1.5), 0)
    program = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); time.sleep(60)"
    with pytest.raises(StageFailed) as failure:
        run(programs.image(program), short)
    assert (failure.value.code, failure.value.reason) == (124, "it ran longer than 0.025 minutes (placement.toml)")


SLEEPS = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); print('ready'); time.sleep(60)"
)
RUNS = """
import sys
from datetime import timedelta
from pathlib import Path
import signal
signal.signal(signal.SIGTERM, signal.default_int_handler)
from tests.containers.test_back_end import CONVERT, PLACEMENT, VALUES
from workflows.local import container
from workflows.local.execution import Execution
from workflows.placement import Image
container.run_stage(Execution(CONVERT, Path(sys.argv[1]), PLACEMENT, Image(sys.argv[2], sys.argv[3], "")), VALUES)
"""


def started(image: Image, folder: Path) -> "subprocess.Popen[str]":
    """Starts a run in a process of its own and returns it once its container is ready."""
    command = [sys.executable, "-c", RUNS, str(folder), image.reference, image.version]
    running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert running.stderr
    assert any(line == "ready\n" for line in running.stderr)
    return running


def test_a_stopped_run_removes_its_container(programs: Programs, engine: docker.DockerClient, tmp_path: Path) -> None:
    running = started(programs.image(SLEEPS), tmp_path / "stopped" / "convert")
    assert len(engine.containers.list(filters={"label": container.RUN_LABEL})) == 1
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) != 0


def test_the_container_of_a_killed_run_is_removed_by_the_next(
    programs: Programs, engine: docker.DockerClient, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    running = started(programs.image(SLEEPS), tmp_path / "killed" / "convert")
    running.kill()
    running.wait()
    assert len(engine.containers.list(filters={"label": container.RUN_LABEL})) == 1
    container.prepare()
    assert "removing killed-convert, which a run that is gone has left\n" in capfd.readouterr().err


def test_a_container_of_a_run_that_lives_is_left_alone(
    programs: Programs, engine: docker.DockerClient, tmp_path: Path
) -> None:
    running = started(programs.image(SLEEPS), tmp_path / "living" / "convert")
    container.prepare()
    assert len(engine.containers.list(filters={"label": container.RUN_LABEL})) == 1
    running.send_signal(signal.SIGTERM)
    running.wait(20)


def test_an_engine_that_is_not_there_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(
        StageError, match=r"^Docker does not answer: install it, or start it; BACKEND=process needs none"
    ):
        container.prepare()


def test_an_image_that_is_nowhere_is_told_with_the_remedy(run: Callable[..., Any]) -> None:
    with pytest.raises(StageError) as raised:
        run(Image("localhost:1/agent-training/convert:9.9.9", "9.9.9", ""))
    told = "the image localhost:1/agent-training/convert:9.9.9 is not here and cannot be pulled: "
    assert str(raised.value).startswith(told)


def test_an_image_with_another_interface_is_refused_by_name(programs: Programs, run: Callable[..., Any]) -> None:
    described = CONVERT.describe()
    described["inputs"] = [each for each in described["inputs"] if each["name"] != "dtype"]
    image = programs.image(WRITES_ALL, {"io.agent-training.contract": json.dumps(described)})
    told = f"convert {re.escape(CONVERT.version)} has no input dtype, which the workflow passes"
    with pytest.raises(StageError, match=told):
        run(Image(image.reference, CONVERT.version, ""))


def test_an_image_without_a_contract_is_refused(programs: Programs, run: Callable[..., Any]) -> None:
    image = programs.image(WRITES_ALL, {"io.agent-training.contract": ""})
    with pytest.raises(StageError, match=r"io\.agent-training\.contract"):
        run(image)

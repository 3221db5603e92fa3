"""A stage as a process of this machine: at least as strict as a container on Flyte."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest

from shared import contract
from shared.artifacts import Evaluation, TrainingMetrics
from shared.contract import Variable, at_least
from shared.errors import StageError
from workflows.local import process
from workflows.local.execution import Execution, StageFailed
from workflows.local.process import run_stage
from workflows.placement import Image, Placement, read_image, read_placement


@dataclass(frozen=True)
class Inputs:
    evaluation: Annotated[Evaluation, "an artefact"]
    text: Annotated[str, "a text"]
    many_words: Annotated[str, "a second one"]
    number: Annotated[int, "a whole number"]
    share: Annotated[float, "a number"]
    is_on: Annotated[bool, "a truth"]


@dataclass(frozen=True)
class Outputs:
    metrics: Annotated[TrainingMetrics, "an artefact"]
    rows: Annotated[int, "a whole number", at_least(1)]
    note: Annotated[str, "a text"]


SAMPLE = contract.of(
    "sample",
    SimpleNamespace(
        __doc__="A stage of the tests.",
        Inputs=Inputs,
        Outputs=Outputs,
        ENVIRONMENT=(Variable("API_TOKEN", "a token", secret=True),),
        RUNTIME=(),
    ),
    "0.1.0",
)
PLACEMENT = Placement("1", "1Gi", timedelta(minutes=1), 0)
IMAGE = Image("registry/sample:0.1.0", "0.1.0", "")
VALUES = {
    "evaluation": Path("/data/evaluation"),
    "text": "plain",
    "many_words": "",
    "number": 3,
    "share": 1e-05,
    "is_on": True,
}

# What each program of these tests begins with: it records how it was started.
_START = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
outputs = Path(sys.argv[-1].removeprefix("--outputs="))
reason = Path(os.environ["TERMINATION_LOG"])
started = {"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(), "process": os.getpid()}
outputs.with_name("started.json").write_text(json.dumps(started))
"""
WRITES_ALL = """
(outputs / "metrics").write_text("{}")
(outputs / "rows").write_text("7")
(outputs / "note").write_text("done")
"""
IGNORES_TERMINATION = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(outputs.parent / "ready").touch()
time.sleep(60)
"""
ENDS_IN_ORDER = """
def end(*_):
    (outputs.parent / "ended").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
(outputs.parent / "ready").touch()
time.sleep(60)
"""


class World:
    """A tree whose one stage is a small program that a test gives."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = folder / "tree", folder / "run" / "sample"

    def program(self, text: str) -> None:
        python = self.root / ".venvs" / "sample" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f"#!{sys.executable} -IS\n{_START}{text}")
        python.chmod(0o755)

    def run(self, placement: Placement = PLACEMENT, image: Image = IMAGE, **inputs: Any) -> dict[str, Any]:
        return run_stage(Execution(SAMPLE, self.folder, placement, image), {**VALUES, **inputs})

    def started(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "started.json").read_text()))

    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "stage.json").read_text()))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    monkeypatch.setattr(process, "ROOT", world.root)
    return world


def test_each_input_is_one_argument_in_the_contracts_order(world: World) -> None:
    world.program(WRITES_ALL)
    world.run()
    assert world.started()["arguments"] == [
        "-m",
        "stages.sample.main",
        "--evaluation=/data/evaluation",
        "--text=plain",
        "--many-words=",
        "--number=3",
        "--share=1e-05",
        "--is-on=true",
        f"--outputs={world.folder}/outputs",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "two words",
        "-x --outputs=/elsewhere",
        """a "quoted" 'word'""",
        "first line\nsecond line\r\n",
        "Schneemann ☃ 雪",
        "{{.inputs.number}}",
        "$HOME `id` \\n %s *",
        "",
    ],
)
def test_a_text_arrives_unchanged(world: World, text: str) -> None:
    world.program(WRITES_ALL)
    world.run(text=text)
    assert world.started()["arguments"][3] == f"--text={text}"


def test_outputs_come_back_as_declared(world: World) -> None:
    world.program(WRITES_ALL + '(outputs / "note").write_bytes("☃\\r\\n".encode())')
    assert world.run() == {"metrics": world.folder / "outputs" / "metrics", "rows": 7, "note": "☃\r"}


def test_the_stage_runs_in_the_root_of_the_tree(world: World) -> None:
    world.program(WRITES_ALL)
    world.run()
    assert world.started()["folder"] == str(world.root)


def test_only_what_the_contract_declares_reaches_the_stage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_TOKEN", "API_TOKEN_FILE", "OTHER_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, f"value of {name}")
    world.program(WRITES_ALL)
    world.run()
    environment = world.started()["environment"]
    assert environment["API_TOKEN"] == "value of API_TOKEN"
    assert environment["API_TOKEN_FILE"] == "value of API_TOKEN_FILE"
    assert not environment.keys() & {"OTHER_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"}
    # LC_CTYPE is the interpreter's own doing.
    known = {*process._PASSED_ON, "API_TOKEN", "API_TOKEN_FILE", "PYTHONDONTWRITEBYTECODE", "TERMINATION_LOG"}
    assert environment.keys() - {"LC_CTYPE"} <= known


def test_a_variable_that_is_not_set_stays_unset(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    world.program(WRITES_ALL)
    world.run()
    assert "API_TOKEN" not in world.started()["environment"]


def test_the_run_folder_records_the_stage(world: World) -> None:
    world.program(WRITES_ALL)
    world.run()
    record = world.record()
    assert 0 < record.pop("seconds") < 10
    assert record == {"stage": "sample", "version": "0.1.0", "attempt": 1, "exit_code": 0, "reason": ""}


def test_the_log_tells_where_the_tree_differs_from_the_pin(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.program(WRITES_ALL)
    world.run(image=Image("registry/sample:0.2.0", "0.2.0", ""))
    assert "── sample 0.1.0 ── (images.toml pins 0.2.0; the tree is run)\n" in capsys.readouterr().err


def test_a_failing_stage_gives_its_exit_code_and_reason(world: World) -> None:
    world.program('reason.write_text("sample: no rows in x"); sys.exit(1)')
    with pytest.raises(StageFailed) as failure:
        world.run()
    assert (failure.value.stage, failure.value.code, failure.value.reason) == ("sample", 1, "sample: no rows in x")
    assert str(failure.value) == "sample failed with exit code 1: sample: no rows in x"
    assert world.record()["exit_code"] == 1
    assert world.record()["reason"] == "sample: no rows in x"


def test_outputs_do_not_make_up_for_an_exit_code(world: World) -> None:
    world.program(WRITES_ALL + "sys.exit(3)")
    with pytest.raises(StageFailed, match="exit code 3: it gave no reason"):
        world.run()


def test_a_killed_stage_fails_as_in_a_container(world: World) -> None:
    world.program(WRITES_ALL + "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(StageFailed, match=r"exit code 137: it was killed; did the machine run out of memory\?"):
        world.run()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ('(outputs / "metrics").unlink()', "it left no output metrics"),
        ('(outputs / "note").unlink()', "it left no output note"),
        ('(outputs / "metrics").unlink(); (outputs / "metrics").mkdir()', "it left no output metrics"),
        ('(outputs / "rows").write_text("many")', "its output rows is 'many'; it must be a whole number"),
        ('(outputs / "rows").write_text("0")', "its output rows is 0; it must be at least 1"),
        ('(outputs / "note").write_bytes(b"\\xff")', "its output note is not UTF-8 text"),
        ('(outputs / "note").write_text("a" * 1025)', "its output note has more than 1024 bytes"),
    ],
)
def test_exit_code_0_without_valid_outputs_is_a_failure(world: World, program: str, reason: str) -> None:
    world.program(WRITES_ALL + program)
    with pytest.raises(StageFailed) as failure:
        world.run()
    assert failure.value.code == 0
    assert failure.value.reason.startswith(reason)


@pytest.mark.parametrize(("program", "ended"), [(ENDS_IN_ORDER, True), (IGNORES_TERMINATION, False)])
def test_a_stage_that_runs_too_long_is_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch, program: str, ended: bool
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    world.program(program)
    with pytest.raises(StageFailed) as failure:
        world.run(Placement("1", "1Gi", timedelta(seconds=0.9), 0))
    assert failure.value.reason == "it ran longer than 0.015 minutes (placement.toml)"
    assert (world.folder / "ended").exists() is ended
    assert not is_running(world.started()["process"])
    assert world.record()["exit_code"] == failure.value.code == 124


def test_what_a_stage_has_started_ends_with_it(world: World) -> None:
    world.program(
        WRITES_ALL + 'child = subprocess.Popen(["sleep", "60"]); (outputs / "rows").write_text(str(child.pid))'
    )
    child = world.run()["rows"]
    assert until(lambda: not is_running(child))


@pytest.mark.parametrize(("program", "signals"), [(ENDS_IN_ORDER, 1), (IGNORES_TERMINATION, 2)])
def test_a_stopped_run_leaves_no_stage_behind(world: World, program: str, signals: int) -> None:
    world.program(program)
    folder = world.folder
    code = (
        "import signal; from pathlib import Path; from tests import test_process; from workflows.local import process\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        f"process.ROOT = Path({str(world.root)!r})\n"
        f"world = test_process.World(Path({str(folder.parent.parent)!r}))\n"
        "world.run()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    assert until((folder / "ready").exists), "the stage has not started"
    for _ in range(signals):
        parent.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert b"KeyboardInterrupt" in parent.communicate(timeout=8)[1]
    assert not is_running(world.started()["process"])


def test_a_missing_environment_names_the_remedy(world: World) -> None:
    expected = "the environment of sample has not been made; run `make environments`"
    with pytest.raises(StageError, match=expected):
        world.run()


def test_a_real_stage_says_why_it_refuses_its_input(tmp_path: Path) -> None:
    execution = Execution(contract.load("dataset"), tmp_path / "d", read_placement("dataset"), read_image("dataset"))
    inputs = {
        "agent_name": "agent-x",
        "repository": "/nowhere",
        "revision": "",
        "runbook_path": "",
        "seed": 0,
        "no_call_share": 0.1,
        "renamed_share": 0.25,
        "unseen_alerts_share": 0.0,
        "max_function_share": 0.5,
    }
    with pytest.raises(StageFailed) as failure:
        run_stage(execution, {**inputs, "examples_per_alert": 1})
    reason = "dataset: argument --examples-per-alert: examples_per_alert is 1; it must be at least 3"
    assert failure.value.code == 2
    assert failure.value.reason == f"{reason} (--help lists the arguments)"


def is_running(number: int) -> bool:
    """Returns whether the process is there and no zombie."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True).stdout.strip()
    return bool(found) and not found.startswith("Z")


def until(holds: Callable[[], bool]) -> bool:
    """Returns whether something comes to hold within 8 seconds."""
    end = time.monotonic() + 8
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return held

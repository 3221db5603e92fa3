"""A stage's process either delivers every output, checked, or none, and its last line says why."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared import archive, stage
from shared.artifacts import MlxModel
from shared.errors import one_line
from tests import samples

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, str(ROOT / "shared/tests/toy_stage.py")]
OUTPUTS = ["is_done", "metrics", "model", "note", "rows", "share"]
NO_OUTPUT: list[str] = []


@dataclass(frozen=True)
class Toy:
    """A folder in which the toy stage runs as a program."""

    folder: Path

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    def command(self, behaviour: str, arguments: Mapping[str, object]) -> list[str]:
        known = {"dataset": self.folder / "dataset", "outputs": self.outputs, "behaviour": behaviour, **arguments}
        return [*PROGRAM, *(f"--{name.replace('_', '-')}={value}" for name, value in known.items())]

    def environment(self, **changes: str) -> dict[str, str]:
        known = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder / "tmp"), "TOY_ADDRESS": "here"}
        return {"PATH": os.environ["PATH"], "TERMINATION_LOG": str(self.folder / "reason"), **known, **changes}

    def run(self, behaviour: str = "ok", variables: Mapping[str, str] | None = None, **arguments: object) -> "Ended":
        ended = subprocess.run(
            self.command(behaviour, arguments),
            env=self.environment(**(variables or {})),
            capture_output=True,
            text=True,
            timeout=30,
        )
        return Ended(self, ended.returncode, ended.stderr)

    def left(self) -> list[str]:
        """Returns the names of the outputs, after checking that no temporary file is left."""
        assert list((self.folder / "tmp").iterdir()) == []
        return sorted(path.name for path in self.outputs.iterdir()) if self.outputs.exists() else []


@dataclass(frozen=True)
class Ended:
    toy: Toy
    code: int
    stderr: str

    @property
    def reason(self) -> str:
        """Returns the last line on stderr, after checking that the engine finds the same."""
        line = self.stderr.splitlines()[-1]
        assert (self.toy.folder / "reason").read_text() == line
        return line


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    samples.write_dataset(tmp_path / "dataset", train=3, valid=1, test=1)
    (tmp_path / "tmp").mkdir()
    return Toy(tmp_path)


def test_every_output_is_in_place(toy: Toy) -> None:
    ended = toy.run(is_loud="True", learning_rate="0.0000001", agent_name="agent-sre", checkpoint_from="ö")
    assert (ended.code, ended.stderr) == (0, "")
    assert toy.left() == OUTPUTS
    texts = {name: (toy.outputs / name).read_text() for name in ("is_done", "note", "rows", "share")}
    assert texts == {"is_done": "true", "note": "agent-sre ö", "rows": "3", "share": "1e-07"}
    assert json.loads((toy.outputs / "metrics").read_text())["seconds"] == 12.5
    assert not (toy.folder / "reason").exists()


def test_a_directory_says_what_made_it_from_what(toy: Toy) -> None:
    made_by_hand = archive.digest(toy.folder / "dataset")
    toy.run()
    archive.unpack(toy.outputs / "model", toy.folder / "model")
    model = MlxModel(toy.folder / "model")
    model.check()
    lineage = {"type": "MlxModel", "stage": "toy", "version": "1.2.3", "inputs": {"dataset": {"sha256": made_by_hand}}}
    assert model.lineage() == lineage
    assert (model.path / "artifact.json").read_text() == json.dumps(lineage, indent=2, sort_keys=True) + "\n"


def test_two_runs_give_the_same_bytes(toy: Toy) -> None:
    toy.run()
    first = {name: (toy.outputs / name).read_bytes() for name in OUTPUTS}
    toy.run(outputs=toy.folder / "again")
    assert {name: (toy.folder / "again" / name).read_bytes() for name in OUTPUTS} == first


def test_a_tar_and_a_plain_directory_are_the_same_input(toy: Toy) -> None:
    label(toy.folder / "dataset", type="ChatDataset", stage="dataset", version="0.9.0", inputs={})
    archive.pack(toy.folder / "dataset", toy.folder / "dataset.tar")
    by_hand, by_engine = toy.folder / "by hand", toy.folder / "by engine"
    assert toy.run(outputs=by_hand).code == 0
    assert toy.run(outputs=by_engine, dataset=toy.folder / "dataset.tar").code == 0
    assert (by_hand / "model").read_bytes() == (by_engine / "model").read_bytes()
    archive.unpack(by_hand / "model", toy.folder / "model")
    assert MlxModel(toy.folder / "model").lineage()["inputs"]["dataset"] == {
        "type": "ChatDataset",
        "stage": "dataset",
        "version": "0.9.0",
        "sha256": archive.digest(toy.folder / "dataset.tar"),
    }


def label(folder: Path, **lineage: Any) -> None:
    (folder / "artifact.json").write_text(json.dumps(lineage))


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def replace_by_text(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("text")


def name_a_model(folder: Path) -> None:
    label(folder, type="FineTunedModel")


def break_a_row(folder: Path) -> None:
    (folder / "test.jsonl").write_text("{")


def link_the_agent(folder: Path) -> None:
    (folder / "agent.json").rename(folder.parent / "agent.json")
    (folder / "agent.json").symlink_to(folder.parent / "agent.json")


BAD_INPUTS: list[tuple[Callable[[Path], None], str]] = [
    (remove, "the input dataset is missing: there is no @"),
    (replace_by_text, "the archive @ has no file header at byte 0; only archives that a stage wrote are accepted"),
    (name_a_model, "the input dataset is a FineTunedModel; a ChatDataset is needed"),
    (
        break_a_row,
        "@/test.jsonl, line 1 is not valid JSON: "
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    (link_the_agent, "@/agent.json is a link or a device; replace it by a regular file"),
]


@pytest.mark.parametrize(("damage", "reason"), BAD_INPUTS)
def test_a_bad_input_ends_with_1_before_the_work(damage: Callable[[Path], None], reason: str, toy: Toy) -> None:
    damage(toy.folder / "dataset")
    ended = toy.run("sleep")
    assert (ended.code, ended.reason) == (1, f"toy: {reason.replace('@', str(toy.folder / 'dataset'))}")
    assert ended.stderr.count("\n") == 1
    assert toy.left() == NO_OUTPUT


@pytest.mark.parametrize("value", [None, 7, ["MlxModel"], {}])
def test_a_lineage_of_another_shape_is_no_crash(value: Any, toy: Toy) -> None:
    label(toy.folder / "dataset", type=value)
    assert toy.run().code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_input_that_may_not_be_read_is_named(toy: Toy) -> None:
    archive.pack(toy.folder / "dataset", toy.folder / "dataset.tar")
    (toy.folder / "dataset.tar").chmod(0)
    ended = toy.run(dataset=toy.folder / "dataset.tar")
    assert ended.reason == f"toy: the input dataset cannot be read: {toy.folder}/dataset.tar: Permission denied"


FAILURES = [
    ("say bad things", "toy: no ::error::file=x::y [2J  ## [error]z"),
    ("long note", "toy: note has more than 1024 bytes; larger things are files"),
    ("no number", "toy: share is 'nan'; it must be a finite number"),
    (
        "large number",
        "toy: rows is '9223372036854775808'; it must lie between -9223372036854775807 and 9223372036854775807",
    ),
    ("crash", "toy: unexpected RuntimeError: first ::error::second [2J"),
    ("wrong type", "toy: unexpected TypeError: toy returned True as rows, which is a int"),
]


@pytest.mark.parametrize(("behaviour", "reason"), FAILURES)
def test_a_failure_leaves_nothing_and_says_why_last(behaviour: str, reason: str, toy: Toy) -> None:
    toy.run()
    assert toy.left() == OUTPUTS
    ended = toy.run(behaviour)
    assert (ended.code, ended.reason) == (1, reason)
    assert toy.left() == NO_OUTPUT
    assert_harmless(ended.stderr)


def assert_harmless(text: str) -> None:
    lines = text.splitlines()
    assert all(line.isprintable() for line in lines)
    assert not any(line.lstrip().startswith("::") for line in lines)
    assert "##[" not in text


def test_a_bug_shows_its_traceback(toy: Toy) -> None:
    *trace, last = toy.run("crash").stderr.splitlines()
    assert trace[0] == "| Traceback (most recent call last):"
    assert all(line.startswith("| ") for line in trace)
    assert last == "toy: unexpected RuntimeError: first ::error::second [2J"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [("outside", "as model, which is not in "), ("subtype", "as model, which is a MlxModel")],
)
def test_a_wrong_artefact_is_a_bug_of_the_stage(behaviour: str, words: str, toy: Toy) -> None:
    ended = toy.run(behaviour)
    assert ended.code == 1
    assert words in ended.reason
    assert toy.left() == NO_OUTPUT
    assert not (toy.folder / "dataset" / "artifact.json").exists()


def test_an_output_that_fails_its_check_is_not_delivered(toy: Toy) -> None:
    ended = toy.run("invalid model")
    assert ended.code == 1
    assert ended.reason.endswith("/outputs/a model/config.json is missing")
    assert toy.left() == NO_OUTPUT


def test_the_longest_text_is_delivered(toy: Toy) -> None:
    toy.run("longest note")
    assert (toy.outputs / "note").stat().st_size == 1024


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_device_is_named(toy: Toy) -> None:
    ended = toy.run("full device")
    assert ended.code == 1
    assert ended.reason.startswith(f"toy: no space is left on the device of {toy.folder}/tmp/toy-")
    assert ended.reason.endswith(f" or {toy.outputs}; free some and run again")
    assert toy.left() == NO_OUTPUT


def test_the_environment_is_checked_before_the_work(toy: Toy) -> None:
    toy.run()
    ended = toy.run("sleep", {"TOY_ADDRESS": ""})
    words = "toy: the environment variable TOY_ADDRESS is not set; it must hold the toy server's address"
    assert (ended.code, ended.reason) == (1, words)
    assert toy.left() == NO_OUTPUT


def test_a_secret_s_file_is_checked_before_the_work(toy: Toy) -> None:
    (toy.folder / "address").write_text("here\n")
    assert toy.run("ok", {"TOY_ADDRESS": "", "TOY_ADDRESS_FILE": str(toy.folder / "address")}).code == 0
    ended = toy.run("sleep", {"TOY_TOKEN_FILE": "/no/file"})
    words = "toy: TOY_TOKEN_FILE names /no/file, which cannot be read: No such file or directory"
    assert (ended.code, ended.reason) == (1, words)


def test_bad_arguments_end_with_2_and_touch_nothing(toy: Toy) -> None:
    toy.run()
    ended = toy.run(iters=0)
    assert ended.code == 2
    assert ended.reason == "toy: argument --iters: iters is 0; it must be at least 1 (--help lists the arguments)"
    assert toy.left() == OUTPUTS


def test_an_input_where_an_output_goes_is_kept(toy: Toy) -> None:
    archive.pack(toy.folder / "dataset", toy.folder / "model")
    (toy.folder / "a").mkdir()
    ended = toy.run(dataset=toy.folder / "model", outputs=toy.folder / "a" / "..")
    words = f"toy: the input dataset is {toy.folder}/model, which an output replaces; change --outputs"
    assert (ended.code, ended.reason) == (1, words)
    assert (toy.folder / "model").exists()


def test_outputs_that_cannot_be_written_are_named(toy: Toy) -> None:
    toy.outputs.write_text("a file")
    ended = toy.run("sleep")
    words = f"toy: the outputs cannot be written to {toy.outputs}: File exists; choose another folder"
    assert (ended.code, ended.reason) == (1, words)


def test_a_temporary_folder_that_cannot_be_made_is_named(toy: Toy) -> None:
    program = f"import tempfile; tempfile.tempdir = {str(toy.folder / 'none')!r}; from shared import stage, contract"
    lines = "from shared.tests import toy_stage as toy; contract.load = lambda stage: toy.declared()"
    arguments = toy.command("ok", {})[len(PROGRAM) :]
    command = [sys.executable, "-c", f"{program}; {lines}; stage.main('toy', toy.run)", *arguments]
    ended = subprocess.run(command, env=toy.environment(), capture_output=True, text=True)
    words = "toy: there is no temporary folder: No such file or directory; let TMPDIR name one that can be written\n"
    assert (ended.returncode, ended.stderr) == (1, words)


def test_leftovers_of_a_killed_run_are_removed(toy: Toy) -> None:
    leftover = toy.outputs / ".toy.partial"
    leftover.mkdir(parents=True)
    (leftover / "model").write_text("half")
    assert toy.run("say bad things").code == 1
    assert toy.left() == NO_OUTPUT


def test_worker_processes_may_be_stopped(toy: Toy) -> None:
    ended = toy.run("pool")
    assert (ended.code, ended.stderr) == (0, "")
    assert (toy.outputs / "rows").read_text() == "6"


def stop(toy: Toy, number: signal.Signals, behaviour: str, command: list[str] | None = None) -> Ended:
    """Starts the toy stage, sends it a signal while it works, and checks that it ends within a second."""
    process = subprocess.Popen(
        [*(command or []), *toy.command(behaviour, {})],
        env=toy.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "working\n"
    target = child_of(process.pid) if command else process.pid
    sent = time.monotonic()
    os.kill(target, number)
    _, stderr = process.communicate(timeout=20)
    assert time.monotonic() - sent < 1.5
    return Ended(toy, process.returncode, stderr)


def child_of(process: int) -> int:
    return int(Path(f"/proc/{process}/task/{process}/children").read_text())


@pytest.mark.parametrize("behaviour", ["sleep", "compute"])
def test_sigterm_ends_the_work_at_once(behaviour: str, toy: Toy) -> None:
    toy.run()
    ended = stop(toy, signal.SIGTERM, behaviour)
    assert (ended.code, ended.reason, ended.stderr.count("\n")) == (143, "toy: stopped by SIGTERM", 1)
    assert toy.left() == NO_OUTPUT


def test_ctrl_c_ends_the_work_at_once(toy: Toy) -> None:
    ended = stop(toy, signal.SIGINT, "compute")
    assert (ended.code, ended.stderr) == (130, "toy: stopped by SIGINT\n")
    assert toy.left() == NO_OUTPUT


UNSHARE = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]


def can_unshare() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="this system gives no process namespace")
def test_sigterm_ends_the_work_as_process_1(toy: Toy) -> None:
    ended = stop(toy, signal.SIGTERM, "compute", UNSHARE)
    assert (ended.code, ended.reason) == (143, "toy: stopped by SIGTERM")
    assert toy.left() == NO_OUTPUT


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_waiting_for_a_signal_takes_no_time(toy: Toy) -> None:
    process = subprocess.Popen(toy.command("sleep", {}), env=toy.environment(), stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    before = processor_seconds(process.pid)
    time.sleep(0.5)
    spent = processor_seconds(process.pid) - before
    process.kill()
    process.communicate()
    assert spent < 0.2


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.15, 0.2, 0.25])
def test_a_stop_at_any_time_leaves_all_or_nothing(delay: float, toy: Toy) -> None:
    process = subprocess.Popen(toy.command("ok", {}), env=toy.environment(), stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    process.terminate()
    process.communicate(timeout=20)
    left = sorted(path.name for path in toy.outputs.iterdir()) if toy.outputs.exists() else []
    assert left in (NO_OUTPUT, OUTPUTS)
    # Python itself is stopped by the signal alone before the engine is there and after it is gone.
    assert process.returncode in (0, 143, -signal.SIGTERM)


TEXTS = [
    ("a\nb", "a b"),
    ("a\r\n\tb", "a b"),
    ("\x1b[31mred\x1b[0m", "[31mred [0m"),
    ("\x9b2J", "2J"),
    ("a\u2028b\u2029c\x85d", "a b c d"),
    ("\u202etxt.exe\u2066", "txt.exe"),
    ("::error::x", "::error::x"),
    ("x ##[group]y", "x ## [group]y"),
    ("#\x00#[group]y", "# #[group]y"),
    ("##\x00[group]y", "## [group]y"),
    ("naïve — 日本 \U0001f600", "naïve — 日本 \U0001f600"),
    ("half \ud83d", "half"),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_a_reason_is_one_harmless_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_the_reason_file_is_never_the_reason(toy: Toy) -> None:
    ended = toy.run("say bad things", {"TERMINATION_LOG": "/no/such/folder/reason"})
    assert ended.stderr == "toy: no ::error::file=x::y [2J  ## [error]z\n"
    assert ended.code == 1


def test_the_partial_folder_is_hidden_and_of_the_stage(tmp_path: Path) -> None:
    # Two stages that run by hand into one folder do not meet there.
    assert stage._passing("train", tmp_path) != stage._passing("convert", tmp_path)

"""A stage whose work a runner does ends as it would without: the same bytes, exit code and last line."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.tests.cutting_proxy import CuttingProxy, between
from shared.tests.real_runner import PYTHON, TOKEN, RealRunner
from shared.tests.runner_pods import OUTPUTS, Pod, make_tree

KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("SEED", "1"))
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRunner]:
    if not PYTHON.exists():
        assert not os.environ.get("CI"), "the runner's environment has not been made"
        pytest.skip("the runner's environment has not been made; `make test` makes it")
    runner = RealRunner(tmp_path_factory.mktemp("runner") / "home")
    yield runner
    runner.stop()


NewPod = Callable[..., Pod]


@pytest.fixture
def new_pod(tree: Path, runner: RealRunner, tmp_path: Path) -> NewPod:
    """Returns a function that makes a pod of that name; port: where it finds the runner, 0 for nowhere."""

    def make(name: str, port: int = runner.port) -> Pod:
        variables = {
            "MLX_RUNNER_URL": f"https://127.0.0.1:{port}",
            "MLX_RUNNER_TOKEN": TOKEN,
            "MLX_RUNNER_CERTIFICATE_FILE": str(runner.folder / "certificate.pem"),
        }
        return Pod(tree, tmp_path / name, variables if port else {}).make()

    return make


def test_the_outputs_are_the_same_bytes_with_a_runner_and_without(new_pod: NewPod) -> None:
    there, here = new_pod("there"), new_pod("here", 0)
    code, lines = there.run()
    assert (code, here.run()[0]) == (0, 0)
    assert lines[0].startswith(f"handed to the runner {there.variables['MLX_RUNNER_URL']} (")
    assert lines[-4:] == ["step 1/3", "step 2/3", "step 3/3", "| ::error::done  [2J ä"]
    assert list(there.made()) == OUTPUTS
    assert there.made() == here.made()


def test_what_the_runner_has_is_not_sent_again(new_pod: NewPod, runner: RealRunner) -> None:
    new_pod("first").run(steps=4)
    before = runner.received
    pod = new_pod("second")
    assert pod.run(steps=5)[0] == 0
    assert runner.received == before
    assert pod.run(steps=5)[0] == 0  # the same job: its outputs are there


def test_a_failed_job_ends_the_stage_with_its_code_and_its_last_line(new_pod: NewPod) -> None:
    there, here = new_pod("there"), new_pod("here", 0)
    for behaviour in ("fail", "crash"):
        (code, lines), (expected, same) = there.run(behaviour=behaviour), here.run(behaviour=behaviour)
        assert (code, expected) == (1, 1)
        assert lines[-1] == same[-1] == (there.folder / "reason").read_text()
        assert lines.count(lines[-1]) == 1
        assert all(line.isprintable() for line in lines)
        assert there.made() == {}


def test_a_job_that_ends_without_a_word_has_its_code_too(new_pod: NewPod) -> None:
    code, lines = new_pod("pod").run(behaviour="die")
    assert (code, lines[-2:]) == (7, ["step 2/3", "step 3/3"])


def test_a_failed_job_is_tried_again_by_the_next_pod(new_pod: NewPod, runner: RealRunner) -> None:
    assert [new_pod(name).run(behaviour="fail", steps=6)[0] for name in ("first", "second")] == [1, 1]
    assert runner.job(behaviour="fail", steps="6")["attempts"] == 2


def test_bad_input_never_reaches_the_runner(new_pod: NewPod, runner: RealRunner) -> None:
    pod, before = new_pod("pod"), len(runner.jobs())
    (pod.folder / "dataset" / "test.jsonl").write_text("{")
    code, lines = pod.run()
    assert (code, len(lines), len(runner.jobs())) == (1, 1, before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stage_that_is_stopped_cancels_its_job(
    number: signal.Signals, code: int, new_pod: NewPod, runner: RealRunner
) -> None:
    pod = new_pod("pod")
    process = pod.start(steps=500 + code, seconds=0.05)
    assert process.stderr
    until(process.stderr.readline, "step 1/")
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == code
    assert time.monotonic() - began < 3
    assert process.stderr.read().splitlines()[-1] == f"toy: stopped by {number.name}"
    runner.wait_for("cancelled", steps=str(500 + code))
    assert pod.made() == {}


def test_the_pod_after_one_that_was_stopped_is_not_taken_for_it(new_pod: NewPod, runner: RealRunner) -> None:
    first, second = new_pod("first"), new_pod("second")
    process = first.start(steps=15, seconds=0.05)
    assert process.stderr
    until(process.stderr.readline, "step 2/")
    process.terminate()
    assert second.run(steps=15, seconds=0.05)[0] == 0
    assert process.wait(10) == 143
    assert runner.job(steps="15", seconds="0.05")["state"] == "succeeded"


def until(readline: Callable[[], str], beginning: str) -> None:
    while not (line := readline()).startswith(beginning):
        assert line, f"the log ended before {beginning}"


def test_a_stage_that_is_stopped_while_the_runner_is_away_ends_all_the_same(
    new_pod: NewPod, runner: RealRunner
) -> None:
    proxy = CuttingProxy(runner.port)
    process = new_pod("pod", proxy.port).start(steps=400, seconds=0.05)
    assert process.stderr
    until(process.stderr.readline, "step 1/")
    proxy.is_away.set()
    time.sleep(0.3)
    began = time.monotonic()
    process.terminate()
    assert process.wait(10) == 143
    assert time.monotonic() - began < 4


def test_a_pod_that_is_killed_finds_its_job_again(new_pod: NewPod, runner: RealRunner) -> None:
    drawn = random.Random(SEED)
    expected = new_pod("here", 0)
    expected.run(steps=6, size=MEBIBYTE)
    for kill in range(KILLS):
        pod = new_pod(f"pod-{kill}")
        given = {"steps": 6, "seconds": 0.1 + kill * 1e-6, "size": MEBIBYTE}
        process = pod.start(**given)
        time.sleep(drawn.uniform(0.0, 1.3))
        process.kill()
        process.communicate()
        (pod.folder / "tmp").rename(pod.folder / "left")  # a pod that is started anew has a new one
        (pod.folder / "tmp").mkdir()
        code, lines = pod.run(**given)
        assert (code, lines[-2]) == (0, "step 6/6")
        assert [line for line in lines if line.startswith("step")] == [f"step {step}/6" for step in range(1, 7)]
        assert pod.made() == expected.made()
    assert [job["attempts"] for job in runner.jobs(steps="6", size=str(MEBIBYTE))] == [1] * KILLS


def test_connections_that_are_cut_are_gone_on_with(new_pod: NewPod, runner: RealRunner) -> None:
    proxy = CuttingProxy(runner.port, between(60_000, 600_000, SEED))
    there, here = new_pod("there", proxy.port), new_pod("here", 0)
    for pod in (there, here):
        (pod.folder / "dataset" / "README.md").write_bytes(random.Random(SEED).randbytes(2 * MEBIBYTE))
    assert there.run(size=3 * MEBIBYTE)[0] == 0
    assert here.run(size=3 * MEBIBYTE)[0] == 0
    assert there.made() == here.made()
    assert proxy.cuts >= 8
    assert proxy.handed_on < 1.5 * 5 * MEBIBYTE


def test_a_network_that_goes_away_for_a_while_is_waited_for(new_pod: NewPod, runner: RealRunner) -> None:
    proxy = CuttingProxy(runner.port)
    pod = new_pod("pod", proxy.port)

    def interrupt() -> None:
        time.sleep(0.8)
        proxy.is_away.set()
        time.sleep(0.5)
        proxy.is_away.clear()

    threading.Thread(target=interrupt, daemon=True).start()
    code, lines = pod.run(steps=15, seconds=0.1)
    assert (code, proxy.cuts > 0) == (0, True)
    assert [line for line in lines if line.startswith("step")] == [f"step {step}/15" for step in range(1, 16)]

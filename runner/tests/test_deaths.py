"""Pod, runner and job may die at any instant: the run ends with the same outputs, and nothing runs twice at once."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from runner.tests.world import Pod, Project, Runner

KILLS = int(os.environ.get("KILLS", "1"))  # of each
STEPS = 20
Victim = Callable[[Pod, Runner], None]
SECONDS = 2.0  # that a run takes, about


@pytest.fixture(scope="module")
def expected(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    alone = project.run(None, tmp_path_factory.mktemp("alone"), steps=STEPS)
    return alone.made()


def kill_pod(pod: Pod, runner: Runner) -> None:
    pod.process.kill()


def kill_runner(pod: Pod, runner: Runner) -> None:
    runner.kill()
    runner.start()


def kill_job(pod: Pod, runner: Runner) -> None:
    for file in runner.data.glob("jobs/*/pid"):
        with suppress(ProcessLookupError, ValueError):
            os.killpg(int(file.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("victim", [kill_pod, kill_runner, kill_job])
@pytest.mark.parametrize("number", range(KILLS))
def test_a_death_at_a_random_instant_changes_nothing(
    project: Project, runner: Runner, outputs: Path, expected: dict[str, bytes], victim: Victim, number: int
) -> None:
    chance = random.Random(f"{os.environ.get('SEED', 0)} {victim} {number}")
    name = f"{victim.__name__} {number}"
    pod = project.start(runner, outputs / "0", steps=STEPS, behaviour=name)
    time.sleep(chance.uniform(0, SECONDS))
    victim(pod, runner)
    for attempt in range(1, 4):  # as Flyte starts a pod again
        if pod.process.wait(120) == 0:
            break
        pod = project.run(runner, outputs / str(attempt), steps=STEPS, behaviour=name)
    assert (pod.code, pod.made()) == (0, expected), pod.lines
    states = {str(job["state"]) for job in runner.jobs()}
    assert states <= {"succeeded"}, runner.jobs()

"""A pod that hands over ends as if it had done the work: the same outputs, log, code and last line."""

import signal
import time
from pathlib import Path

from runner.tests.world import Project, Runner


def test_the_outputs_are_those_of_a_run_without_a_runner(project: Project, runner: Runner, tmp_path: Path) -> None:
    alone = project.run(None, tmp_path / "alone", steps=2)
    handed = project.run(runner, tmp_path / "handed", steps=2)
    assert (alone.code, handed.code) == (0, 0), handed.lines
    assert handed.made() == alone.made() != {}
    assert [line for line in handed.lines if line.startswith("step")] == alone.lines


def test_what_the_runner_has_is_not_sent_again(project: Project, runner: Runner, outputs: Path) -> None:
    project.run(runner, outputs / "first", steps=2)
    again = project.run(runner, outputs / "again", steps=2)
    sent = runner.received()
    other = project.run(runner, outputs / "other", steps=4)
    assert (again.code, other.code) == (0, 0)
    assert runner.received() == sent > 0


def test_a_stage_that_gives_up_ends_so_for_the_pod(project: Project, runner: Runner, outputs: Path) -> None:
    pod = project.run(runner, outputs, behaviour="refuse")
    assert (pod.code, pod.lines[-1]) == (1, "toy: the rows are of no use; write others")
    assert pod.made() == {}


def test_a_job_has_no_network_and_writes_in_its_own_folder_alone(
    project: Project, runner: Runner, outputs: Path
) -> None:
    called = project.run(runner, outputs / "called", behaviour="call out")
    assert called.lines[-1].startswith("toy: no network: ")
    assert project.run(runner, outputs / "wrote", behaviour="write elsewhere").code == 0
    folders = (*runner.home.parents[:3], Path("/etc"), Path("/usr"), Path("/var/tmp"))
    assert [path for folder in folders for path in folder.glob("left-behind")] == []
    assert list(runner.home.rglob("left-behind")) == []


def test_a_stop_of_the_pod_cancels_the_job(project: Project, runner: Runner, outputs: Path) -> None:
    pod = project.start(runner, outputs, steps=2000)
    pod.wait_for("step 2 of")
    pod.process.send_signal(signal.SIGTERM)
    assert pod.process.wait(20) == 143
    assert pod.lines[-1] == "toy: stopped by SIGTERM"
    (job,) = [job for job in runner.jobs() if job["state"] in ("running", "cancelled")]
    until = time.monotonic() + 15
    while job["state"] != "cancelled" and time.monotonic() < until:
        (job,) = [each for each in runner.jobs() if each["id"] == job["id"]]
    assert (job["state"], pod.made()) == ("cancelled", {})


def test_a_pod_that_died_is_followed_by_one_that_finds_its_job(project: Project, runner: Runner, outputs: Path) -> None:
    first = project.start(runner, outputs / "first", steps=41)
    first.wait_for("step 3 of")
    first.process.kill()
    first.process.wait()
    second = project.run(runner, outputs / "second", steps=41)
    job = runner.jobs()[-1]
    assert (second.code, job["state"], job["attempts"]) == (0, "succeeded", 1)
    assert [line for line in second.lines if line.startswith("step ")] == [f"step {n + 1} of 41" for n in range(41)]

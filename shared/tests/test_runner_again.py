"""A runner that paused a job, or forgot it, is handed it over again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.tests.runner_certificate import write_certificate
from shared.tests.runner_pods import Pod, make_tree
from shared.tests.small_runner import TOKEN, SmallRunner


@pytest.fixture
def runner(tmp_path: Path) -> SmallRunner:
    return SmallRunner(tmp_path / "runner", write_certificate(tmp_path / "runner"))


@pytest.fixture
def pods(runner: SmallRunner, tmp_path: Path) -> tuple[Pod, Pod]:
    """A pod with the runner, and one without."""
    tree = make_tree(tmp_path / "tree")
    variables = {
        "MLX_RUNNER_URL": f"https://127.0.0.1:{runner.server_port}",
        "MLX_RUNNER_TOKEN": TOKEN,
        "MLX_RUNNER_CERTIFICATE_FILE": str(runner.folder / "certificate.pem"),
    }
    return Pod(tree, tmp_path / "there", variables).make(), Pod(tree, tmp_path / "here", {}).make()


def test_a_job_that_the_runner_paused_is_handed_over_again_and_goes_on(
    pods: tuple[Pod, Pod], runner: SmallRunner
) -> None:
    pod, expected = pods
    process = pod.start(steps=12, seconds=0.05)
    assert process.stderr
    until(process.stderr.readline, "step 4/")
    runner.pause(job_of(runner, steps="12"))
    until(process.stderr.readline, "going on behind ")
    assert process.wait(20) == expected.run(steps=12)[0] == 0
    assert pod.made() == expected.made()


def test_a_job_that_the_runner_forgot_is_handed_over_again(pods: tuple[Pod, Pod], runner: SmallRunner) -> None:
    pod, expected = pods
    process = pod.start(steps=13, seconds=0.05)
    assert process.stderr
    until(process.stderr.readline, "step 2/")
    job = runner.jobs.pop(job_of(runner, steps="13")["id"])
    job["process"].kill()
    shutil.rmtree(runner.folder / "jobs" / job["id"])
    for blob in (runner.folder / "blobs").iterdir():
        blob.unlink()
    assert process.wait(20) == expected.run(steps=13)[0] == 0
    assert pod.made() == expected.made()


def until(readline: Callable[[], str], beginning: str) -> None:
    while not (line := readline()).startswith(beginning):
        assert line, f"the log ended before {beginning}"


def job_of(runner: SmallRunner, **arguments: str) -> dict[str, Any]:
    """Returns the job that was handed over with these arguments."""
    (job,) = (job for job in runner.jobs.values() if arguments.items() <= job["description"]["arguments"].items())
    return job

"""Which job is next, how long one waits for its pod, and what goes when nobody needs it any more."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from runner.service.settings import Settings
from runner.work.blobs import Blobs
from runner.work.description import Description
from runner.work.job import Job, State
from runner.work.jobs import Jobs

CONTENT = "ab" * 32
DAY = 24 * 3600


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """Jobs of which none is run."""
    paths: Any = {"folder": tmp_path, "certificate": tmp_path, "key": tmp_path}
    numbers: Any = {"port": 1, "max_blob_bytes": 1 << 30, "keep_days": 30, "keep_bytes": 100, "memory_bytes": 1 << 30}
    settings = Settings(host="", token="", allow=(), **paths, **numbers)
    return Jobs(settings, Blobs(tmp_path, 1 << 30))


def described(agent: str, number: int, lease_seconds: int = 900, code: str = CONTENT) -> Description:
    return Description(
        protocol=1,
        stage="train",
        program="stages.train.main",
        version="1.2.3",
        agent=agent,
        requires_python=">=3.11",
        code={"sha256": code, "bytes": 1},  # type: ignore[arg-type]
        inputs={},
        arguments={"seed": str(number)},
        outputs=["model"],
        lease_seconds=lease_seconds,
    )


def blob(jobs: Jobs, digest: str = CONTENT, size: int = 1, age: float = 0) -> Path:
    path = jobs.blobs.path(digest)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def put(jobs: Jobs, agent: str, number: int, **more: Any) -> Job:
    return jobs.put(described(agent, number, **more))[0]


def test_a_job_waits_for_its_files_and_is_queued_with_the_last(jobs: Jobs) -> None:
    job = put(jobs, "a", 1)
    assert (job.state.state, jobs.missing(job)) == ("waiting", [CONTENT])
    blob(jobs)
    again, is_new = jobs.put(job.description)
    assert (again is job, is_new, job.state.state) == (True, False, "queued")


def test_agents_take_turns_and_an_agents_own_jobs_come_in_order(jobs: Jobs) -> None:
    blob(jobs)
    asked = [put(jobs, agent, number) for number, agent in enumerate("aaabbc")]
    order = []
    while job := jobs._next():
        order.append((job.description.agent, job.description.arguments["seed"]))
        job.change(state="succeeded")
    assert order == [("a", "0"), ("b", "3"), ("c", "5"), ("a", "1"), ("b", "4"), ("a", "2")]
    assert [job.state.state for job in asked] == ["succeeded"] * 6


def test_a_job_is_told_how_many_come_before_it(jobs: Jobs) -> None:
    blob(jobs)
    first, second, third = (put(jobs, "a", number) for number in range(3))
    first.change(state="running")
    assert [jobs.ahead(job) for job in (first, second, third)] == [0, 1, 2]


def test_a_queued_job_that_nobody_asks_for_is_paused_and_goes_on_when_it_is_put_again(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob(jobs)
    job, now = put(jobs, "a", 1, lease_seconds=60), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert jobs._next() is None and job.state.state == "paused"
    assert put(jobs, "a", 1, lease_seconds=60).state.state == "queued"
    assert jobs._next() is job


def test_a_clock_that_is_set_ends_no_lease(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    blob(jobs)
    job = put(jobs, "a", 1)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert not job.is_left and jobs._next() is job


@pytest.mark.parametrize(("state", "then"), [("failed", "queued"), ("cancelled", "queued"), ("succeeded", "succeeded")])
def test_what_failed_is_tried_again_and_what_succeeded_is_not(jobs: Jobs, state: Any, then: str) -> None:
    blob(jobs)
    job = put(jobs, "a", 1)
    job.change(state=state)
    assert put(jobs, "a", 1).state.state == then


def test_a_job_whose_outputs_are_gone_runs_again_also_where_it_was_cancelled_too_late(jobs: Jobs) -> None:
    blob(jobs)
    job = put(jobs, "a", 1)
    job.change(state="succeeded", outputs={"model": {"sha256": "cd" * 32, "bytes": 1}})
    jobs.cancel(job)
    assert (put(jobs, "a", 1).state.state, job.is_cancelled) == ("queued", False)


def test_a_job_is_read_back_as_it_was_and_one_that_ran_is_queued(jobs: Jobs) -> None:
    blob(jobs)
    running, done = put(jobs, "a", 1), put(jobs, "a", 2)
    running.change(state="running", attempts=2)
    done.change(state="succeeded", outputs={"model": {"sha256": CONTENT, "bytes": 1}})
    again = Jobs(jobs.settings, jobs.blobs)
    states = {job.id: job.state for job in again.all()}
    assert (states[running.id].state, states[running.id].attempts) == ("queued", 2)
    assert states[done.id] == done.state


@pytest.mark.parametrize("left", ["", "{", '{"state": 3, "x": 1}'])
def test_what_a_stop_left_of_a_job_is_no_job(jobs: Jobs, left: str) -> None:
    blob(jobs)
    job = put(jobs, "a", 1)
    (job.folder / "state.json").write_text(left)
    assert Jobs(jobs.settings, jobs.blobs).all() == []
    assert isinstance(State("queued", "now"), State)


def test_what_nobody_used_for_long_goes_and_what_an_open_job_needs_stays(jobs: Jobs) -> None:
    needed, old, new = blob(jobs, CONTENT, 80, 9), blob(jobs, "cd" * 32, 80, 5), blob(jobs, "ef" * 32, 80, 1)
    open_job, ended = put(jobs, "a", 1), put(jobs, "a", 2)
    ended.change(state="succeeded")
    past = time.time() - 31 * DAY
    os.utime(ended.folder / "state.json", (past, past))
    os.utime(needed, (past, past))
    for name, is_old in (("used", False), ("unused", True)):
        made = jobs.settings.folder / "environments" / name / ".made"
        made.parent.mkdir()
        made.touch()
        if is_old:
            os.utime(made, (past, past))
    for digest in (CONTENT, "99" * 32):
        (jobs.settings.folder / "code" / digest).mkdir(parents=True)
    jobs.prune()
    assert [job.id for job in jobs.all()] == [open_job.id] and not ended.folder.exists()
    assert (needed.exists(), old.exists(), new.exists()) == (True, False, False)
    assert [path.name for path in (jobs.settings.folder / "environments").iterdir()] == ["used"]
    assert [path.name for path in (jobs.settings.folder / "code").iterdir()] == [CONTENT]

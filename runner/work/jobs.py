"""All jobs of a runner: which one is next, and the thread that runs one after the other."""

import json
import logging
import threading
import time

from runner.service.settings import Settings
from runner.work.blobs import Blobs
from runner.work.description import Description
from runner.work.environments import Environments
from runner.work.execution import Execution
from runner.work.job import ENDED, OPEN, Job, Phase, now
from shared.errors import one_line

_IDLE_SECONDS = 0.1
_PRUNE_SECONDS = 600
_DAY = 24 * 3600


class Jobs:
    """The jobs below a folder. One runs at a time: there is one GPU."""

    def __init__(self, settings: Settings, blobs: Blobs) -> None:
        self.folder, self.blobs, self.settings = settings.folder / "jobs", blobs, settings
        self.folder.mkdir(parents=True, exist_ok=True)
        self._known = {job.id: job for path in sorted(self.folder.iterdir()) if (job := Job.read(path))}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        environments = Environments(settings.folder / "environments")
        self._execution = Execution(settings, blobs, environments, settings.folder / "code", self._stopping.is_set)
        self._served: dict[str, float] = {}  # when an agent's job was begun last, for agents to take turns
        for job in self._known.values():
            if job.state.state in ("preparing", "running"):
                job.change(state="queued")
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Begins to run jobs."""
        self._thread.start()

    def stop(self) -> None:
        """Stops the job that runs, which is queued again, and runs no other."""
        self._stopping.set()
        self._thread.join()

    def get(self, id: str) -> Job | None:
        """Returns a job, and lets its lease begin anew; None where it is not known."""
        with self._lock:
            job = self._known.get(id)
            if job:
                job.renew()
            return job

    def all(self) -> list[Job]:
        """Returns all jobs, those first that were asked for first."""
        with self._lock:
            return sorted(self._known.values(), key=lambda job: job.state.created)

    def put(self, description: Description) -> tuple[Job, bool]:
        """Returns the job of a description, and whether it is new. It is queued once all its files are there.

        A job that failed, was cancelled or waits for its pod is queued again; one that succeeded stays so.
        """
        with self._lock:
            known = self.get(description.id)
            job = known or Job.make(self.folder / description.id, description)
            self._known[job.id] = job
            if job.state.state in ("failed", "cancelled"):
                job.is_cancelled = False
                job.log.unlink(missing_ok=True)
                job.change(state="waiting", ended="", exit_code=None, reason="", outputs={})
            if job.state.state == "succeeded" and self._lacks_outputs(job):
                job.is_cancelled = False
                job.change(state="waiting", ended="", exit_code=None, outputs={})
            if job.state.state in ("waiting", "paused"):
                job.change(state="waiting" if self.missing(job) else "queued")
            return job, known is None

    def missing(self, job: Job) -> list[str]:
        """Returns the digests of files that an open job needs and nobody has sent."""
        return [digest for digest in job.description.files if self.blobs.size(digest) is None]

    def ahead(self, job: Job) -> int:
        """Returns how many jobs come before a queued one."""
        with self._lock:
            if job.state.state != "queued":
                return 0
            running = sum(other.state.state in ("preparing", "running") for other in self._known.values())
            return running + self._queue().index(job)

    def cancel(self, job: Job) -> None:
        """Ends a job, if it has not ended."""
        with self._lock:
            job.is_cancelled = True
            if job.state.state in ("waiting", "queued", "paused"):
                job.change(state="cancelled", exit_code=143, reason=f"{job.description.stage}: cancelled")

    def counts(self) -> dict[Phase, int]:
        """Returns how many jobs are in each state."""
        states = [job.state.state for job in self.all()]
        return {state: states.count(state) for state in (*OPEN, *ENDED)}

    def prune(self) -> None:
        """Removes jobs that ended long ago, and what no job needs of files, code and environments."""
        oldest = time.time() - self.settings.keep_days * _DAY
        with self._lock:
            for job in self.all():
                if job.state.state in ENDED and (job.folder / "state.json").stat().st_mtime < oldest:
                    del self._known[job.id]
                    job.remove()
            known = self._known.values()
            needed = {digest for job in known if job.state.state in OPEN for digest in job.description.files}
            self.blobs.prune(self.settings.keep_bytes, needed)
            self._execution.prune(oldest, {job.description.code.sha256 for job in known})

    def _lacks_outputs(self, job: Job) -> bool:
        return any(self.blobs.size(output["sha256"]) is None for output in job.state.outputs.values())

    def _queue(self) -> list[Job]:
        """Returns the queued jobs: agents in turn, and an agent's own as they came."""
        queued = [job for job in self.all() if job.state.state == "queued"]
        turns: dict[str, int] = {}
        placed: list[tuple[int, float, str, int, Job]] = []
        for job in queued:
            agent = job.description.agent
            turns[agent] = turns.get(agent, -1) + 1
            placed.append((turns[agent], self._served.get(agent, 0.0), job.state.created, len(placed), job))
        return [job for *_, job in sorted(placed, key=lambda place: place[:4])]

    def _work(self) -> None:
        pruned = 0.0
        while not self._stopping.is_set():
            if time.monotonic() - pruned > _PRUNE_SECONDS or not pruned:
                self.prune()
                pruned = time.monotonic()
            job = self._next()
            if job:
                self._run(job)
            else:
                self._stopping.wait(_IDLE_SECONDS)

    def _run(self, job: Job) -> None:
        try:
            self._execution.run(job)
        except Exception as error:  # a bug, or a broken disk: one job fails, and the others still come to their turn
            logging.getLogger("runner").exception("job %s", job.id[:12])
            told = f"{job.description.stage}: the runner failed: {type(error).__name__}: {one_line(str(error))}"
            job.change(state="failed", ended=now(), exit_code=1, reason=told)

    def _next(self) -> Job | None:
        with self._lock:
            for job in self._known.values():
                if job.state.state in ("waiting", "queued") and job.is_left:
                    job.change(state="paused")
            queue = self._queue()
            if not queue:
                return None
            self._served[queue[0].description.agent] = time.monotonic()
            return queue[0]


def shown(jobs: Jobs, job: Job) -> dict[str, object]:
    """Returns a job's state as JSON data."""
    state = job.state
    missing = jobs.missing(job) if state.state == "waiting" else []
    told = {"id": job.id, "stage": job.description.stage, "agent": job.description.agent, "state": state.state}
    return told | {
        "missing": missing,
        "ahead": jobs.ahead(job),
        "exit_code": state.exit_code,
        "reason": state.reason,
        "outputs": state.outputs,
        "usage": state.usage,
        "attempts": state.attempts,
        "created": state.created,
        "started": state.started,
        "ended": state.ended,
    }


def parse(body: bytes) -> Description:
    """Returns the description of a request's body. Raises ValueError, which says what is wrong, for another."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
    return Description.model_validate(value)

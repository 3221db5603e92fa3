"""A job's process: the stage's own entrypoint, in the environment of its lock, within the sandbox."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from runner.machine import processes
from runner.machine.awake import awake
from runner.machine.memory import MemoryWatch, as_of_a_container
from runner.machine.sandbox import sandboxed
from runner.machine.usage import Usage
from runner.service.settings import Settings
from runner.work.blobs import Blobs
from runner.work.environments import Environments
from runner.work.job import Job, now
from shared import archive
from shared.errors import StageError

CANCELLED, LEFT, STOPPING = "cancelled", "left", "stopping"  # why a process was stopped that did nothing wrong
_POLL_SECONDS = 0.1
_MOST_REASON = 2000  # bytes
_GRACE_SECONDS = 10  # between the friendly signal and the other


@dataclass(frozen=True)
class Execution:
    """Runs one job after the other. is_stopping: whether the runner itself is to end."""

    settings: Settings
    blobs: Blobs
    environments: Environments
    codes: Path
    is_stopping: Callable[[], bool]

    def run(self, job: Job) -> None:
        """Runs a job to its end, or until it is cancelled, left by its pod, or the runner stops."""
        job.end_leftover()
        job.change(state="preparing", started=job.state.started or now(), attempts=job.state.attempts + 1)
        try:
            code = self._code(job)
            lock = code / "stages" / job.description.stage / "requirements.lock"
            python = self.environments.of(lock, job.description.requires_python, job.say)
        except (StageError, OSError) as error:
            job.change(state="failed", ended=now(), exit_code=1, reason=f"{job.description.stage}: {error}")
            return
        self._compute(job, code, python)

    def prune(self, oldest: float, needed: Collection[str]) -> None:
        """Removes code that no job needs, and environments that were used last before a time (seconds since 1970).

        needed: digests of code.
        """
        self.environments.prune(oldest)
        for folder in self.codes.glob("*"):
            if folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)

    def _code(self, job: Job) -> Path:
        """Returns the folder with the job's code. Raises StageError where it is no archive, or without the lock."""
        digest, stage = job.description.code.sha256, job.description.stage
        folder = self.codes / digest
        if not folder.exists():
            passing = self.codes / f".{digest}"
            shutil.rmtree(passing, ignore_errors=True)
            self.codes.mkdir(parents=True, exist_ok=True)
            archive.unpack(self.blobs.path(digest), passing)
            passing.rename(folder)
        if not (folder / "stages" / stage / "requirements.lock").is_file():
            raise StageError(f"its code has no stages/{stage}/requirements.lock; the pod's image is of another project")
        return folder

    def _compute(self, job: Job, code: Path, python: Path) -> None:
        for name in ("outputs", "tmp", "reason"):
            _clear(job.work / name)
        for name in ("outputs", "tmp", "checkpoints"):
            (job.work / name).mkdir(parents=True, exist_ok=True)
        process = self._started(job, code, python)
        job.change(state="running")
        with Usage(process.pid) as usage, MemoryWatch(process.pid, self.settings.memory_bytes) as memory:
            stopped = self._wait(job, process)
        job.change(usage=usage.summary() | {"peak_memory_bytes": memory.most})
        self._finish(job, process.returncode, memory.reason or stopped)
        shutil.rmtree(job.work / "tmp", ignore_errors=True)

    def _started(self, job: Job, code: Path, python: Path) -> "subprocess.Popen[bytes]":
        inputs = {name: self.blobs.path(file.sha256) for name, file in job.description.inputs.items()}
        command = [str(python), "-m", job.description.program, *_flags(job, inputs)]
        readable = [code, python.parents[1], *inputs.values()]
        limits = as_of_a_container(job.folder / "limits", self.settings.memory_bytes)
        lock = job.lock()
        assert lock, "the process of an earlier attempt was ended"
        with lock, job.log.open("ab") as log:
            process = subprocess.Popen(
                awake(sandboxed(command, job.work, readable, job.description.network, limits)),
                cwd=job.work,
                env=_environment(job, code),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
            (job.folder / "pid").write_text(str(process.pid))
        return process

    def _wait(self, job: Job, process: "subprocess.Popen[bytes]") -> str:
        """Waits for the end; returns why the process was stopped, '' where it ended by itself."""
        while process.poll() is None:
            if reason := self._why_stop(job):
                _stop(process)
                return reason
            time.sleep(_POLL_SECONDS)
        return ""

    def _why_stop(self, job: Job) -> str:
        if job.is_cancelled:
            return CANCELLED
        return LEFT if job.is_left else STOPPING if self.is_stopping() else ""

    def _finish(self, job: Job, code: int, stopped: str) -> None:
        stage = job.description.stage
        if stopped == CANCELLED:
            job.change(state="cancelled", ended=now(), exit_code=143, reason=f"{stage}: cancelled")
        elif stopped == LEFT:
            job.say(f"nobody has asked for {job.description.lease_seconds} s; the job waits at its last checkpoint")
            job.change(state="paused")
        elif stopped == STOPPING:
            job.change(state="queued")
        elif stopped:
            job.change(state="failed", ended=now(), exit_code=1, reason=f"{stage}: {stopped}")
        elif code:
            code = 128 - code if code < 0 else code
            told = _reason(job) or f"{stage}: it ended with {code} and said nothing"
            job.change(state="failed", ended=now(), exit_code=code, reason=told)
        else:
            self._take_outputs(job)

    def _take_outputs(self, job: Job) -> None:
        folder, outputs = job.work / "outputs", {}
        for name in job.description.outputs:
            file = folder / name
            if folder.is_symlink() or file.is_symlink() or not file.is_file():
                told = f"{job.description.stage}: it ended well, but without its output {name}"
                job.change(state="failed", ended=now(), exit_code=1, reason=told)
                return
            digest, size = self.blobs.add(file)
            outputs[name] = {"sha256": digest, "bytes": size}
        shutil.rmtree(job.work, ignore_errors=True)
        job.change(state="succeeded", ended=now(), exit_code=0, reason="", outputs=outputs)


def _flags(job: Job, inputs: dict[str, Path]) -> list[str]:
    values = {**job.description.arguments, **{name: str(path) for name, path in inputs.items()}}
    values["outputs"] = str(job.work / "outputs")
    if job.description.checkpoints:
        values["checkpoint_to"] = str(job.work / "checkpoints")
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def _environment(job: Job, code: Path) -> dict[str, str]:
    """Returns a job's environment variables: nothing of the runner's own reaches it."""
    return {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(job.work / "tmp"),
        "TMPDIR": str(job.work / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(code),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TERMINATION_LOG": str(job.work / "reason"),
    }


def _clear(path: Path) -> None:
    """Removes what a job may have left under a name, a link among it."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ends a job: it gives up its work at the first signal, and what does not at the second."""
    processes.stop(process.pid)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        processes.kill(process.pid)
        process.wait()


def _reason(job: Job) -> str:
    """Returns why a stage gave up: what it wrote for whoever runs it, else the last line of the log."""
    told = _tail(job.work / "reason") or _tail(job.log)
    return told.splitlines()[-1][:_MOST_REASON] if told else ""


def _tail(file: Path) -> str:
    """Returns the end of a file; '' where there is none, or a link, which might lead anywhere."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - _MOST_REASON))
            return opened.read(_MOST_REASON).decode("utf-8", "replace").strip()
    except OSError:
        return ""

"""Hands a stage's work to a runner, listens until it is done, and takes what came of it.

What the pod keeps is the contract: it checks inputs before and outputs after, and its exit code is the job's.
"""

import contextlib
import dataclasses
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared import archive
from shared.contract import MAX_TEXT_BYTES, Contract, Field
from shared.engine.ending import on_stop
from shared.errors import StageError, one_line
from shared.runner import connection, package, settings, transfer
from shared.runner.connection import Answer, Connection
from shared.runner.job_log import JobLog
from shared.runner.package import Job
from shared.runner.patience import CUT, Busy, say
from shared.runner.settings import Settings
from shared.runner.transfer import Blob

WAIT = 20  # seconds that the runner may wait for a line of the log
LEAST_WAIT = 0.2  # between two questions of which the first told nothing
JUST_NOW = 30.0  # seconds in which a job ends that was cancelled before it was handed over
CANCEL_SECONDS = 2.0  # for the answer to a cancellation, while the process ends
ROUNDS = 5  # of sending what the runner says that it lacks
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
ENDED = (SUCCEEDED, FAILED, CANCELLED)
GONE = ("waiting", "paused")  # states in which a job stays unless it is handed over again
_HEX = frozenset("0123456789abcdef")


class JobFailed(StageError):
    """The job failed on the runner. is_said: its reason was the last line of the log, which is printed."""

    def __init__(self, reason: str, code: int, is_said: bool) -> None:
        super().__init__(reason)
        self.code, self.is_said = code, is_said


@dataclasses.dataclass
class Runner:
    """A runner that was asked and answered."""

    settings: Settings
    told: Mapping[str, Any]

    def run(
        self,
        declared: Contract,
        sources: Mapping[str, Path],
        values: Mapping[str, Any],
        digests: Mapping[str, str],
        work: Path,
    ) -> Any:
        """Returns the stage's outputs, whose artefacts lie in work/outputs.

        sources: the artefacts' paths by input. values: the inputs, artefacts opened. digests: their sha256 by input.
        work: the temporary folder. Raises JobFailed where the job fails, and StageError where the runner refuses it.
        """
        passing = work / "runner"
        passing.mkdir()
        inputs = {
            name: package.pack_input(source, digests[name], passing / f"{name}.tar") for name, source in sources.items()
        }
        code = package.pack_code(declared, passing)
        job = package.job(declared, values, code, inputs, self.settings.lease_seconds)
        handover = Handover(declared, self.settings, job)
        say(f"handed to the runner {self.settings.url} ({_who(self.told)}): job {job.id[:12]}, code {code.sha256}")
        if self.told.get("device") == "cpu":
            say("the runner finds no GPU: the work is done on its CPU")
        state = handover.follow()
        shutil.rmtree(work / "inputs", ignore_errors=True)  # room for the outputs
        shutil.rmtree(passing)
        return handover.outputs(state, work)


def runner_of(declared: Contract) -> Runner | None:
    """Returns the runner that does a stage's work, after it has answered; None where the stage itself does.

    Raises StageError where what the environment says of it is wrong, and within a minute where it does not answer.
    """
    known = settings.read(declared)
    return Runner(known, connection.greet(known)) if known else None


def _who(told: Mapping[str, Any]) -> str:
    return one_line(", ".join(str(told[key])[:40] for key in ("runner", "platform", "device") if key in told))


class Handover:
    """One job at a runner, from its description to its outputs."""

    def __init__(self, declared: Contract, known: Settings, job: Job) -> None:
        self.declared, self.settings, self.job = declared, known, job
        self.connection = Connection(known)
        self.path = f"/v1/jobs/{job.id}"
        self.log = JobLog()
        self.told = ""
        self.is_over = False
        self.put_at = 0.0
        self.stops = threading.Event()
        on_stop(self.cancel)

    def follow(self) -> Mapping[str, Any]:
        """Hands the job over, prints its log, and returns its last state. Raises as Runner.run does."""
        state = self._submit()
        while True:
            if state["state"] in GONE or self._was_cancelled_before(state):
                state = self._submit()
            self._tell(state)
            has_ended = state["state"] in ENDED
            has_more = self._read_log(0 if has_ended else WAIT)
            if has_ended and not has_more:
                break
            state = self._state()
        self.is_over = True
        self.log.end()
        if state["state"] != SUCCEEDED:
            raise self._failure(state)
        return state

    def _was_cancelled_before(self, state: Mapping[str, Any]) -> bool:
        """Returns whether an earlier pod of the same job was stopped, and its job has ended only now."""
        return state["state"] == CANCELLED and time.monotonic() - self.put_at < JUST_NOW

    def outputs(self, state: Mapping[str, Any], work: Path) -> Any:
        """Returns the stage's outputs, taken from the runner and not yet checked."""
        made = state.get("outputs")
        found = {
            field.name: self._output(field, made.get(field.name) if isinstance(made, dict) else None, work)
            for field in self.declared.outputs
        }
        return self.declared.output_class(**found)

    def cancel(self) -> None:
        """Tells the runner to end the job, where it has not ended: the stage is being stopped."""
        self.stops.set()
        if not self.is_over:
            with contextlib.suppress(StageError, Busy, *CUT):
                Connection(self.settings, CANCEL_SECONDS).once("POST", f"{self.path}/cancel")

    def _submit(self) -> Mapping[str, Any]:
        """Puts the job, sends what the runner lacks of it, and returns its state."""
        lacks: set[str] = set()
        for _ in range(ROUNDS):
            state = self._put()
            missing = state.get("missing")
            lacks = {str(each) for each in missing} if isinstance(missing, list) else set()
            if not lacks:
                return state
            for blob in self.job.blobs:
                if blob.sha256 in lacks:
                    self._send(blob)
        raise StageError(f"the runner {self.settings.url} lacks {len(lacks)} files that it was sent; is its disk full?")

    def _put(self) -> Mapping[str, Any]:
        if self.stops.is_set():
            threading.Event().wait()  # the process ends; the job that was cancelled must not be queued again
        answer = self.connection.ask("PUT", self.path, self.job.body(), {"Content-Type": "application/json"})
        self.put_at = self.put_at or time.monotonic()
        if answer.status not in (200, 201):
            raise StageError(f"the runner {self.settings.url} does not take the job: {answer.error()}")
        return self._checked(answer)

    def _send(self, blob: Blob) -> None:
        if blob.bytes >= transfer.CHUNK:
            say(f"sending {blob.bytes / (1 << 20):,.1f} MiB to the runner")
        transfer.send(self.connection, blob)

    def _state(self) -> Mapping[str, Any]:
        answer = self.connection.ask("GET", self.path)
        if answer.status == 404:  # it was cleared away
            self.log.restart()
            return self._submit()
        if answer.status != 200:
            raise StageError(f"the runner {self.settings.url} does not tell of the job: {answer.error()}")
        return self._checked(answer)

    def _checked(self, answer: Answer) -> Mapping[str, Any]:
        state = answer.json()
        if not isinstance(state.get("state"), str):
            raise StageError(f"the runner {self.settings.url} tells no state of the job; update it")
        return state

    def _tell(self, state: Mapping[str, Any]) -> None:
        """Says what a person waits for, once; the rest stands in the log."""
        line = ""
        if state["state"] == "queued" and isinstance(ahead := state.get("ahead"), int) and ahead > 0:
            line = f"waiting at the runner: {ahead} {'job is' if ahead == 1 else 'jobs are'} before this one"
        if line and line != self.told:
            say(line)
        self.told = line or self.told

    def _read_log(self, wait: int) -> bool:
        """Prints what is new in the log; returns whether there was anything."""
        asked = time.monotonic()
        answer = self.connection.ask("GET", f"{self.path}/log?offset={self.log.offset}&wait={wait}")
        if wait and (answer.status != 200 or not answer.body) and time.monotonic() - asked < LEAST_WAIT:
            time.sleep(LEAST_WAIT)
        if answer.status != 200:
            return False  # the job's state, which is asked next, says why
        offset = answer.number("Log-Offset")
        if offset < self.log.offset:
            self.log.restart()
            return True
        self.log.take(answer.body, offset)
        return bool(answer.body)

    def _failure(self, state: Mapping[str, Any]) -> JobFailed:
        reason, code = one_line(str(state.get("reason") or "")), state.get("exit_code")
        if state["state"] == CANCELLED:
            reason = "the job was cancelled at the runner; run again, and it goes on"
        reason = reason.removeprefix(f"{self.declared.stage}: ") or "the job failed on the runner, without a reason"
        code = code if isinstance(code, int) and not isinstance(code, bool) and code else 1
        is_said = self.log.last in (reason, f"{self.declared.stage}: {reason}")
        return JobFailed(reason, 128 - code if code < 0 else code, is_said)

    def _output(self, field: Field, made: Any, work: Path) -> Any:
        """Returns one output: a scalar's value, or an artefact in work/outputs."""
        blob = self._named(field, made, work / f"taken-{field.name}")
        if field.artifact is None:
            if blob.bytes > MAX_TEXT_BYTES:
                raise StageError(f"{field.name} has more than {MAX_TEXT_BYTES} bytes; larger things are files")
            transfer.take(self.connection, blob)
            return field.parse(blob.file.read_text("utf-8"))
        place = work / "outputs" / field.name
        if not field.artifact.is_directory:
            transfer.take(self.connection, dataclasses.replace(blob, file=place))
            return field.kind(place)
        transfer.take(self.connection, blob)
        archive.unpack(blob.file, place)
        blob.file.unlink()
        return field.kind(place)

    def _named(self, field: Field, made: Any, file: Path) -> Blob:
        if isinstance(made, dict):
            sha256, size = made.get("sha256"), made.get("bytes")
            is_digest = isinstance(sha256, str) and len(sha256) == 64 and set(sha256) <= _HEX
            if is_digest and isinstance(size, int) and size >= 0:
                return Blob(file, str(sha256), size)
        raise StageError(f"the runner {self.settings.url} ended the job without the output {field.name}; run again")

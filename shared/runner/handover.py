"""A stage's work done by a runner: its files are sent, its log is followed, and its outputs are taken."""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from shared import archive
from shared.contract import Contract, Field
from shared.engine.ending import end_with
from shared.errors import StageError, printable
from shared.runner.connection import FIRST_SECONDS, Answer, Connection, Unreachable, check
from shared.runner.package import PROTOCOL, File, Package, package
from shared.runner.variables import CERTIFICATE, TOKEN, URL

_CHUNK = 1 << 20
_WAIT_SECONDS = 15  # for which the runner may hold an answer back until there is news
_CANCEL_SECONDS = 3
ENDED = {"succeeded", "failed", "cancelled"}


def is_asked_for(declared: Contract) -> bool:
    """Returns whether a runner is to compute in the stage's place."""
    return URL in declared.environment and bool(URL.read())


def hand_over(
    declared: Contract, options: Mapping[str, Any], agent: str, work: Path, results: Path, on_stop: "OnStop"
) -> Any:
    """Returns the stage's outputs, made by a runner, in results. Ends the process as the job did where that failed.

    options: each input's scalar or artefact path. agent: whose rows they are, '' where that is not known. work: a
    temporary folder. on_stop: takes what is to be done when the
    stage is stopped. Raises StageError where the runner cannot be reached, or refuses the job.
    """
    connection = Connection(URL.read(), TOKEN.read(), CERTIFICATE.read(), _say)
    _greet(connection)
    folder = work / "handed over"
    folder.mkdir()
    job = Handover(connection, package(declared, options, agent, folder))
    on_stop(job.cancel)
    state = job.run()
    if state["state"] != "succeeded":
        _end_as(declared, state)
    return declared.output_class(**{field.name: job.take(field, state, results) for field in declared.outputs})


OnStop = Callable[[Callable[[], None]], None]


class Handover:
    """One job at a runner."""

    def __init__(self, connection: Connection, job: Package) -> None:
        self.connection, self.job = connection, job
        self.path, self.read = f"/v1/jobs/{job.id}", 0

    def run(self) -> dict[str, Any]:
        """Sends what is missing and follows the job until it has ended; returns its state."""
        state = self._described()
        _say(f"job {self.job.id[:12]} of the runner at {self.connection.url} is {_told(state)}")
        shown = state["state"]
        while state["state"] not in ENDED or self._follow(0):
            self._follow(_WAIT_SECONDS)
            answer = self.connection.ask("GET", self.path)
            # A pod that was away for long finds its job paused, or gone: describing it again goes on with it.
            state = self._described() if answer.status == 404 else check(answer, 200).json()
            if state["state"] in ("waiting", "paused"):
                state = self._described()
            if state["state"] != shown and state["state"] not in ENDED:
                _say(f"the job is {_told(state)}")
            shown = state["state"]
        return dict(state)

    def take(self, field: Field, state: Mapping[str, Any], results: Path) -> Any:
        """Returns an output, fetched to results and checked against its sha256."""
        found = state["outputs"][field.name]
        path = results / f"{field.name}.taken"
        self.connection.patiently(lambda: self._fetch(found["sha256"], found["bytes"], path))
        if not field.artifact:
            value = field.parse(path.read_text("utf-8"))
            path.unlink()
            return value
        if not field.artifact.is_directory:
            return field.artifact(path)
        archive.unpack(path, results / field.name)
        path.unlink()
        return field.artifact(results / field.name)

    def cancel(self) -> None:
        """Ends the job at the runner, if it can be reached at once: the stage is about to end."""
        try:
            self.connection.ask("POST", f"{self.path}/cancel", patience=_CANCEL_SECONDS)
        except StageError as error:
            _say(f"the job could not be cancelled, and goes on until its lease ends: {error}")

    def _described(self) -> dict[str, Any]:
        """Describes the job, and sends what the runner lacks; returns its state then."""
        body = json.dumps(self.job.description).encode()
        while True:
            state = check(self.connection.ask("PUT", self.path, body), 200, 201).json()
            if not state["missing"]:
                return dict(state)
            for file in self.job.files:
                if file.sha256 in state["missing"]:
                    self._send(file)

    def _send(self, file: File) -> None:
        _say(f"sending {file.path.name} ({file.bytes / 1e6:.1f} MB)")
        answer = self.connection.patiently(lambda: self._send_rest(file))
        check(answer, 200, 201, 422)

    def _send_rest(self, file: File) -> Answer:
        """Sends what the runner has not got of a file. Raises Unreachable where it did not all come over."""
        path = f"/v1/blobs/{file.sha256}"
        known = self.connection.ask("HEAD", path)
        offset = int(known.headers.get("upload-offset", "0"))
        if known.status == 200:
            return known
        headers = {"Upload-Offset": str(offset), "Upload-Length": str(file.bytes)}
        with file.path.open("rb") as source:
            source.seek(offset)
            answer = self.connection.send(path, source, file.bytes - offset, headers)
        if answer.status in (202, 400, 409):
            raise Unreachable("the upload broke off")
        return answer

    def _fetch(self, digest: str, size: int, target: Path) -> None:
        """Fetches what is missing of a file. Raises Unreachable where it breaks off, or what came is another one."""
        have = target.stat().st_size if target.exists() else 0
        if have < size:
            with self.connection.reading(f"/v1/blobs/{digest}", {"Range": f"bytes={have}-"}) as answer:
                if answer.status not in (200, 206):
                    raise StageError(f"the runner no longer has the output {digest[:12]}; run the stage again")
                with target.open("ab" if answer.status == 206 else "wb") as file:
                    while chunk := answer.read(_CHUNK):
                        file.write(chunk)
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if target.stat().st_size < size:
            raise Unreachable("the download broke off")
        if found != digest:
            target.unlink()
            raise Unreachable("what came is not what was made")

    def _follow(self, wait: int) -> bool:
        """Prints what is new in the job's log; returns whether there was anything."""
        answer = self.connection.ask("GET", f"{self.path}/log?offset={self.read}&wait={wait}")
        if answer.status == 404:
            self.read = 0
            return False
        whole = check(answer, 200).body
        lines = whole[: whole.rfind(b"\n") + 1] or (whole if len(whole) >= _CHUNK // 4 or wait == 0 else b"")
        self.read += len(lines)
        for line in lines.decode("utf-8", "replace").splitlines():
            print(printable(line), file=sys.stderr, flush=True)
        return bool(lines)


def _greet(connection: Connection) -> None:
    """Raises StageError where no runner of this protocol answers within a minute."""
    told = check(connection.ask("GET", "/v1", patience=FIRST_SECONDS), 200).json()
    protocol = told.get("protocol") if isinstance(told, dict) else None
    if protocol != PROTOCOL:
        remedy = "bring both to one version of this project"
        raise StageError(
            f"the runner at {connection.url} speaks protocol {protocol!r}, and this stage {PROTOCOL}; {remedy}"
        )


def _end_as(declared: Contract, state: Mapping[str, Any]) -> NoReturn:
    """Ends the process with the job's exit code, and the line that the stage said last."""
    reason = str(state["reason"]).removeprefix(f"{declared.stage}: ")
    end_with(declared.stage, int(state["exit_code"] or 1), reason or f"the job was {state['state']} at the runner")


def _told(state: Mapping[str, Any]) -> str:
    ahead = f", behind {state['ahead']} other{'s' if state['ahead'] > 1 else ''}" if state.get("ahead") else ""
    return f"{state['state']}{ahead}"


def _say(line: str) -> None:
    print(f"runner: {printable(line)}", file=sys.stderr, flush=True)

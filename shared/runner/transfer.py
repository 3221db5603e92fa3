"""Files by their sha256 to the runner and from it: nothing twice, and after a cut from where it broke."""

import http.client
from dataclasses import dataclass
from pathlib import Path

from shared import archive
from shared.errors import StageError
from shared.runner.connection import Answer, Connection
from shared.runner.patience import CUT, Busy

CHUNK = 1 << 20
NOT_YET = (202, 408, 409, 423)  # a part has come, too slowly, from elsewhere than agreed, or from another stage, too
ATTEMPTS = 3  # at a file that arrives damaged


class Truncated(http.client.HTTPException):
    """An answer ended before all of it was there."""


@dataclass(frozen=True)
class Blob:
    """A file that both sides know by its content."""

    file: Path
    sha256: str
    bytes: int

    @property
    def path(self) -> str:
        return f"/v1/blobs/{self.sha256}"


def send(connection: Connection, blob: Blob) -> None:
    """Sends a file, or what the runner lacks of it. Raises StageError where the runner does not take it."""
    patience, most, damaged = connection.patience(), 0, 0
    while True:
        try:
            kept = _kept(connection, blob)
            if kept is None:
                return
            if kept > most:
                most = kept
                patience.gained()
            answer = _put(connection, blob, kept)
        except (Busy, *CUT) as trouble:
            patience.wait(trouble)
            continue
        if answer.status in (200, 201):
            return
        if answer.status in NOT_YET:
            patience.wait(Busy(answer.error()))
        elif answer.status == 422 and damaged < ATTEMPTS:
            most, damaged = 0, damaged + 1
        else:
            raise StageError(f"the runner {connection.settings.url} does not take {blob.file}: {answer.error()}")


def _kept(connection: Connection, blob: Blob) -> int | None:
    """Returns how many bytes of a file the runner keeps, None where it has it whole."""
    answer = connection.once("HEAD", blob.path)
    if answer.status == 200:
        return None
    if answer.status != 404:
        raise StageError(f"the runner {connection.settings.url} does not take {blob.file}: {answer.error()}")
    return min(answer.number("Upload-Offset"), blob.bytes)


def _put(connection: Connection, blob: Blob, offset: int) -> Answer:
    def body(sink: http.client.HTTPSConnection) -> None:
        with blob.file.open("rb") as file:
            file.seek(offset)
            left = blob.bytes - offset
            while left:
                data = file.read(min(CHUNK, left))
                if not data:
                    raise StageError(f"{blob.file} became shorter while it was read; run again")
                sink.send(data)
                left -= len(data)

    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(blob.bytes - offset),
        "Upload-Offset": str(offset),
        "Upload-Length": str(blob.bytes),
    }
    with connection.request("PUT", blob.path, headers, body) as response:
        return connection.whole(response)


def take(connection: Connection, blob: Blob) -> None:
    """Fetches a file to blob.file, which must not be there. Raises StageError where the runner has it no more."""
    for _ in range(ATTEMPTS):
        _fetch(connection, blob)
        if archive.digest(blob.file) == blob.sha256:
            return
        blob.file.unlink()
    raise StageError(f"the runner {connection.settings.url} sends {blob.file.name} damaged; is its disk broken?")


def _fetch(connection: Connection, blob: Blob) -> None:
    patience = connection.patience()
    blob.file.touch()
    while (have := blob.file.stat().st_size) < blob.bytes:
        try:
            _fetch_from(connection, blob, have)
        except (Busy, *CUT) as trouble:
            if blob.file.stat().st_size > have:
                patience.gained()
            patience.wait(trouble)


def _fetch_from(connection: Connection, blob: Blob, start: int) -> None:
    headers = {"Range": f"bytes={start}-"} if start else {}
    with connection.request("GET", blob.path, headers) as response:
        if response.status not in (200, 206):
            answer = connection.whole(response)
            known = f"the runner {connection.settings.url} does not send {blob.file.name}"
            raise StageError(f"{known}: {answer.error()}; run again")
        with blob.file.open("r+b") as file:
            file.seek(start if response.status == 206 else file.truncate(0))
            while file.tell() < blob.bytes:
                data = response.read(min(CHUNK, blob.bytes - file.tell()))
                if not data:
                    raise Truncated("the answer was cut")
                file.write(data)
        response.read(0)
        if not response.isclosed():
            connection.close()

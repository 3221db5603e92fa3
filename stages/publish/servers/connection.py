"""HTTP to a server of models: bounded in time and bytes, without redirects, and told in one line where it fails."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from shared.errors import StageError, one_line

CONNECT_SECONDS = 10
ANSWER_SECONDS = 30
MAX_BYTES = 4 << 20
"""How much of an answer is read."""
_PART = 1 << 16
_FULL = ("no space left", "disk quota exceeded", "not enough space")


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    content: bytes

    def object(self) -> dict[str, Any]:
        """Returns the JSON object in it, {} where it holds none."""
        try:
            value = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Connection:
    """A server at url, which errors call `product`. token is sent with each request; `variable` holds it."""

    product: str
    url: str
    token: str
    variable: str

    @property
    def place(self) -> str:
        """What the server is called in sentences."""
        return f"{self.product} at {self.url}"

    def get(self, path: str) -> Reply:
        """Returns what the server answers, whatever its status is, as `request` does."""
        return self.request("GET", path, None, ANSWER_SECONDS)

    def send(self, method: str, path: str, value: Any, seconds: float = ANSWER_SECONDS) -> Reply:
        """Returns what the server answers to a JSON value, as `request` does."""
        return self.request(method, path, json.dumps(value).encode(), seconds, {"Content-Type": "application/json"})

    def upload(self, path: str, file: Path, seconds: float) -> Reply:
        """Returns what the server answers to a file that is posted, as `request` does."""
        with file.open("rb") as source:
            headers = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}
            return self.request("POST", path, _Bounded(source, time.monotonic() + seconds, self), seconds, headers)

    def request(
        self, method: str, path: str, body: Any, seconds: float, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Returns what the server answers below its address.

        Raises StageError where it is away, slow, answers too much, redirects, or does not accept the token.
        """
        known = {**(headers or {}), **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        timeout = Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)
        until = time.monotonic() + seconds
        try:
            with PoolManager(num_pools=1) as pool:
                response = pool.request(
                    method,
                    f"{self.url}{path}",
                    body=body,
                    headers=known,
                    timeout=timeout,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                reply = Reply(response.status, self._read(response, until, seconds))
        except HTTPError as error:
            raise self._failure(error, seconds) from None
        self._check_status(reply.status, response.headers.get("Location", ""))
        return reply

    def refused(self, reply: Reply, what: str) -> StageError:
        """Returns the error for an answer that is no success. what: what the server did not do."""
        told = one_line(str(reply.object().get("error") or reply.content.decode("utf-8", "replace")))
        reason = f"{told:.300}" or "it gives no reason"
        if any(word in told.lower() for word in _FULL):
            return StageError(f"{self.place} {what}, as its disk is full; free some there, and run again ({reason})")
        return StageError(f"{self.place} {what} ({reply.status}: {reason}); look at its log, and run again")

    def late(self, seconds: float) -> StageError:
        """Returns the error for a server that takes longer than so many seconds."""
        return StageError(
            f"{self.place} gave no answer within {seconds:g} s; check that the server is well, and run again"
        )

    def _read(self, response: BaseHTTPResponse, until: float, seconds: float) -> bytes:
        """Returns the body. A server that sends byte after byte is cut off, too."""
        content = b""
        while part := response.read1(_PART):
            content += part
            if len(content) > MAX_BYTES:
                raise StageError(f"{self.place} answered more than {MAX_BYTES} bytes; check its address")
            if time.monotonic() > until:
                raise self.late(seconds)
        return content

    def _check_status(self, status: int, location: str) -> None:
        if 300 <= status < 400:
            parts = urlsplit(location)
            shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "another path"
            raise StageError(
                f"{self.place} redirects to {one_line(shown):.100}; let deploy.servers name the server itself"
            )
        if status in (401, 403):
            remedy = f"check {self.variable}" if self.token else f"set {self.variable}"
            raise StageError(f"{self.place} does not let publish in ({status}); {remedy}")

    def _failure(self, error: HTTPError, seconds: float) -> StageError:
        cause = error.args[1] if isinstance(error, ProtocolError) and len(error.args) > 1 else error
        if isinstance(cause, ConnectTimeoutError) and not isinstance(cause, NewConnectionError):
            return self.late(min(CONNECT_SECONDS, seconds))
        if isinstance(cause, ReadTimeoutError | TimeoutError):
            return self.late(seconds)
        if isinstance(cause, SSLError):
            reason = "SSL_CERT_FILE names an authority of your own"
            return StageError(
                f"{self.place} has a certificate that is not accepted; {reason} ({one_line(str(cause)):.200})"
            )
        if isinstance(cause, NewConnectionError):
            remedy = "check its url in deploy.servers, and that the server runs"
            return StageError(f"{self.place} does not answer; {remedy} ({_reason(cause)})")
        return StageError(f"{self.place} broke the connection off; look at its log, and run again ({_reason(cause)})")


class _Bounded:
    """A file that is read until a time, after which the server is told to be late."""

    def __init__(self, source: BinaryIO, until: float, connection: Connection) -> None:
        self.source, self.until, self.connection = source, until, connection
        self.seconds = until - time.monotonic()

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self.until:
            raise self.connection.late(self.seconds)
        return self.source.read(size)


def _reason(error: BaseException) -> str:
    """Returns the system's word for a failure, without the library's."""
    cause = error.__cause__ or error.__context__ or error
    told = getattr(cause, "strerror", None) or str(cause)
    return f"{one_line(told):.200}" or type(error).__name__

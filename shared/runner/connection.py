"""HTTPS to a runner: one certificate is trusted, and what breaks off is asked again."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from shared.errors import StageError, one_line
from shared.runner.variables import CERTIFICATE, TOKEN, URL

FIRST_SECONDS = 15  # a runner that does not answer at all is told within a minute
PATIENCE_SECONDS = 3600  # with a runner that has answered before
TIMEOUT_SECONDS = 30
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
PASSING = {408, 423, 429, 500, 502, 503, 504}
Say = Callable[[str], None]
Body = bytes | BinaryIO | None
Found = TypeVar("Found")


class Unreachable(Exception):
    """No answer, or a passing one; asking again may help."""


@dataclass(frozen=True)
class Answer:
    """status; headers by their names in small letters; body: what came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Returns the body as JSON data. Raises StageError for one that is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise StageError(f"{URL.name} is not a runner's: it answers {one_line(repr(self.body[:60]))}") from None


class Connection:
    """A runner's address and what opens it. Each request has a connection of its own, so that none goes stale."""

    def __init__(self, url: str, token: str, certificate: str, say: Say) -> None:
        self.url, self.say = url.rstrip("/"), say
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname or parts.path:
            raise StageError(f"{URL.name} is {url!r:.80}; write https://host:port, as `make runner-install` prints it")
        for variable, value in ((TOKEN, token), (CERTIFICATE, certificate)):
            if not value:
                raise StageError(f"{variable.name} is not set, and {URL.name} is; it must hold {variable.description}")
        if not token.isascii() or not token.isprintable():
            raise StageError(f"{TOKEN.name} holds a character that no token has; copy it anew")
        self._host, self._port, self._token = parts.hostname, parts.port or 443, token
        self._context = _context(certificate)

    def ask(self, method: str, path: str, body: bytes | None = None, patience: float = PATIENCE_SECONDS) -> Answer:
        """Returns the answer to a request that may be repeated. Raises StageError where none comes within patience."""
        return self.patiently(lambda: self._once(method, path, body), patience)

    def patiently(self, do: Callable[[], Found], patience: float = PATIENCE_SECONDS) -> Found:
        """Returns what `do` does, tried again while the runner cannot be reached, for so many seconds."""
        until, is_told = time.monotonic() + patience, False
        for number in _numbers():
            try:
                return do()
            except Unreachable as error:
                if time.monotonic() > until:
                    raise StageError(self._unreachable(str(error))) from None
                if number == len(PAUSES) and not is_told:
                    self.say(f"the runner at {self.url} cannot be reached ({error}); asking again")
                    is_told = True
            time.sleep(PAUSES[min(number, len(PAUSES) - 1)])
        raise AssertionError("there is no last number")

    def send(self, path: str, body: BinaryIO, size: int, headers: Mapping[str, str]) -> Answer:
        """Returns the answer to an upload of size bytes. Raises Unreachable where the connection breaks off."""
        return self._once("PUT", path, body, {**headers, "Content-Length": str(size)})

    @contextmanager
    def reading(self, path: str, headers: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        """Yields the answer to a GET, to be read. Raises Unreachable where the connection breaks off, meanwhile too."""
        with self._opened() as connection:
            connection.request("GET", path, headers={**self._headers(), **headers})
            yield connection.getresponse()

    def _once(self, method: str, path: str, body: Body, headers: Mapping[str, str] | None = None) -> Answer:
        with self._opened() as connection:
            connection.request(method, path, body, {**self._headers(), **(headers or {})})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, headers, response.read())
        if answer.status in PASSING:
            raise Unreachable(_reason(answer))
        if answer.status == 401:
            raise StageError(f"the runner at {self.url} refuses the token; let {TOKEN.name} hold the one it was given")
        return answer

    @contextmanager
    def _opened(self) -> Iterator[http.client.HTTPSConnection]:
        options: Any = {"timeout": TIMEOUT_SECONDS, "context": self._context}
        connection = http.client.HTTPSConnection(self._host, self._port, **options)
        try:
            yield connection
        except ssl.SSLCertVerificationError as error:
            told = f"the certificate of the runner at {self.url} is not the one of {CERTIFICATE.name}"
            remedy = "copy it anew from the runner, or renew it there by `make runner-install RENEW=1`"
            raise StageError(f"{told}: {error.verify_message}; {remedy}") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(one_line(str(error)) or type(error).__name__) from None
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _unreachable(self, reason: str) -> str:
        remedy = "start it there by `make runner-install`, look by `make runner-status`, and check the address"
        return f"the runner at {self.url} does not answer ({reason}); {remedy}, {URL.name}"


def check(answer: Answer, *expected: int) -> Answer:
    """Returns the answer. Raises StageError with the runner's own words where its status is another."""
    if answer.status not in expected:
        raise StageError(f"the runner refuses: {_reason(answer)}")
    return answer


def _reason(answer: Answer) -> str:
    try:
        return one_line(str(json.loads(answer.body)["error"]))
    except (ValueError, LookupError, TypeError):
        return f"status {answer.status}"


def _context(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=certificate)
    except (ssl.SSLError, ValueError):
        raise StageError(f"{CERTIFICATE.name} holds no certificate in PEM; copy the runner's file anew") from None
    return context


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1

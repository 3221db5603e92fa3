"""HTTPS to the runner: its own certificate is trusted and no other, and what breaks is tried again."""

import contextlib
import http.client
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.errors import StageError, one_line
from shared.runner.patience import CUT, Busy, Patience, reason
from shared.runner.settings import CERTIFICATE, SECRET, TOKEN, URL, Settings

PROTOCOL = 1
FIRST_LIMIT = 40.0  # seconds for the first answer, with a last attempt's FIRST_TIMEOUT under a minute
FIRST_TIMEOUT = 10.0
LIMIT = 2 * 3600.0  # seconds without an answer, later: a network that is away for an hour comes back
TIMEOUT = 60.0  # seconds without a byte; the runner lets a question wait for 20
MOST_BYTES = 4 << 20  # of an answer that is no blob
_MANY, _CANNOT, _REFUSED_TOKEN = 429, (500, 502, 503, 504), 401
_EXPIRED, _NOT_YET, _OTHER_HOST = 10, 9, (62, 64)  # OpenSSL's X509_V_ERR_*

Result = TypeVar("Result")
Send = Callable[[http.client.HTTPSConnection], None]


@dataclass(frozen=True)
class Answer:
    """A whole answer of the runner."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict[str, Any]:
        """Returns the JSON object that the runner sent. Raises StageError where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StageError(f"the runner answered {self.status} with what is no JSON object; is {URL.name} right?")
        return found

    def error(self) -> str:
        """Returns in one line why the runner refuses."""
        with contextlib.suppress(StageError):
            if isinstance(said := self.json().get("error"), str):
                return one_line(said)
        return f"it answers {self.status} {http.client.responses.get(self.status, '')}".rstrip()

    def number(self, header: str) -> int:
        """Returns a header's number. Raises StageError where it has none."""
        text = self.headers.get(header, "")
        if not (text.isascii() and text.isdigit()):
            raise StageError(f"the runner answered {self.status} without {header}; is {URL.name} right?")
        return int(text)


class Connection:
    """A connection to a runner that is made anew where it breaks. For one thread."""

    def __init__(self, settings: Settings, timeout: float = TIMEOUT, limit: float = LIMIT) -> None:
        self.settings, self.timeout, self.limit = settings, timeout, limit
        self._open: http.client.HTTPSConnection | None = None

    def patience(self) -> Patience:
        """Returns a new patience with this runner."""
        return Patience(self.limit, self._unreachable)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Returns the runner's answer, asking again while there is none, or one that says to come later.

        Raises StageError for a certificate or a token that is wrong, and where the patience ends.
        """
        return self.persist(lambda: self.once(method, path, body, headers))

    def persist(self, attempt: Callable[[], Result]) -> Result:
        """Returns what attempt returns, once it raises nothing of CUT and no Busy."""
        patience = self.patience()
        while True:
            try:
                found = attempt()
            except (Busy, *CUT) as trouble:
                patience.wait(trouble)
            else:
                patience.gained()
                return found

    def once(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Asks once. Raises what is in CUT, Busy, or StageError for a certificate or token that is wrong."""

        def send(connection: http.client.HTTPSConnection) -> None:
            connection.send(body)

        known = {"Content-Length": str(len(body))} if body or method in ("PUT", "POST") else {}
        with self.request(method, path, known | dict(headers or {}), send if body else None) as response:
            return self.whole(response)

    @contextmanager
    def request(
        self, method: str, path: str, headers: Mapping[str, str], send: Send | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """Yields the response to one request, whose body `send` sends. Raises what is in CUT, or StageError."""
        try:
            connection = self._connected()
            connection.putrequest(method, path)
            connection.putheader("Authorization", f"Bearer {self.settings.token}")
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            yield self._response(connection, send)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise self._foreign(error) from None
        except BaseException:
            self.close()
            raise

    def _response(self, connection: http.client.HTTPSConnection, send: Send | None) -> http.client.HTTPResponse:
        try:
            if send:
                send(connection)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            # Who refuses a large body answers before it has read it all.
            with contextlib.suppress(*CUT):
                return connection.getresponse()
            raise
        return connection.getresponse()

    def whole(self, response: http.client.HTTPResponse) -> Answer:
        """Returns the response with its body. Raises Busy for one that says to come later, as `once` does."""
        body = response.read(MOST_BYTES)
        if not response.isclosed():
            self.close()
        answer = Answer(response.status, response.headers, body)
        if answer.status == _REFUSED_TOKEN:
            remedy = f"`make runner-install` on its machine prints the right one ({TOKEN.name}, Secret {SECRET})"
            raise StageError(f"the runner {self.settings.url} does not accept the token; {remedy}")
        if answer.status == _MANY or answer.status in _CANNOT:
            raise Busy(answer.error())
        return answer

    def close(self) -> None:
        if self._open:
            self._open.close()
        self._open = None

    def _connected(self) -> http.client.HTTPSConnection:
        if self._open is None:
            self._open = http.client.HTTPSConnection(
                self.settings.host, self.settings.port, timeout=self.timeout, context=_context(self.settings)
            )
        return self._open

    def _unreachable(self, trouble: Exception) -> StageError:
        known = f"the runner {self.settings.url} could not be asked for {self.limit / 60:.0f} minutes"
        remedy = "`make runner-status` on its machine says how it is; run again, and the job goes on where it is"
        return StageError(f"{known}: {reason(trouble)}; {remedy}")

    def _foreign(self, error: ssl.SSLCertVerificationError) -> StageError:
        url, renewed = self.settings.url, f"for {CERTIFICATE.name} and the Secret {SECRET}"
        match error.verify_code:
            case code if code == _EXPIRED:
                remedy = "`make runner-install RENEW=1` on its machine makes a new one"
                return StageError(f"the certificate of the runner {url} has expired; {remedy}, {renewed}")
            case code if code == _NOT_YET:
                return StageError(f"the certificate of the runner {url} is not valid yet; is a clock wrong?")
            case code if code in _OTHER_HOST:
                remedy = f"`make runner-install NAMES={self.settings.host}` on its machine adds the name"
                return StageError(f"the certificate of the runner {url} is not for {self.settings.host}; {remedy}")
        found = "what answers has another certificate than"
        remedy = f"it is not your runner, or `make runner-install` on its machine prints its own, {renewed}"
        return StageError(f"{url}: {found} {CERTIFICATE.name} ({one_line(error.verify_message)}); {remedy}")


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # asks for a certificate, and that it is for the host
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is trusted, whoever signed it
    context.load_verify_locations(cadata=settings.certificate)
    return context


def greet(settings: Settings) -> dict[str, Any]:
    """Returns what the runner says of itself: protocol, version, platform, device.

    Raises StageError within a minute where nothing answers, or something else than a runner of this protocol.
    """
    first = Connection(settings, FIRST_TIMEOUT, FIRST_LIMIT)
    patience = Patience(FIRST_LIMIT, lambda trouble: _silent(settings, trouble))
    while True:
        try:
            answer = first.once("GET", "/v1")
            break
        except (Busy, *CUT) as trouble:
            patience.wait(trouble)
        finally:
            first.close()
    if answer.status != 200:
        raise StageError(f"{settings.url} is no runner: {answer.error()}; is {URL.name} right?")
    told = answer.json()
    if told.get("protocol") != PROTOCOL:
        which = f"the protocol {told.get('protocol')!r:.20}, and this stage {PROTOCOL}"
        remedy = "update the runner: `make runner-install` of this project's release, on its machine"
        raise StageError(f"the runner {settings.url} ({told.get('runner', '?')!s:.40}) speaks {which}; {remedy}")
    return told


def _silent(settings: Settings, trouble: Exception) -> StageError:
    remedy = "start it on its machine: `make runner-install` there, once; `make runner-status` says how it is"
    return StageError(f"no runner answers at {settings.url} ({URL.name}): {reason(trouble)}; {remedy}")

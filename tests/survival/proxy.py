"""A proxy before a real server: it hands requests on, late, in part, or not at all."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

CHUNK = 1 << 14


class Answered(Exception):
    """The request is not handed on: the client gets this status."""

    def __init__(self, status: int) -> None:
        self.status = status


class Cut(Exception):
    """The connection breaks off once so many bytes of the request's body were handed on."""

    def __init__(self, after: int = 0) -> None:
        self.after = after


@dataclass(frozen=True)
class Request:
    """What a client asked a proxy for; number counts the proxy's requests from 1."""

    proxy: "Proxy"
    number: int
    method: str
    path: str
    size: int


Disturb = Callable[[Request], None]
"""Is called before a request is handed on. It may wait, do something, or raise Answered or Cut."""


class Proxy(ThreadingHTTPServer):
    """A proxy before `target`. keep_host: the server is told the name that the client asked for."""

    daemon_threads = True

    def __init__(self, target: str, disturb: Disturb, keep_host: bool) -> None:
        parts = urlsplit(target)
        self.target, self.disturb = (str(parts.hostname), int(parts.port or 80)), disturb
        self.host = "" if keep_host else parts.netloc
        self.requests: list[Request] = []
        self.lines: list[str] = []
        super().__init__(("127.0.0.1", 0), _Exchange)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def die(self) -> None:
        """Lets nobody in any more."""
        self.shutdown()
        self.server_close()


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError):  # whoever asked is gone
            super().handle_one_request()

    def _serve(self) -> None:
        self.close_connection = True
        size = int(self.headers.get("Content-Length") or 0)
        request = Request(self.server, len(self.server.requests) + 1, self.command, self.path, size)
        self.server.requests.append(request)
        self.server.lines += [self.requestline, *(f"{name}: {value}" for name, value in self.headers.items())]
        try:
            self.server.disturb(request)
            with self._sent(size) as server:
                while answer := server.recv(CHUNK):
                    self.wfile.write(answer)
        except Answered as answered:
            self.rfile.read(size)
            self.send_response(answered.status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")  # or the next try may be sent into the closed connection
            self.end_headers()
        except Cut as cut:
            with self._sent(min(cut.after, size)):
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    @contextmanager
    def _sent(self, part: int) -> Iterator[socket.socket]:
        """Yields a connection to the server, which got so much of the body."""
        with socket.create_connection(self.server.target) as server:
            server.sendall(self._head())
            while part and (data := self.rfile.read(min(part, CHUNK))):
                server.sendall(data)
                part -= len(data)
            yield server

    def _head(self) -> bytes:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "expect")}
        if self.server.host:
            kept["Host"] = self.server.host
        lines = [self.requestline, *(f"{name}: {value}" for name, value in kept.items()), "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def proxy(target: str, disturb: Disturb, keep_host: bool = True) -> Iterator[Proxy]:
    """Yields a proxy before the server at target."""
    with Proxy(target, disturb, keep_host) as running:
        Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield running
        running.shutdown()


def nothing(_: Request) -> None:
    """Disturbs nothing."""


def late(seconds: float) -> Disturb:
    """Lets every request wait."""
    return lambda _: time.sleep(seconds)

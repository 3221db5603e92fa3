"""A runner that gives the answers that a test wrote down, one after the other, and remembers what it was asked."""

import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from shared.runner.settings import Settings
from shared.tests.runner_certificate import write_certificate


@dataclass
class Say:
    """One answer. reads: whether the request's body is read before. cut: how many bytes of its own are sent at most."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    reads: bool = True
    cut: int = 1 << 60


class ScriptedRunner(HTTPServer):
    """Listens until the test's process ends. asked: method, path, headers and body of each request."""

    def __init__(self, folder: Path) -> None:
        self.answers: list[Say] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        certificate, key = write_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        url = f"https://127.0.0.1:{self.server_port}"
        self.settings = Settings(url, "127.0.0.1", self.server_port, "a-token", certificate.read_text(), 900)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedRunner

    def do_GET(self) -> None:
        say = self.server.answers.pop(0)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if say.reads else b""
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        self.send_response(say.status)
        for name, value in {"Content-Length": str(len(say.body)), **say.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(say.body[: say.cut])

    do_PUT = do_HEAD = do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass

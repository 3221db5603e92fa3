"""A runner that cannot be used is told within a minute, with what to do and where."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StageError
from shared.runner import connection
from shared.runner.settings import Settings
from shared.tests.runner_certificate import write_certificate

Serve = Callable[..., Settings]


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.FIRST_LIMIT + connection.FIRST_TIMEOUT < 60
    monkeypatch.setattr(connection, "FIRST_LIMIT", 0.4)
    monkeypatch.setattr(connection, "FIRST_TIMEOUT", 0.3)


def known(port: int, certificate: Path, host: str = "127.0.0.1") -> Settings:
    return Settings(f"https://{host}:{port}", host, port, "a-token", certificate.read_text(), 900)


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Returns a function that starts a server with one answer, and returns what a stage is told of it."""

    def start(status: int = 200, body: bytes = b"{}", trusted: Path | None = None, **certificate: Any) -> Settings:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(HTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass

        files = write_certificate(tmp_path / "server", **certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        server = Server(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return known(server.server_port, trusted or files[0])

    return start


def refusal(settings: Settings) -> str:
    began = time.monotonic()
    with pytest.raises(StageError) as told:
        connection.greet(settings)
    assert time.monotonic() - began < 2
    return str(told.value).replace(settings.url, "URL")


def test_a_runner_tells_what_it_is(serve: Serve) -> None:
    assert connection.greet(serve(body=b'{"protocol": 1, "runner": "0.1.0"}'))["runner"] == "0.1.0"


def test_where_nothing_answers_it_is_said_what_to_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    certificate, _ = write_certificate(tmp_path)
    remedy = "start it on its machine: `make runner-install` there, once; `make runner-status` says how it is"
    assert refusal(known(port, certificate)) == (
        f"no runner answers at URL (MLX_RUNNER_URL): Connection refused; {remedy}"
    )
    assert refusal(known(port, certificate, "no-such-host.invalid")).startswith(
        "no runner answers at URL (MLX_RUNNER_URL): "
    )


def test_who_takes_the_connection_and_says_nothing_is_no_runner(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = known(silent.getsockname()[1], write_certificate(tmp_path)[0])
        assert refusal(settings).startswith("no runner answers at URL (MLX_RUNNER_URL): no answer in time; start it")


def test_a_runner_that_starts_a_little_later_is_found(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_LIMIT", 10.0)
    up = serve(body=b'{"protocol": 1}')
    waiting: list[Exception] = [ConnectionRefusedError(111, "Connection refused")] * 2
    once = connection.Connection.once

    def late(self: connection.Connection, *asked: Any) -> connection.Answer:
        if waiting:
            raise waiting.pop()
        return once(self, *asked)

    monkeypatch.setattr(connection.Connection, "once", late)
    assert connection.greet(up)["protocol"] == 1


def test_another_certificate_is_not_trusted(serve: Serve, tmp_path: Path) -> None:
    other, _ = write_certificate(tmp_path / "other")
    told = refusal(serve(trusted=other))
    assert told.startswith("URL: what answers has another certificate than MLX_RUNNER_CERTIFICATE (")
    assert told.endswith("prints its own, for MLX_RUNNER_CERTIFICATE and the Secret agent-training-runner")


def test_an_expired_certificate_and_one_of_the_future_are_told(serve: Serve) -> None:
    assert refusal(serve(begins=-9, ends=-1)).startswith("the certificate of the runner URL has expired; `make runner")
    assert refusal(serve(begins=1)) == "the certificate of the runner URL is not valid yet; is a clock wrong?"


def test_a_certificate_for_another_name_is_told(serve: Serve) -> None:
    told = "the certificate of the runner URL is not for 127.0.0.1; `make runner-install NAMES=127.0.0.1` on its"
    assert refusal(serve(host="host.docker.internal")).startswith(told)
    assert refusal(serve(host="127.0.0.2")).startswith(told)


def test_a_wrong_token_is_told(serve: Serve) -> None:
    told = refusal(serve(401, b'{"error": "no"}'))
    assert told.startswith("the runner URL does not accept the token; `make runner-install` on its machine prints")


@pytest.mark.parametrize("protocol", [2, "1", None])
def test_another_protocol_is_told(serve: Serve, protocol: object) -> None:
    told = refusal(serve(body=json.dumps({"protocol": protocol, "runner": "9.9"}).encode()))
    assert told.startswith("the runner URL (9.9) speaks the protocol ")
    assert told.endswith(
        "and this stage 1; update the runner: `make runner-install` of this project's release, on its machine"
    )


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"<html>", "URL is no runner: it answers 404 Not Found; is MLX_RUNNER_URL right?"),
        (302, b"", "URL is no runner: it answers 302 Found; is MLX_RUNNER_URL right?"),
        (200, b"<html>", "the runner answered 200 with what is no JSON object; is MLX_RUNNER_URL right?"),
        (200, b"[1]", "the runner answered 200 with what is no JSON object; is MLX_RUNNER_URL right?"),
        (418, b'{"error": "tea\\n::error::"}', "URL is no runner: tea ::error::; is MLX_RUNNER_URL right?"),
        (503, b"", "no runner answers at URL (MLX_RUNNER_URL): it answers 503 Service Unavailable; start it on"),
    ],
)
def test_another_server_is_told(serve: Serve, status: int, body: bytes, reason: str) -> None:
    assert refusal(serve(status, body)).startswith(reason)

"""A real Alertmanager that notifies an agent, and the agent of the example, between an Ollama and its functions."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow_server import free_port
from workflows.local.execution import ROOT

PROGRAMS = ("prometheus-alertmanager", "alertmanager")  # Debian's name, and the project's
PYTHON = ROOT / ".venvs" / "mlflow-server" / "bin" / "python"  # it has what the example's web server needs
WAIT_SECONDS = 120


@dataclass
class Functions:
    """An endpoint of functions, and the calls that it got: the function's name, and the arguments."""

    url: str = ""
    called: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def functions() -> Iterator[Functions]:
    """Yields an endpoint that answers every call."""
    known = Functions()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.called.append((self.path.removeprefix("/"), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class ExampleAgent:
    """examples/agent/agent.py, as it runs. url: where a notification is posted."""

    url: str
    printed: Path

    def outcome(self) -> dict[str, Any]:
        """Returns what became of the first alert, once the agent has told it."""
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            for line in self.printed.read_text().splitlines():
                if line.startswith("{"):
                    return dict(json.loads(line))
            time.sleep(0.1)
        raise AssertionError(f"the agent told nothing: {self.printed.read_text()}")


@contextmanager
def example_agent(folder: Path, settings: dict[str, str]) -> Iterator[ExampleAgent]:
    """Yields the agent, which listens. settings: its environment variables."""
    port, printed = free_port(), folder / "agent.log"
    known = {**os.environ, **settings, "PORT": str(port), "PYTHONPATH": f"{ROOT / 'client'}:{ROOT}"}
    with printed.open("w") as log:
        command = [str(PYTHON), str(ROOT / "examples/agent/agent.py")]
        agent = subprocess.Popen(command, env=known, stdout=log, stderr=log)
    try:
        _wait(port, agent, printed)
        yield ExampleAgent(f"http://127.0.0.1:{port}/", printed)
    finally:
        agent.kill()
        agent.wait()


@contextmanager
def alertmanager(folder: Path, webhook: str) -> Iterator[str]:
    """Yields the address of an Alertmanager that sends each alert to a webhook at once."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no program {PROGRAMS[0]}")
    port, log = free_port(), folder / "alertmanager.log"
    route = {"receiver": "agent", "group_by": ["..."], "group_wait": "0s"}
    receiver = {"name": "agent", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
    (folder / "alertmanager.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}))
    options = {
        "config.file": folder / "alertmanager.yml",
        "storage.path": folder / "alertmanager",
        "web.listen-address": f"127.0.0.1:{port}",
        "cluster.listen-address": "",
    }
    with log.open("w") as written:
        command = [program, *(f"--{name}={value}" for name, value in options.items())]
        server = subprocess.Popen(command, stdout=written, stderr=written)
    try:
        _wait(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def fire(alertmanager: str, alert: dict[str, Any]) -> None:
    """Posts an alert as Prometheus does."""
    sent = json.dumps([{"labels": alert["labels"], "annotations": alert.get("annotations", {})}]).encode()
    request = urllib.request.Request(f"{alertmanager}/api/v2/alerts", sent, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def _wait(port: int, program: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until and program.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens: {log.read_text()[-2000:]}")

"""The example of an agent, as a program between a server that plays the model's, and one that plays the functions."""

import json
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared.function_call import Call, write_call
from tests.samples import NAMES, write_model

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venvs" / "mlflow-server" / "bin" / "python"  # MLflow's server is made with FastAPI as well
RESTART = Call("pod-restart", {"name": "shop-1", "namespace": "web"})
ALERT = {"status": "firing", "labels": {"alertname": "Down", "deployment": "shop-1", "namespace": "web"}}


@dataclass
class World:
    """What the model says, the functions that were called, and where the agent listens."""

    says: str = write_call(NAMES.to_model(RESTART))
    called: list[tuple[str, Any]] = field(default_factory=list)
    address: str = ""

    def notify(self, body: bytes) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(self.address, body, timeout=10) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def serving(world: World) -> ThreadingHTTPServer:
    class Both(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_model = self.path == "/api/generate"
            if not is_model:
                world.called.append((self.path, body))
            self.send_response(200 if world.says else 500)
            self.end_headers()
            self.wfile.write(json.dumps({"response": world.says}).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Both)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    known = World()
    server = serving(known)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    settings = {"MODEL_FOLDER": str(write_model(tmp_path / "model").path), "MODEL_NAME": "m", "OLLAMA_URL": url}
    settings |= {"FUNCTIONS_URL": f"{url}/{{function}}", "PORT": "0", "PYTHONPATH": f"{ROOT / 'client'}:{ROOT}"}
    program = [str(PYTHON), str(ROOT / "examples/agent/agent.py")]
    with subprocess.Popen(program, env=os.environ | settings, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr
        port = next(found for line in agent.stderr if (found := re.search(r"running on http://[\d.]+:(\d+)", line)))
        known.address = f"http://127.0.0.1:{port[1]}/"
        yield known
        agent.terminate()
    server.shutdown()
    server.server_close()


def test_a_firing_alert_calls_its_function(world: World) -> None:
    status, told = world.notify(json.dumps({"alerts": [ALERT, {**ALERT, "status": "resolved"}]}).encode())
    assert world.called == [("/pod-restart", RESTART.arguments)]
    outcome = {"call": "pod-restart", "arguments": RESTART.arguments, "outcome": "answered 200"}
    assert (status, told) == (200, [{"alert": "Down", **outcome}])


def test_what_speaks_against_a_call_is_told_and_nothing_is_called(world: World) -> None:
    world.says = world.says.replace("shop-1", "shop-2")
    status, (told,) = world.notify(json.dumps(ALERT).encode())
    assert (status, told["refused"], world.called) == (200, "ungrounded", [])


def test_where_the_model_is_down_alertmanager_is_to_ask_again(world: World) -> None:
    world.says = ""
    status, (told,) = world.notify(json.dumps(ALERT).encode())
    assert (status, told["refused"], world.called) == (503, "server", [])


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b'"alert"'])
def test_what_is_no_notification_is_refused(world: World, body: bytes) -> None:
    status, told = world.notify(body)
    assert (status, world.called) == (400, [])
    assert told["error"]


def test_it_is_short_enough_to_be_read_at_once() -> None:
    assert len((ROOT / "examples/agent/agent.py").read_text("utf-8").splitlines()) <= 80

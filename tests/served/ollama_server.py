"""A real Ollama for tests, with its models in a folder of its own; looked at past the project, by its API."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow_server import free_port

START_SECONDS = 60
_ASKED = re.compile(r'\[GIN\][^\n]*\| (POST|DELETE) +"([^":]+)')
_CHANGES = (("POST", "/api/blobs/sha256"), ("POST", "/api/create"), ("DELETE", "/api/delete"))


@dataclass(frozen=True)
class OllamaServer:
    """A server that runs, its process id, and its log."""

    url: str
    pid: int
    log: Path

    def models(self) -> dict[str, str]:
        """Returns the digest of each model's manifest, by its name."""
        return {model["name"]: model["digest"] for model in self.asked("/api/tags")["models"]}

    def asked(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """Returns what the server answers to JSON."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}{path}", data, method=method), timeout=60
        ) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def forget(self) -> None:
        """Removes every model."""
        for name in self.models():
            self.asked("/api/delete", {"model": name}, "DELETE")

    def requests(self) -> list[str]:
        """Returns what was asked so far, as `POST /api/create`, without what only looks."""
        asked = _ASKED.findall(self.log.read_text("utf-8", "replace"))
        return [f"{method} {path}" for method, path in asked if (method, path) in _CHANGES]


@contextmanager
def running_ollama(folder: Path) -> Iterator[OllamaServer]:
    """Yields a server whose data lie in folder; skips the test where there is no such program, but in CI."""
    program = shutil.which("ollama")
    if not program:
        reason = "there is no program ollama"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    folder.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    own = {"OLLAMA_HOST": host, "OLLAMA_MODELS": str(folder / "models"), "HOME": str(folder)}
    # One request at a time, as the answers of a batch may differ in their last bits.
    own |= {"OLLAMA_NUM_PARALLEL": "1", "OLLAMA_MAX_LOADED_MODELS": "1", "OLLAMA_CONTEXT_LENGTH": "4096"}
    log = folder / "log"
    with log.open("wb") as written:
        command = [str(program), "serve"]
        server = subprocess.Popen(command, env=os.environ | own, stdout=written, stderr=written, start_new_session=True)
    try:
        yield OllamaServer(_answering(f"http://{host}", server, log), server.pid, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # with its runners
        server.wait()


def _answering(url: str, server: "subprocess.Popen[bytes]", log: Path) -> str:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api/version", timeout=5):
                return url
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"Ollama does not answer: {log.read_text('utf-8', 'replace')[-2000:]}")

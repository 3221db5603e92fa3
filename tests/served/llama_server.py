"""A real llama.cpp server for tests, of PyPI's `xllamacpp`, in a process of its own.

It is no dependency of the project: LLAMA_PYTHON names a Python that has it, or the one of the tests does.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_SERVE = """
import sys, xllamacpp
known = xllamacpp.CommonParams()
known.model.path, known.n_ctx, known.n_parallel, known.port = sys.argv[1], 4096, 1, 0
known.warmup, known.fit_params, known.verbosity = False, False, 1
server = xllamacpp.Server(known)
print("at", server.listening_address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class LlamaServer:
    """A server that runs one model."""

    url: str

    def tokens(self, text: str, adds_bos: bool) -> list[int]:
        """Returns the ids of a finished prompt's tokens. adds_bos: the server puts `<bos>` in front."""
        content = text.removeprefix("<bos>") if adds_bos else text
        asked = {"content": content, "add_special": True, "parse_special": True}
        return self._asked("/tokenize", asked)["tokens"]  # type: ignore[no-any-return]

    def answer(self, prompt: str, adds_bos: bool) -> str:
        """Returns the likeliest text that follows a finished prompt, without the token that ends it."""
        content = prompt.removeprefix("<bos>") if adds_bos else prompt
        body = {"prompt": content, "temperature": 0, "max_tokens": 256}
        return self._asked("/v1/completions", body)["choices"][0]["text"]  # type: ignore[no-any-return]

    def _asked(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)


@contextmanager
def running_llama_server(model: Path) -> Iterator[LlamaServer]:
    """Yields a server of a GGUF; skips the test where there is no xllamacpp, but in CI."""
    python = os.environ.get("LLAMA_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import xllamacpp"], capture_output=True).returncode:
        reason = f"{python} has no xllamacpp; name one that has by LLAMA_PYTHON"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    command = [python, "-c", _SERVE, str(model)]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield LlamaServer(_address(server))
    finally:
        server.kill()
        server.communicate()


def _address(server: "subprocess.Popen[str]") -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("at "):
            place = line.split()[1]
            return place if place.startswith("http") else f"http://{place}"
    raise AssertionError("llama.cpp's server did not start")

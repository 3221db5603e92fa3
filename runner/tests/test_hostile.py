"""Requests that mean harm, or are wrong: each is refused, none is obeyed, and the runner goes on serving."""

import hashlib
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner.server import serving
from runner.tests.world import TOKEN, Project, Runner
from shared import archive

DIGEST = hashlib.sha256(b"content").hexdigest()
ZERO = "0" * 64
DESCRIPTION: dict[str, Any] = {
    "protocol": 1,
    "stage": "toy",
    "program": "stages.toy.main",
    "version": "1.2.3",
    "agent": "agent-sre",
    "requires_python": ">=3.11",
    "code": {"sha256": ZERO, "bytes": 1},
    "inputs": {"dataset": {"sha256": ZERO, "bytes": 1, "directory": True}},
    "arguments": {"steps": "3"},
    "outputs": ["rows"],
    "checkpoints": True,
    "network": False,
    "lease_seconds": 60,
}
PATHS = ("%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a" * 64, "A" * 64, ZERO[:-1], ZERO + "0", "%00", ZERO[:-1] + "/")
NAMES = ("../x", "a/b", "", "A", "x" * 65, "a\u0000", "a b", "--outputs", "é", "__class__")
WRONG: list[dict[str, Any]] = [
    {"protocol": "1"},
    {"stage": "../train"},
    {"stage": "toy/../../x"},
    {"program": "os"},
    {"program": "stages.toy.main; rm -rf /"},
    {"program": "stages..main"},
    {"version": "1\n2"},
    {"agent": "../agent"},
    {"requires_python": "file:///etc/passwd"},
    {"requires_python": "--help"},
    {"code": {"sha256": "../../etc/passwd", "bytes": 1}},
    {"code": {"sha256": ZERO, "bytes": -1}},
    {"code": {"sha256": ZERO, "bytes": 1, "path": "/etc/passwd"}},
    {"code": None},
    {"lease_seconds": -1},
    {"lease_seconds": 1e30},
    {"lease_seconds": True},
    {"checkpoints": "yes"},
    {"outputs": []},
    {"outputs": ["x"] * 33},
    {"arguments": {"steps": 3}},
    {"arguments": {"steps": "x" * 5000}},
    {"arguments": {"steps": "a\u0000b"}},
    {"arguments": [1, 2]},
    {"extra": 1},
    *({"inputs": {name: {"sha256": ZERO, "bytes": 1, "directory": True}}} for name in NAMES),
    *({"outputs": [name]} for name in NAMES),
    *({"arguments": {name: "x"}} for name in NAMES),
]
BODIES = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\xff\xfe",
    b'"' + b"x" * 300_000 + b'"',
    b"1e400",
    json.dumps({"protocol": 1}).encode(),
]


@pytest.fixture
def ask(runner: Runner) -> Callable[..., httpx.Response]:
    return runner.client().request


@pytest.fixture(autouse=True)
def unharmed(runner: Runner) -> Any:
    """After each test the same process serves, and nothing lies where it does not belong."""
    assert runner.process
    yield
    assert runner.process.poll() is None
    assert runner.client().get("/v1").status_code == 200
    assert {path.name for path in runner.data.iterdir()} <= {"blobs", "parts", "jobs", "environments", "code", "logs"}
    assert list(runner.data.glob("jobs/*")) == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_file_that_is_no_digest_is_refused(ask: Callable[..., httpx.Response], method: str, path: str) -> None:
    headers = {"Upload-Offset": "0", "Upload-Length": "7"}
    answer = ask(method, f"/v1/blobs/{path}", headers=headers, content=b"content" if method == "PUT" else None)
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_no_description_is_refused(ask: Callable[..., httpx.Response], body: bytes) -> None:
    answer = ask("PUT", f"/v1/jobs/{ZERO}", content=body)
    assert answer.status_code in (400, 413) and answer.json()["error"]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_description_with_something_wrong_is_refused(
    ask: Callable[..., httpx.Response], wrong: dict[str, Any]
) -> None:
    answer = ask("PUT", f"/v1/jobs/{ZERO}", content=json.dumps(DESCRIPTION | wrong))
    assert answer.status_code in (400, 409)
    assert answer.json()["error"].startswith(("the description is wrong at ", "the request is wrong: "))


def test_a_job_under_another_name_is_refused(ask: Callable[..., httpx.Response]) -> None:
    answer = ask("PUT", f"/v1/jobs/{ZERO}", content=json.dumps(DESCRIPTION))
    assert answer.status_code == 400 and answer.json()["error"].startswith("the id of this job is ")


@pytest.mark.parametrize(
    ("offset", "total", "content", "status"),
    [
        ("0", "3", b"content", 413),
        ("5", "7", b"nt", 409),
        ("-1", "7", b"content", 400),
        ("0", "9" * 20, b"", 400),
        ("0", str(1 << 49), b"", 413),
        ("x", "7", b"content", 400),
        ("0", "", b"content", 400),
        ("0", "7", b"CONTENT", 422),
        ("0", str(60 << 30), b"c", 507),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    ask: Callable[..., httpx.Response], runner: Runner, offset: str, total: str, content: bytes, status: int
) -> None:
    headers = {"Upload-Offset": offset, "Upload-Length": total}
    answer = ask("PUT", f"/v1/blobs/{DIGEST}", headers=headers, content=content)
    assert answer.status_code == status and answer.json()["error"]
    assert list(runner.data.glob("blobs/*/*")) == []
    for part in runner.data.glob("parts/*"):
        part.unlink()


@pytest.mark.parametrize("token", ["x", TOKEN[:-1], TOKEN + "x", TOKEN.upper() + "Z", "Bearer"])
def test_without_the_token_nothing_is_told(runner: Runner, token: str) -> None:
    client = runner.client(token)
    for path in ("/v1", "/v1/jobs", "/metrics", f"/v1/blobs/{ZERO}", "/nowhere"):
        assert client.get(path).status_code in (401, 429)
    assert client.get("/healthz").json() == {"status": "ok"}


def test_who_guesses_tokens_waits_and_who_knows_it_does_not(runner: Runner) -> None:
    guesses = [runner.client("wrong" * 8).get("/v1").status_code for _ in range(30)]
    assert guesses[-1] == 429
    assert runner.client().get("/v1").status_code == 200


def test_connections_that_say_nothing_or_little_are_closed_and_hinder_nobody(runner: Runner) -> None:
    context = ssl.create_default_context(cafile=str(runner.home / "certificate.pem"))
    silent = [socket.create_connection(("127.0.0.1", runner.port)) for _ in range(60)]
    slow = context.wrap_socket(socket.create_connection(("127.0.0.1", runner.port)), server_hostname="127.0.0.1")
    slow.sendall(b"GET /v1 HT")
    assert runner.client().get("/v1").status_code == 200
    slow.settimeout(serving.FIRST_BYTES_SECONDS + 5)
    assert slow.recv(1) == b""
    for each in silent:
        each.close()


def test_code_that_is_no_archive_of_ours_is_told_and_not_run(project: Project, tmp_path: Path) -> None:
    """It is a tar with a link, one that leaves its folder, one cut short, and no tar at all."""
    own = Runner.make(tmp_path / "own").start()
    archive.pack(project.folder / "dataset", tmp_path / "dataset.tar")
    plain = (tmp_path / "dataset.tar").read_bytes()
    for number, code in enumerate([plain[:700], b"no tar", plain.replace(b"agent.json", b"../../x.js"), plain]):
        inputs = {"dataset": _put(own, plain) | {"directory": True}}
        described = DESCRIPTION | {"code": _put(own, code), "inputs": inputs, "arguments": {"steps": str(number)}}
        told = own.client().put(f"/v1/jobs/{ZERO}", content=json.dumps(described)).json()["error"].split()[-1]
        own.client().put(f"/v1/jobs/{told}", content=json.dumps(described))
        state: dict[str, Any] = {"state": "queued"}
        while state["state"] not in ("failed", "succeeded"):
            state = own.client().get(f"/v1/jobs/{told}").json()
        assert state["state"] == "failed" and state["reason"].startswith("toy: "), state
    assert not (tmp_path / "own" / "x.js").exists() and not (own.data / "x.js").exists()
    own.stop()


def _put(runner: Runner, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    headers = {"Upload-Offset": "0", "Upload-Length": str(len(content))}
    runner.client().put(f"/v1/blobs/{digest}", headers=headers, content=content)
    return {"sha256": digest, "bytes": len(content)}

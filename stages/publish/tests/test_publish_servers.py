"""Servers of models that behave badly, one way after another: each is told in one line.

The server here is no Ollama: it is a real HTTP server that gives a wrong answer. A real one is in tests/served.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared.agent_config.servers import Server, read_server
from shared.errors import StageError
from stages.publish.servers import connection, ollama
from stages.publish.servers.placing import ServedModel, check_held, place
from stages.publish.servers.serving import Serving, canonical, check_server, open_ollama
from stages.publish.tests.conftest import AGENT, OLD, VERSION

Answer = tuple[int, bytes] | Callable[[BaseHTTPRequestHandler], None]
NAME = f"{AGENT}:{VERSION}"


@dataclass
class Broken:
    """A server: what it answers by method and path, and what it was asked. The path's rest after a colon is ignored."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def server(self, **known: Any) -> Server:
        return read_server("ollama", self.url, **known)


@pytest.fixture
def broken() -> Iterator[Broken]:
    known = Broken()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            request = f"{self.command} {self.path.partition(':')[0]}"
            known.asked.append(request)
            known.tokens.append(self.headers.get("Authorization", ""))
            length = int(self.headers.get("Content-Length") or 0)
            found = known.answers.get(request, (404, b"404 page not found"))
            if callable(found):
                return found(self)
            self.rfile.read(length)
            self.send_response(found[0])
            self.send_header("Content-Length", str(len(found[1])))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found[1])
            return None

        do_GET = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield known
    server.shutdown()
    server.server_close()


@pytest.fixture
def model(tmp_path: Path) -> ServedModel:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF" + b"\0" * 100)
    return ServedModel.of([file], 4096)


def refusal_of(called: Callable[[], object]) -> str:
    with pytest.raises(StageError) as refusal:
        called()
    return str(refusal.value)


def shown(model: ServedModel, **other: str) -> bytes:
    """Returns what /api/show tells of a model."""
    stops = "\n".join(f'stop                           "{stop}"' for stop in model.parameters["stop"])
    parameters = f"temperature                    0\n{stops}\nnum_ctx                        4096"
    file = f"FROM /root/.ollama/models/blobs/sha256-{next(iter(model.files))}"
    known = {"modelfile": f"# FROM x\n\n{file}\nTEMPLATE y\n", "template": model.template, "parameters": parameters}
    return json.dumps(known | other).encode()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, b"<html>"), "answers like no Ollama: it tells no version; check its url in deploy.servers"),
        ((200, b'{"version": 3}'), "answers like no Ollama: it tells no version; check its url in deploy.servers"),
        ((200, b"[" * 100_000), "answers like no Ollama: it tells no version; check its url in deploy.servers"),
        ((404, b"404 page not found"), "tells no version (404: 404 page not found); look at its log, and run again"),
        ((500, b"\x1b[2J::error::x"), "tells no version (500: [2J::error::x); look at its log, and run again"),
        ((200, b'{"version": "0.5.4"}'), "is of version 0.5.4; publishing needs 0.6.0 or newer: upgrade it"),
        ((200, b" " * (5 << 20)), "answered more than 4194304 bytes; check its address"),
        ((401, b"{}"), "does not let publish in (401); set OLLAMA_TOKEN"),
        ((403, b"{}"), "does not let publish in (403); set OLLAMA_TOKEN"),
    ],
)
def test_what_is_no_fit_ollama_is_told(broken: Broken, answer: Answer, reason: str) -> None:
    broken.answers["GET /api/version"] = answer
    assert refusal_of(lambda: check_server(broken.server())) == f"Ollama at {broken.url} {reason}"


@pytest.mark.parametrize("version", ["0.6.0", "0.13.5", "1.0.0", "0.0.0", "0.14.0-rc1"])
def test_a_version_that_will_do_is_told(broken: Broken, version: str) -> None:
    broken.answers["GET /api/version"] = (200, json.dumps({"version": version}).encode())
    assert check_server(broken.server()) == f"Ollama at {broken.url}, version {version}"


def test_a_redirection_is_not_followed(broken: Broken) -> None:
    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "https://anna:geheim@else.example/api/version?x=y")
        handler.end_headers()

    broken.answers["GET /api/version"] = elsewhere
    told = "redirects to https://else.example; let deploy.servers name the server itself"
    assert refusal_of(lambda: check_server(broken.server())) == f"Ollama at {broken.url} {told}"


def test_a_server_that_is_away_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        told = refusal_of(lambda: check_server(read_server("ollama", url)))
    remedy = "check its url in deploy.servers, and that the server runs"
    assert told == f"Ollama at {url} does not answer; {remedy} (Connection refused)"


def test_a_server_that_nobody_knows_is_told() -> None:
    told = refusal_of(lambda: check_server(read_server("ollama", "http://nowhere.invalid:11434")))
    assert told.startswith("Ollama at http://nowhere.invalid:11434 does not answer; check its url in deploy.servers")


def test_a_server_that_is_slow_is_given_up(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    broken.answers["GET /api/version"] = lambda handler: time.sleep(2)
    began = time.monotonic()
    told = refusal_of(lambda: check_server(broken.server()))
    reason = "gave no answer within 0.3 s; check that the server is well, and run again"
    assert (told, time.monotonic() - began < 1.5) == (f"Ollama at {broken.url} {reason}", True)


def test_a_server_that_drips_is_given_up(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    def dripping(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    broken.answers["GET /api/version"] = dripping
    began = time.monotonic()
    assert "gave no answer within 0.3 s" in refusal_of(lambda: check_server(broken.server()))
    assert time.monotonic() - began < 2


def test_a_server_that_hangs_up_is_told(broken: Broken) -> None:
    broken.answers["GET /api/version"] = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    told = refusal_of(lambda: check_server(broken.server()))
    assert told.startswith(f"Ollama at {broken.url} broke the connection off; look at its log, and run again (")


def test_a_token_is_sent_and_one_that_is_refused_is_named(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_TOKEN", "geheim")
    broken.answers["GET /api/version"] = (401, b"{}")
    told = refusal_of(lambda: check_server(broken.server()))
    assert told == f"Ollama at {broken.url} does not let publish in (401); check OLLAMA_TOKEN"
    assert broken.tokens == ["Bearer geheim"]
    monkeypatch.setenv("OLLAMA_TOKEN", "ge\nheim")
    told = refusal_of(lambda: check_server(broken.server()))
    assert told == "OLLAMA_TOKEN holds a character that no token has; check it"


def test_a_server_of_openai_s_api_is_found_by_its_models(broken: Broken) -> None:
    server = read_server("openai", f"{broken.url}/v1")
    broken.answers["GET /v1/models"] = (200, b'{"object": "list", "data": []}')
    assert check_server(server) == f"the server at {broken.url}/v1"
    told = refusal_of(lambda: check_server(read_server("openai", broken.url)))
    assert told.startswith(f"the server at {broken.url} does not list its models (404: 404 page not found)")
    broken.answers["GET /v1/models"] = (200, b"[]")
    assert "answers like no server of OpenAI's API; let its url in deploy.servers end" in refusal_of(
        lambda: check_server(server)
    )


def test_a_model_that_is_there_is_left_alone(broken: Broken, model: ServedModel) -> None:
    broken.answers["POST /api/show"] = (200, shown(model))
    assert place(open_ollama(broken.server()), NAME, model) == ""
    assert broken.asked == ["POST /api/show"]


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"modelfile": f"FROM /m/blobs/sha256-{'ab' * 32}\n"}, "weights of sha256 abababababab"),
        ({"modelfile": "FROM llama3\n"}, "something that is no single file of weights"),
        (
            {"modelfile": f"FROM /m/sha256-{'ab' * 32}\nFROM /m/sha256-{'cd' * 32}\n"},
            "something that is no single file of weights",
        ),
    ],
)
def test_a_name_that_another_model_has_is_never_taken(
    broken: Broken, model: ServedModel, other: Mapping[str, str], found: str
) -> None:
    broken.answers["POST /api/show"] = (200, shown(model, **other))
    remedy = f"find out who put it there, remove it by `ollama rm {NAME}`, and publish the version again"
    expected = f"Ollama at {broken.url} has another model under the name {NAME}: {found}; {remedy}"
    assert refusal_of(lambda: place(open_ollama(broken.server()), NAME, model)) == expected
    assert refusal_of(lambda: check_held(open_ollama(broken.server()), NAME, model.files)) == expected
    assert broken.asked == ["POST /api/show"] * 2


def test_a_model_that_is_missing_is_missed(broken: Broken, model: ServedModel) -> None:
    expected = f"Ollama at {broken.url} holds no {NAME}; publish the version again, which brings it there"
    assert refusal_of(lambda: check_held(open_ollama(broken.server()), NAME, model.files)) == expected


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"POST /api/show": (200, b"[]")}, f"answers like no Ollama: it does not show {NAME}; check its url"),
        ({"POST /api/show": (200, b"{}")}, f"answers like no Ollama: it does not show {NAME}; check its url"),
        ({"POST /api/show": (200, b'{"template": "x"}')}, f"it does not show {NAME} as Ollama does; check its url"),
        ({"POST /api/show": (500, b'{"error": "disk"}')}, f"does not show {NAME} (500: disk); look at its log"),
        ({"HEAD /api/blobs/sha256": (405, b"")}, "does not tell which files it has (405: it gives no reason)"),
        (
            {"POST /api/blobs/sha256": (500, b'{"error": "write /m/x: no space left on device"}')},
            "does not take model.gguf, as its disk is full; free some there, and run again (write /m/x: no space left",
        ),
        (
            {"POST /api/blobs/sha256": (400, b'{"error": "digest mismatch"}')},
            "does not take model.gguf (400: digest mismatch); look at its log, and run again",
        ),
        (
            {"POST /api/blobs/sha256": (201, b""), "POST /api/create": (200, b'{"status": "parsing GGUF"}')},
            f'does not create {NAME} (200: {{"status": "parsing GGUF"}}); look at its log, and run again',
        ),
        (
            {"POST /api/blobs/sha256": (201, b""), "POST /api/create": (400, b'{"error": "path or Modelfile"}')},
            f"does not create {NAME} (400: path or Modelfile); look at its log, and run again",
        ),
        (
            {"POST /api/blobs/sha256": (201, b""), "POST /api/create": (200, b'{"status": "success"}')},
            f"says that it made {NAME}, but shows another model; look at its log",
        ),
    ],
)
def test_a_server_that_does_not_take_a_model_is_told(
    broken: Broken, model: ServedModel, answers: Mapping[str, Answer], reason: str
) -> None:
    broken.answers.update(answers)
    told = refusal_of(lambda: place(open_ollama(broken.server()), NAME, model))
    assert told.startswith(f"Ollama at {broken.url} ") and reason in told


def test_an_upload_that_does_not_get_on_is_given_up(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama, "UPLOAD_SECONDS", 0.5)
    file = tmp_path / "large.gguf"
    with file.open("wb") as large:
        large.truncate(200 << 20)
    broken.answers["POST /api/blobs/sha256"] = lambda handler: time.sleep(3)
    began = time.monotonic()
    told = refusal_of(lambda: open_ollama(broken.server()).upload(file, "ab" * 32))
    assert told.startswith(f"Ollama at {broken.url} gave no answer within 0.5 s")
    assert time.monotonic() - began < 2


def test_parameters_that_somebody_changed_are_set_anew(broken: Broken, model: ServedModel) -> None:
    answers = iter([shown(model, parameters='stop  "x"'), shown(model)])

    def show(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(next(answers))

    broken.answers |= {"POST /api/show": show, "HEAD /api/blobs/sha256": (200, b"")}
    broken.answers["POST /api/create"] = (200, b'{"status": "success"}')
    assert place(open_ollama(broken.server()), NAME, model) == "set template and parameters anew"
    assert broken.asked == ["POST /api/show", "HEAD /api/blobs/sha256", "POST /api/create", "POST /api/show"]


def test_only_old_versions_of_the_agent_go_and_never_protected_ones(broken: Broken) -> None:
    versions = [f"v2025120{day}-01234567" for day in range(9, 0, -1)]
    others = ["llama3:latest", "agent-x:v20251201-01234567", f"{AGENT}:latest", f"{AGENT}:mine"]
    held = [f"{AGENT}:{version}" for version in versions[:7]] + others
    broken.answers["GET /api/tags"] = (200, json.dumps({"models": [{"name": name} for name in held]}).encode())
    broken.answers["DELETE /api/delete"] = (200, b"")
    serving = Serving.of([broken.server(keep=2)], AGENT)
    told = list(serving.prune(versions, {versions[3], versions[5], OLD, ""}))
    gone = [versions[2], versions[4], versions[6]]
    assert told == [f"removed {AGENT}:{version} from Ollama at {broken.url}" for version in gone]
    assert broken.asked == ["GET /api/tags", *["DELETE /api/delete"] * 3]


def test_a_server_that_fails_to_remove_is_told_and_nothing_is_lost(broken: Broken) -> None:
    serving = Serving.of([broken.server()], AGENT)
    (told,) = serving.prune([VERSION], set())
    assert told.startswith(f"older versions stay: Ollama at {broken.url} does not list its models (404: 404 page not f")


@pytest.mark.parametrize(
    ("name", "other"),
    [("a:V1", "a:v1"), ("a", "a:latest"), ("registry.ollama.ai/library/a", "a:latest"), ("library/a:v1", "a:v1")],
)
def test_names_that_ollama_takes_for_one_are_one(name: str, other: str) -> None:
    assert canonical(name) == canonical(other)
    assert canonical("host:80/x/a") == "host:80/x/a:latest"

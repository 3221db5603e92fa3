"""The live metric: a server that speaks as Prometheus does; and Prometheus itself, where the machine has it."""

import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.errors import StageError
from stages.watch.live_metric import Reading, read
from stages.watch.tests.conftest import VERSION, World
from tests.mlflow_server import free_port

PROGRAM = shutil.which("prometheus")
REFUSED = 'invalid parameter "query": 1:5: parse error: unexpected end of input'


def vector(*values: str) -> tuple[int, Any]:
    result = [{"metric": {"pod": str(number)}, "value": [1700000000, value]} for number, value in enumerate(values)]
    return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}


ANSWERS: dict[str, tuple[int, Any]] = {
    "one": vector("0.93"),
    "two": vector("0.93", "0.94"),
    "none": vector(),
    "nan": vector("NaN"),
    "infinite": vector("+Inf"),
    "scalar": (200, {"status": "success", "data": {"resultType": "scalar", "result": [1700000000, "0.5"]}}),
    "matrix": (200, {"status": "success", "data": {"resultType": "matrix", "result": []}}),
    "sum(": (400, {"status": "error", "errorType": "bad_data", "error": REFUSED}),
    "private": (401, "who are you?"),
    "broken": (502, "<html>Bad Gateway</html>"),
}


@dataclass
class Prometheus:
    """A server that answers an expression by its name, and what it was asked with."""

    address: str
    headers: list[Any] = field(default_factory=list)


@pytest.fixture
def prometheus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prometheus]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.headers.append(self.headers)
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            code, told = ANSWERS[query["query"][0]] if path == "/api/v1/query" else (404, "no such page")
            self.send_response(code)
            self.end_headers()
            self.wfile.write((told if isinstance(told, str) else json.dumps(told)).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    asked = Prometheus(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PROMETHEUS_URL", asked.address)
    yield asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("expression", "reading"),
    [
        ("one", Reading(0.93)),
        ("scalar", Reading(0.5)),
        ("none", Reading(None, "the expression has no sample now")),
        ("nan", Reading(None, "the expression is NaN now")),
        ("infinite", Reading(None, "the expression is +Inf now")),
        ("", None),
    ],
)
def test_one_number_is_read_or_said_to_be_missing(
    prometheus: Prometheus, expression: str, reading: Reading | None
) -> None:
    assert read(expression) == reading


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("two", "live_metric 'two' gives 2 numbers; aggregate it to one number, such as with sum(…) or avg(…)"),
        ("matrix", "live_metric 'matrix' gives a matrix; aggregate it to one number, such as with sum(…) or avg(…)"),
        ("sum(", "Prometheus at {} cannot read live_metric 'sum(': " + REFUSED),
        ("private", "Prometheus at {} refuses the request (401); check PROMETHEUS_TOKEN"),
        ("broken", "Prometheus at {} gave no answer of Prometheus (502); check PROMETHEUS_URL"),
    ],
)
def test_what_is_no_number_is_told(prometheus: Prometheus, expression: str, told: str) -> None:
    with pytest.raises(StageError) as refused:
        read(expression)
    assert str(refused.value) == told.format(prometheus.address)


def test_a_server_that_is_not_there_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("PROMETHEUS_URL", f"http://reader:geheim@127.0.0.1:{port}")
    with pytest.raises(StageError) as refused:
        read("one")
    told = f"Prometheus at http://127.0.0.1:{port} does not answer; check PROMETHEUS_URL and that it runs"
    assert str(refused.value) == told


def test_an_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "prometheus:9090")
    with pytest.raises(StageError, match="PROMETHEUS_URL is prometheus:9090; it must be http"):
        read("one")


def test_the_token_is_sent_where_there_is_one(prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    read("one")
    monkeypatch.setenv("PROMETHEUS_TOKEN", "geheim")
    read("one")
    assert [headers["Authorization"] for headers in prometheus.headers] == [None, "Bearer geheim"]


def test_a_live_metric_below_its_minimum_asks_for_a_training(world: World, prometheus: Prometheus) -> None:
    told = world.watch(world.dataset(), live_metric="one", live_metric_minimum=0.95)
    assert (told.retrain, told.reason) == (True, f"{VERSION} has a live metric of 0.93, below 0.95")
    assert world.records()[-1]["live_metric"] == 0.93
    content = world.watch(world.dataset(), live_metric="one", live_metric_minimum=0.9)
    assert not content.retrain and "has a live metric of 0.93, at least 0.90" in content.reason


@pytest.mark.parametrize(
    ("expression", "address", "told"),
    [
        ("nan", None, "has no live metric (the expression is NaN now)"),
        ("one", "", "has no live metric (PROMETHEUS_URL is not set)"),
    ],
)
def test_no_number_is_no_reason_and_is_said(
    world: World,
    prometheus: Prometheus,
    monkeypatch: pytest.MonkeyPatch,
    expression: str,
    address: str | None,
    told: str,
) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", prometheus.address if address is None else address)
    seen = world.watch(world.dataset(), live_metric=expression, live_metric_minimum=0.95)
    assert not seen.retrain and told in seen.reason


def test_whoever_is_forced_does_not_ask_for_the_metric(world: World, prometheus: Prometheus) -> None:
    assert world.watch(world.dataset(), live_metric="broken", force_retrain=True).retrain
    assert prometheus.headers == []


@pytest.fixture(scope="module")
def real_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("prometheus is not installed")
    folder, address = tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{free_port()}"
    (folder / "prometheus.yml").write_text("global: {}\n")
    options = {"config.file": folder / "prometheus.yml", "storage.tsdb.path": folder, "web.listen-address": address}
    command = [PROGRAM, *(f"--{name}={value}" for name, value in options.items())]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://{address}/-/ready")
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait()


def _wait(page: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(page, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("prometheus did not start")


def test_prometheus_itself_is_understood(real_prometheus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", f"{real_prometheus}/")
    assert read("vector(0.25)") == Reading(0.25)
    assert read("0.5") == Reading(0.5)
    assert read("up") == Reading(None, "the expression has no sample now")
    assert read("vector(0) / 0") == Reading(None, "the expression is NaN now")
    refused = {"sum(": "parse error", "vector(1)[5m:1m]": "gives a matrix", "'a'": "gives a string"}
    for expression, told in refused.items():
        with pytest.raises(StageError, match=told):
            read(expression)

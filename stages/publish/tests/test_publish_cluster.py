"""What a cluster says that it serves: real kubectl, and an HTTP server that gives the answers of an API server."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stages.publish.operate.lambda_agent import PATH, running
from stages.publish.tests.conftest import AGENT, VERSION

MODEL = f"{AGENT}:{VERSION}"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What a cluster answers; KUBECONFIG names it."""
    if not shutil.which("kubectl"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("there is no program kubectl")
    known: dict[str, Any] = {"items": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.path.partition("?")[0] == PATH and "items" in known
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": "no such thing",
                "code": 404,
            }
            content = json.dumps(known if is_known else status).encode()
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url, named = f"http://127.0.0.1:{server.server_address[1]}", [{"name": "x", "cluster": {}}]
    named[0]["cluster"] = {"server": url}
    contexts = [{"name": "x", "context": {"cluster": "x", "user": "x"}}]
    users = [{"name": "x", "user": {}}]
    kinds = {"apiVersion": "v1", "kind": "Config", "current-context": "x"}
    config = {**kinds, "clusters": named, "contexts": contexts, "users": users}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield known
    server.shutdown()
    server.server_close()


def lambda_agent(name: str = AGENT, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ai"}, "status": {"aiStatus": status}}


def told() -> list[tuple[bool | None, str]]:
    return [(each.holds, each.found) for each in running(AGENT, {MODEL})]


def test_without_a_kubeconfig_no_cluster_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert told() == []


def test_an_agent_that_serves_the_version_is_fine(api: dict[str, Any]) -> None:
    api["items"] = [lambda_agent(activeModel=MODEL, modelAvailable=True), lambda_agent("agent-x", activeModel="y")]
    assert told() == [(True, f"ai/{AGENT} in the cluster serves {MODEL}")]


@pytest.mark.parametrize(
    ("status", "holds", "found"),
    [
        (
            {"activeModel": f"{AGENT}:none", "modelAvailable": True},
            False,
            f"serves {AGENT}:none, not {MODEL}; look whether Flux has rolled it out",
        ),
        (
            {"activeModel": MODEL, "modelAvailable": False},
            False,
            f"names {MODEL}, but says that its server does not have it",
        ),
        ({}, None, "does not tell in status.aiStatus which model it serves"),
    ],
)
def test_another_model_or_none_is_told(api: dict[str, Any], status: Any, holds: bool | None, found: str) -> None:
    api["items"] = [lambda_agent(**status)]
    assert told() == [(holds, f"ai/{AGENT} in the cluster {found}")]


def test_a_cluster_without_the_agent_is_told(api: dict[str, Any]) -> None:
    assert told() == [(None, f"the cluster of KUBECONFIG has no LambdaAgent {AGENT}")]


def test_a_cluster_that_does_not_list_them_is_told(api: dict[str, Any]) -> None:
    api.clear()
    ((holds, found),) = told()
    assert holds is False
    assert found.startswith("the cluster of KUBECONFIG does not list its LambdaAgents: ")


def test_a_missing_kubectl_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", "x")
    monkeypatch.setenv("PATH", str(tmp_path))
    remedy = "install it, or unset KUBECONFIG"
    assert told() == [(False, f"KUBECONFIG is set, but there is no kubectl to ask the cluster with; {remedy}")]

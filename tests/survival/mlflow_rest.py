"""MLflow's REST API: https://mlflow.org/docs/latest/api_reference/rest-api.html"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

SECONDS = 60


def ask(server: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns MLflow's answer; {} where it does not know what was asked for. body: makes it a POST."""
    try:
        return send(server, "GET" if body is None else "POST", path, body)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return {}
        raise


def send(server: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns MLflow's answer. Raises HTTPError for a refusal."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server}/api/2.0/mlflow/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return dict(json.loads(answer.read() or b"{}"))

"""publish as a program: stopped, and with an MLflow that is down or far away."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared import contract
from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.main import run
from stages.publish.tests.conftest import VERSION, aliases, nothing_changes, register
from tests.mlflow_server import free_port


def start(inputs: Inputs, folder: Path) -> "subprocess.Popen[str]":
    arguments = []
    for field in contract.load("publish").inputs:
        value = getattr(inputs, field.name)
        arguments += [field.flag, str(value.path) if field.artifact else contract.to_text(value)]
    return subprocess.Popen(
        [sys.executable, "-m", "stages.publish.main", *arguments, "--outputs", str(folder / "outputs")],
        env=os.environ.copy(),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_program_writes_its_three_outputs(registered: Inputs, tmp_path: Path) -> None:
    process = start(registered, tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    outputs = {path.name: path.read_text() for path in (tmp_path / "outputs").iterdir()}
    assert sorted(outputs) == ["bump_commit", "model_page", "model_uri", "outcome"]
    told = [line.partition(": ")[2] for line in errors.splitlines()]
    assert told == [f"stored {outputs['model_uri']}", f"pushed commit {outputs['bump_commit']} on main"]


def test_sigterm_ends_it_promptly_without_outputs(
    inputs: Inputs, tmp_path: Path, store: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, nothing_changes(store, repository):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = start(inputs, tmp_path)
        silent.settimeout(60)
        connection, _ = silent.accept()
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        connection.close()
    assert time.monotonic() - stopped < 5
    assert (process.returncode, errors.splitlines()[-1]) == (143, "publish: stopped by SIGTERM")
    assert list((tmp_path / "outputs").iterdir()) == []


def test_an_mlflow_that_is_down_is_named_soon_and_without_the_password(
    inputs: Inputs, tmp_path: Path, store: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://anna:geheim@127.0.0.1:{port}")
    started = time.monotonic()
    with nothing_changes(store, repository), pytest.raises(StageError) as failure:
        run(inputs, tmp_path)
    assert time.monotonic() - started < 60
    expected = f"MLflow at http://127.0.0.1:{port} does not answer; check MLFLOW_TRACKING_URI and that the server runs"
    assert str(failure.value).startswith(expected)
    assert "geheim" not in str(failure.value)


def test_a_server_keeps_the_aliases(
    inputs: Inputs, tmp_path: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    client = MlflowClient(mlflow_server, registry_uri=mlflow_server)
    register(client, inputs)
    first = run(inputs, tmp_path)
    assert aliases(client) == {"champion": "2", "previous": "1"}
    again = run(inputs, tmp_path)
    assert (again.outcome, again.bump_commit) == (f"already published: {VERSION}", first.bump_commit)

"""register as a program: killed, stopped, and before an MLflow that is down or far away."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared.errors import StageError
from stages.register.contract import Inputs, Outputs
from stages.register.main import run
from stages.register.tests.conftest import AGENT, crown, state, with_answers, with_weights
from tests.mlflow_server import free_port

VERSION = "v20251224-01234567"


def start(inputs: Inputs, folder: Path) -> "subprocess.Popen[str]":
    artefacts = ("dataset", "model", "adapters", "metrics", "evaluation")
    arguments = [part for name in artefacts for part in (f"--{name}", str(getattr(inputs, name).path))]
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "stages.register.main", *arguments, "--outputs", str(folder / "outputs")],
        env=os.environ | {"TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


def statuses(database: Path) -> list[str]:
    with sqlite3.connect(database) as connection:
        return [status for (status,) in connection.execute("select status from runs")]


def test_a_killed_run_is_completed(inputs: Inputs, database: Path, client: MlflowClient, tmp_path: Path) -> None:
    process = start(inputs, tmp_path)
    wait_until(lambda: statuses(database) == ["RUNNING"])
    process.kill()
    process.communicate()
    assert statuses(database) == ["RUNNING"]

    outputs = run(inputs, tmp_path)
    assert outputs.model_version == VERSION
    (found,) = client.search_runs([client.get_run(outputs.run_id).info.experiment_id])
    assert (found.info.run_id, found.info.status) == (outputs.run_id, "FINISHED")
    assert len(client.search_model_versions(f"name = '{AGENT}-functiongemma'")) == 1
    assert len(client.get_metric_history(outputs.run_id, "training_loss")) == 2


def test_a_run_that_was_cut_off_at_its_end_is_completed(
    inputs: Inputs, database: Path, client: MlflowClient, tmp_path: Path
) -> None:
    outputs = run(inputs, tmp_path)
    complete = state(database)
    client.update_run(outputs.run_id, status="RUNNING")
    assert run(inputs, tmp_path) == outputs
    assert state(database)[1] == complete[1]
    assert len(client.get_metric_history(outputs.run_id, "accuracy")) == 1


def test_sigterm_ends_it_promptly_without_outputs(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = start(inputs, tmp_path)
        silent.settimeout(60)
        connection, _ = silent.accept()
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        connection.close()
    assert time.monotonic() - stopped < 5
    assert (process.returncode, errors.splitlines()[-1]) == (143, "register: stopped by SIGTERM")
    assert list((tmp_path / "outputs").iterdir()) == []


def test_an_mlflow_that_is_down_is_named_soon_and_without_the_password(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://anna:geheim@127.0.0.1:{port}")
    started = time.monotonic()
    with pytest.raises(StageError) as failure:
        run(inputs, tmp_path)
    assert time.monotonic() - started < 60
    expected = f"MLflow at http://127.0.0.1:{port} does not answer; check MLFLOW_TRACKING_URI and that the server runs"
    assert str(failure.value).startswith(expected)
    assert "geheim" not in str(failure.value)


def test_a_server_takes_everything_once_and_gives_the_predictions_back(
    inputs: Inputs, tmp_path: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    first = run(inputs, tmp_path)
    assert run(inputs, tmp_path) == first
    client = MlflowClient(mlflow_server, registry_uri=mlflow_server)
    (version,) = client.search_model_versions(f"name = '{AGENT}-functiongemma'")
    model_id = str(version.source).removeprefix("models:/")
    assert [file.path for file in client.list_logged_model_artifacts(model_id)] == inputs.model.content_files()
    assert {metric.key: metric.value for metric in client.get_logged_model(model_id).metrics or []}["accuracy"] == 0.9
    crown(client, VERSION)
    worse: Outputs = run(with_answers(with_weights(inputs, b"new"), {12: ""}), tmp_path)
    assert f", but worse than {VERSION}: 3 of 4 common rows right against 4 (" in worse.decision


def test_a_host_that_the_server_does_not_allow_is_told_with_the_remedy(
    inputs: Inputs, tmp_path: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = mlflow_server.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(StageError) as refusal:
        run(inputs, tmp_path)
    host = address.removeprefix("http://")
    remedy = f"give the account the right, or start the server with --allowed-hosts {host}"
    assert str(refusal.value) == f"MLflow at {address} refuses the request (403); {remedy}"

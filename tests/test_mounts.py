"""What a container sees of this machine: what its stage was given, and nothing else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import contract
from workflows.local.execution import Execution
from workflows.local.mounts import Surroundings, surroundings
from workflows.placement import Image, Placement

NAMES = ("MLFLOW_TRACKING_URI", "STORE_URI", "S3_ENDPOINT", "GIT_TOKEN", "GIT_TOKEN_FILE", "GIT_SSH_KEY_FILE")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def around(stage: str, **inputs: Any) -> Surroundings:
    execution = Execution(
        contract.load(stage), Path("/run"), Placement("1", "1Gi", timedelta(1), 0), Image("i:1", "1", "")
    )
    return surroundings(execution, inputs)


@pytest.mark.parametrize("stage", ["train", "evaluate"])
def test_a_stage_without_an_environment_has_no_network(stage: str) -> None:
    assert around(stage, iters=3) == Surroundings((), False, None, "none")


def test_a_local_repository_is_read_and_needs_no_network(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert around("dataset", repository=str(tmp_path)) == Surroundings((tmp_path,), False, None, "none")


def test_who_may_not_read_it_runs_as_its_owner(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "model.safetensors").touch(mode=0o600)
    status = tmp_path.stat()
    assert around("convert", model_name=str(tmp_path)).user == f"{status.st_uid}:{status.st_gid}"


def test_a_model_of_the_hub_needs_a_network() -> None:
    assert around("convert", model_name="google/functiongemma-270m-it") == Surroundings((), False, None, "bridge")


def test_local_services_are_mounted_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mlflow", "store", "git"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    monkeypatch.setenv("STORE_URI", f"file://{tmp_path}/store")
    given = around("publish", repository=str(tmp_path / "git"), decision="fine")
    status = (tmp_path / "git").stat()
    assert set(given.paths) == {tmp_path / "mlflow", tmp_path / "store", tmp_path / "git"}
    assert (given.is_writable, given.network) == (True, "none")
    assert given.user == f"{status.st_uid}:{status.st_gid}"


@pytest.mark.parametrize(
    ("tracking", "network"),
    [
        ("http://127.0.0.1:5000", "host"),
        ("http://localhost:5000", "host"),
        ("http://[::1]:5000", "host"),
        ("https://mlflow.example.com", "bridge"),
    ],
)
def test_a_server_of_this_machine_is_reached_by_its_own_network(
    monkeypatch: pytest.MonkeyPatch, tracking: str, network: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    assert around("register") == Surroundings((), True, None, network)


def test_a_secret_s_file_is_mounted_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("secret")
    (tmp_path / "token").chmod(0o644)
    monkeypatch.setenv("GIT_TOKEN_FILE", str(tmp_path / "token"))
    given = around("publish", repository="https://git.example.com/homelab.git")
    assert given == Surroundings((tmp_path / "token",), True, None, "bridge")


def test_a_folder_of_links_brings_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "0a").touch()
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "config.json").symlink_to("../blobs/0a")
    given = around("convert", model_name=str(tmp_path / "snapshot"))
    assert given.paths == (tmp_path / "snapshot", tmp_path / "blobs" / "0a")


@pytest.mark.parametrize("text", ["/", "/nowhere", "relative", "", "file:///nowhere", "v20251224-abc"])
def test_what_names_no_folder_is_not_mounted(text: str) -> None:
    assert around("convert", model_name=text).paths == ()

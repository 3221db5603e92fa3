"""`make run RUNNER=` lets a native runner do the work of the stages that can be handed over, and of no others."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared import contract
from shared.errors import StageError
from workflows.local import run
from workflows.local.execution import Execution
from workflows.local.mounts import surroundings
from workflows.placement import Image, Placement

ADDRESS = "https://mac.example:8765"


def execution(stage: str) -> Execution:
    return Execution(contract.load(stage), Path("/run"), Placement("1", "1Gi", timedelta(1), 0), Image("i:1", "1", ""))


@pytest.fixture(autouse=True)
def token_and_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("PEM")
    monkeypatch.setenv("MLX_RUNNER_URL", "")  # and so put back, whatever a run sets
    monkeypatch.setenv("MLX_RUNNER_TOKEN", "a-token")
    monkeypatch.setenv("MLX_RUNNER_CERTIFICATE_FILE", str(certificate))
    return certificate


def test_a_stage_that_can_be_handed_over_is_told_of_the_runner(
    token_and_certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLX_RUNNER_URL", ADDRESS)
    for stage in ("train", "evaluate"):
        assert execution(stage).environment() == {
            "MLX_RUNNER_URL": ADDRESS,
            "MLX_RUNNER_TOKEN": "a-token",
            "MLX_RUNNER_CERTIFICATE_FILE": str(token_and_certificate),
        }
    for stage in ("dataset", "convert", "register", "publish"):
        assert not any(name.startswith("MLX_RUNNER") for name in execution(stage).environment())


@pytest.mark.parametrize("stage", ["train", "evaluate"])
def test_without_a_runner_none_of_its_variables_is_passed_on(stage: str) -> None:
    assert execution(stage).environment() == {}
    assert surroundings(execution(stage), {}).network == "none"


@pytest.mark.parametrize(("host", "network"), [("mac.example", "bridge"), ("127.0.0.1", "host")])
def test_a_container_gets_a_way_to_the_runner_and_its_certificate(
    host: str, network: str, token_and_certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLX_RUNNER_URL", f"https://{host}:8765")
    around = surroundings(execution("train"), {"iters": 3})
    assert (around.paths, around.network, around.is_writable) == ((token_and_certificate,), network, False)


def test_a_runner_that_cannot_be_asked_is_told_before_anything_runs() -> None:
    with pytest.raises(StageError, match=r"^MLX_RUNNER_URL is no address of a runner; it must be https://host:port"):
        run.execute(["RUNNER=mac.example"])
    with pytest.raises(StageError, match=r"^MLX_RUNNER_CERTIFICATE is no certificate in PEM"):
        run.execute([f"RUNNER={ADDRESS}"])


def test_runner_is_no_input_of_the_workflow_and_empty_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLX_RUNNER_URL", ADDRESS)
    assert run._runner(["ITERS=3", "RUNNER="]) == ["ITERS=3"]
    assert execution("train").environment() == {}

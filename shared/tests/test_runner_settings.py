"""What the environment says of a runner is used, or what is wrong with it is told before any work."""

import dataclasses
from pathlib import Path

import pytest

from shared import contract
from shared.errors import StageError
from shared.runner import settings
from shared.tests.runner_certificate import write_certificate

TRAIN = contract.load("train")
ADDRESS = "https://mac.example:8765"
NAMES = [variable.name for variable in settings.VARIABLES]


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a stage that is told of a runner."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("MLX_RUNNER_URL", ADDRESS)
    monkeypatch.setenv("MLX_RUNNER_TOKEN", "a-token")
    monkeypatch.setenv("MLX_RUNNER_CERTIFICATE_FILE", str(write_certificate(tmp_path)[0]))
    return monkeypatch


def read() -> settings.Settings:
    found = settings.read(TRAIN)
    assert found
    return found


def test_a_runner_has_an_address_a_token_a_certificate_and_a_lease(named: pytest.MonkeyPatch) -> None:
    found = read()
    assert (found.url, found.host, found.port) == (ADDRESS, "mac.example", 8765)
    assert (found.token, found.lease_seconds) == ("a-token", 900)
    assert found.certificate.startswith("-----BEGIN CERTIFICATE-----")
    named.setenv("MLX_RUNNER_LEASE_SECONDS", "3600")
    assert read().lease_seconds == 3600


def test_the_address_of_the_placement_holds_where_nobody_names_another(named: pytest.MonkeyPatch) -> None:
    named.setenv("MLX_RUNNER_DEFAULT_URL", "https://placed.example")
    assert read().host == "mac.example"
    named.setenv("MLX_RUNNER_URL", " ")
    assert (read().host, read().port) == ("placed.example", 443)
    named.delenv("MLX_RUNNER_DEFAULT_URL")
    assert settings.read(TRAIN) is None


def test_only_a_stage_whose_contract_names_it_looks_for_a_runner(named: pytest.MonkeyPatch) -> None:
    handed_over = {stage for stage in contract.NODES if settings.can_be_handed_over(contract.load(stage))}
    assert handed_over == {"train", "evaluate"}
    named.setenv("MLX_RUNNER_URL", "nonsense")
    assert settings.read(contract.load("convert")) is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MLX_RUNNER_URL", "http://mac.example:8765", "MLX_RUNNER_URL is no address of a runner; it must be https://"),
        ("MLX_RUNNER_URL", "mac.example:8765", "MLX_RUNNER_URL is no address of a runner"),
        ("MLX_RUNNER_URL", "https://", "MLX_RUNNER_URL is no address of a runner"),
        ("MLX_RUNNER_URL", "https://mac.example:99999", "MLX_RUNNER_URL is no address of a runner"),
        ("MLX_RUNNER_URL", "https://mac.example/v1", "MLX_RUNNER_URL is no address of a runner"),
        ("MLX_RUNNER_URL", "https://me:secret@mac.example", "MLX_RUNNER_URL is no address of a runner"),
        ("MLX_RUNNER_URL", "https://mac.example\r\nHost: x", "MLX_RUNNER_URL is no address of a runner"),
        ("MLX_RUNNER_TOKEN", "", "the runner is https://mac.example:8765, and MLX_RUNNER_TOKEN is not set; it is what"),
        ("MLX_RUNNER_TOKEN", "two words", "MLX_RUNNER_TOKEN holds more than one word of plain letters"),
        ("MLX_RUNNER_TOKEN", "a\r\nX: y", "MLX_RUNNER_TOKEN holds more than one word of plain letters"),
        ("MLX_RUNNER_CERTIFICATE_FILE", "", "and MLX_RUNNER_CERTIFICATE is not set; it is what `make runner-install`"),
        ("MLX_RUNNER_CERTIFICATE", "nonsense", "MLX_RUNNER_CERTIFICATE is no certificate in PEM"),
        ("MLX_RUNNER_CERTIFICATE", "ä", "MLX_RUNNER_CERTIFICATE is no certificate in PEM"),
        ("MLX_RUNNER_LEASE_SECONDS", "59", "MLX_RUNNER_LEASE_SECONDS is '59'; it must be a whole number of seconds"),
        ("MLX_RUNNER_LEASE_SECONDS", "1e3", "MLX_RUNNER_LEASE_SECONDS is '1e3'; it must be a whole number of seconds"),
    ],
)
def test_what_is_wrong_is_told_and_no_secret_is(name: str, value: str, reason: str, named: pytest.MonkeyPatch) -> None:
    named.setenv(name, value)
    with pytest.raises(StageError) as told:
        settings.read(TRAIN)
    assert reason in str(told.value)
    assert "secret" not in str(told.value).lower().replace("secret agent-training-runner", "")


def test_who_has_another_contract_is_not_asked() -> None:
    bare = dataclasses.replace(TRAIN, environment=())
    assert settings.read(bare) is None

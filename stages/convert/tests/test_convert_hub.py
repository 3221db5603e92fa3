"""A base model from the hub, by the real client against a hub on this machine."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.convert.contract import Inputs
from stages.convert.main import run
from stages.convert.tests.hub_server import COMMIT, TOKEN, serve_hub


@pytest.fixture
def hub(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A hub with the model open/tiny; models that are added to the folder are served too."""
    models = tmp_path / "models"
    shutil.copytree(base, models / "open" / "tiny")
    (models / "open" / "tiny" / "README.md").write_text("not fetched")
    with serve_hub(models) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield models


def refusal(outputs: Path, name: str, revision: str = "") -> str:
    with pytest.raises(StageError) as caught:
        run(Inputs(model_name=name, model_revision=revision), outputs)
    assert list(outputs.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize("revision", ["", "main", COMMIT])
def test_a_model_is_fetched_at_the_commit_that_the_revision_names(hub: Path, outputs: Path, revision: str) -> None:
    result = run(Inputs(model_name="open/tiny", model_revision=revision), outputs)
    result.model.check()
    assert result.base_revision == COMMIT
    origin = json.loads((result.model.path / "base.json").read_text())
    assert (origin["model_name"], origin["revision"]) == ("open/tiny", COMMIT)
    assert "README.md" not in origin["files"]
    assert [path.name for path in outputs.iterdir()] == ["model"]


def test_a_gated_model_needs_the_token(hub: Path, base: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(base, hub / "gated" / "tiny")
    reason = "the model gated/tiny is gated; accept its terms on the hub and set HF_TOKEN"
    assert refusal(outputs, "gated/tiny") == reason
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    reason = "the model gated/tiny is gated, and HF_TOKEN may not read it; accept its terms with the token's account"
    assert refusal(outputs, "gated/tiny") == reason
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert run(Inputs(model_name="gated/tiny"), outputs).base_revision == COMMIT


def test_a_model_that_is_not_there(hub: Path, outputs: Path) -> None:
    reason = refusal(outputs, "open/unknown")
    assert reason.startswith("there is no model open/unknown at http://127.0.0.1:")
    assert reason.endswith("HF_TOKEN may not read it; check model_name, or name a folder with ./ in front")


def test_a_name_that_is_none(hub: Path, outputs: Path) -> None:
    assert refusal(outputs, "a/b/c").startswith("there is no model a/b/c at ")


def test_a_revision_that_is_not_there(hub: Path, outputs: Path) -> None:
    reason = "open/tiny has no revision 'v9'; name a branch, tag or commit of it"
    assert refusal(outputs, "open/tiny", "v9") == reason


def test_a_hub_that_refuses_for_its_own_reasons(hub: Path, outputs: Path) -> None:
    (hub / "broken" / "tiny").mkdir(parents=True)
    reason = refusal(outputs, "broken/tiny")
    assert reason.startswith("the hub refuses broken/tiny: ")
    assert "418" in reason
    assert reason.endswith("check HF_TOKEN, or try again later")


def test_a_hub_that_cannot_be_reached(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    reason = refusal(outputs, "open/tiny", "main")
    assert reason.startswith(f"the hub at {address} cannot be reached for open/tiny at main (")
    assert reason.endswith("; check the network and HF_ENDPOINT, or name a local folder")


def test_a_model_with_code_is_refused_before_it_is_fetched(hub: Path, outputs: Path) -> None:
    (hub / "open" / "tiny" / "modeling.py").write_text("")
    (hub / "open" / "tiny" / "model.safetensors").write_bytes(b"never read")
    reason = "open/tiny holds code (modeling.py), which is never run; choose a model without it"
    assert refusal(outputs, "open/tiny") == reason

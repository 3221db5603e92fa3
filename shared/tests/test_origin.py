"""Where a dataset came from, and what belongs together."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared import archive
from shared.artifacts import ChatDataset
from shared.errors import StageError
from shared.origin import Origin, check_made_from
from tests import samples


def test_agent_json_tells_the_origin(tmp_path: Path) -> None:
    origin = Origin.of(samples.write_dataset(tmp_path / "dataset"))
    assert origin == Origin(
        agent="agent-test",
        repository="https://git.example/homelab.git",
        commit=samples.COMMIT,
        committed=datetime(2025, 12, 24, 10, tzinfo=UTC),
        runbook_sha256="ab" * 32,
        training={"iters": 20},
    )
    assert origin.model_version(2) == "v20251224-01234567.2"
    (tmp_path / "dataset" / "agent.json").write_text(json.dumps(samples.AGENT | {"agents": "apps/*"}))
    assert (origin.agents, Origin.of(ChatDataset(tmp_path / "dataset")).agents) == ("flux/ai/*", "apps/*")


@pytest.mark.parametrize(
    "change",
    [
        {"agent": "../other"},
        {"agent": None},
        {"commit": "main"},
        {"committed": "yesterday"},
        {"runbook": None},
        {"config": []},
        {"agents": "../*"},
        {"agents": None},
    ],
)
def test_an_origin_that_tells_too_little_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    dataset = samples.write_dataset(tmp_path / "dataset")
    (dataset.path / "agent.json").write_text(json.dumps(samples.AGENT | change))
    with pytest.raises(StageError) as refusal:
        Origin.of(dataset)
    reason = "it needs agent, repository, commit, committed, runbook.sha256 and config"
    assert str(refusal.value) == f"{dataset.path}/agent.json does not tell where the rows came from; {reason}"


def test_what_was_made_from_something_else_is_refused(tmp_path: Path) -> None:
    dataset, model = samples.write_dataset(tmp_path / "dataset"), samples.write_model(tmp_path / "model")
    check_made_from(model, "dataset", dataset)
    for digest, is_right in ((archive.digest(dataset.path), True), ("00" * 32, False)):
        (model.path / "artifact.json").write_text(json.dumps({"inputs": {"dataset": {"sha256": digest}}}))
        if is_right:
            check_made_from(model, "dataset", dataset)
    with pytest.raises(StageError) as refusal:
        check_made_from(model, "dataset", dataset)
    expected = "the FineTunedModel was not made from this ChatDataset; pass the artefacts of one and the same run"
    assert str(refusal.value) == expected

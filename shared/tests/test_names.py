"""Names that stages, the store, MLflow and Git spell alike."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared import names
from shared.errors import StageError

VERSION = "v20251224-abc12345"
COMMIT = "abc12345def67890abc12345def67890abc12345"
NOON = datetime(2025, 12, 24, 12, tzinfo=UTC)


def test_a_version_is_the_day_and_the_commit() -> None:
    assert names.model_version(NOON, COMMIT) == "v20251224-abc12345"
    assert names.model_version(NOON, COMMIT, repeat=2) == "v20251224-abc12345.2"


def test_the_day_is_that_of_utc() -> None:
    late_in_vancouver = datetime(2025, 12, 23, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert names.model_version(late_in_vancouver, COMMIT) == "v20251224-abc12345"


def test_a_model_is_named_for_its_agent_and_version() -> None:
    assert names.model_name("agent-sre", "v20251224-abc12345") == "agent-sre-functiongemma-20251224-abc12345"
    assert names.registered_model("agent-sre") == "agent-sre-functiongemma"
    assert names.experiment("agent-sre") == "agent-sre-training"


def test_everything_of_an_agent_lies_in_its_folder() -> None:
    assert [place("agent-sre") for place in (names.runbook_path, names.training_folder, names.model_version_path)] == [
        "flux/ai/agent-sre/docs/RUNBOOK.md",
        "flux/ai/agent-sre/training",
        "flux/ai/agent-sre/MODEL_VERSION",
    ]


def test_agents_live_where_a_repository_says() -> None:
    assert names.agent_folder("agent-sre", "apps/my agents/*") == "apps/my agents/agent-sre"
    assert names.model_version_path("agent-sre", "*") == "agent-sre/MODEL_VERSION"
    assert [names.check_agents(agents) for agents in ("flux/ai/*", "*", "ü b/*")] == ["flux/ai/*", "*", "ü b/*"]


@pytest.mark.parametrize(
    "agents", ["", "flux/ai", "/*", "flux//*", "../*", "a/./*", "a*/*", "a/**", "a/*/b", "a\n/*", " /*"]
)
def test_a_home_of_agents_that_is_none_is_refused(agents: str) -> None:
    with pytest.raises(StageError, match=r"does not say where agents live; write a folder and \*, such as flux/ai/\*$"):
        names.check_agents(agents)


@pytest.mark.parametrize(
    "text", ["none", "", "v20251224-abc1234", "v20251224-abc12345.", f"{VERSION}\n", f"../{VERSION}"]
)
def test_a_version_is_told_from_other_text(text: str) -> None:
    assert names.is_model_version(VERSION) and names.is_model_version(f"{VERSION}.2")
    assert not names.is_model_version(text)

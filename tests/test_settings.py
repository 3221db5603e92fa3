"""What a person may set for a run, on the command line and in config.yaml."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from git import Repo

from shared import contract
from shared.agent_config.settings import GATE, TRAINING
from shared.contract import STAGES
from shared.errors import StageError
from stages.dataset.source import opened
from workflows.agent_training import agent_training_pipeline
from workflows.local.execution import ROOT
from workflows.local.settings import configured, parse_settings, workflow_fields

CONFIG = {**TRAINING, **GATE}


@pytest.fixture(scope="module")
def gitops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """The example as a local repository."""
    folder = tmp_path_factory.mktemp("gitops") / "homelab"
    shutil.copytree(ROOT / "examples" / "homelab", folder)
    with Repo.init(folder, initial_branch="main") as repo:
        commit(repo)
        yield repo


def commit(repo: Repo) -> None:
    repo.git.add("--all")
    repo.git.execute(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "Change"])


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("AGENT=agent-bruno", "agent_name", "agent-bruno"),
        ("agent_name=agent-bruno", "agent_name", "agent-bruno"),
        ("MODEL=/models/base", "model_name", "/models/base"),
        ("GITOPS=https://git.example/a.git?x=1", "repository", "https://git.example/a.git?x=1"),
        ("ITERS=30", "iters", 30),
        ("iters= 30 ", "iters", 30),
        ("LEARNING_RATE=1e-4", "learning_rate", 1e-4),
        ("Minimum_Accuracy=1", "minimum_accuracy", 1.0),
        ("MAXIMUM_FALSE_CALLS=0.02", "maximum_false_calls", 0.02),
        ("MAXIMUM_MISSED_CALLS=1", "maximum_missed_calls", 1.0),
        ("BRANCH=", "branch", ""),
        ("RUNBOOK_PATH=docs/the book.md", "runbook_path", "docs/the book.md"),
    ],
)
def test_a_setting_becomes_an_input_of_its_type(argument: str, name: str, value: Any) -> None:
    settings = parse_settings([argument])
    assert settings == {name: value}
    assert type(settings[name]) is type(value)


def test_every_input_of_the_workflow_can_be_set() -> None:
    assert list(workflow_fields()) == list(agent_training_pipeline.python_interface.inputs)
    kinds = {name: field.kind for name, field in workflow_fields().items()}
    assert kinds == agent_training_pipeline.python_interface.inputs


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("ITER=30", "ITER is no setting of a run; did you mean ITERS?"),
        ("agnet=agent-sre", "agnet is no setting of a run; did you mean AGENT?"),
        ("--iters=30", "--iters is no setting of a run; did you mean ITERS?"),
        ("ITERS", "ITERS has no value; write ITERS=value"),
        (
            "XYZ=1",
            "XYZ is no setting of a run; "
            "known here: ACCURACY_MARGIN, AGENT, AGENT_NAME, BATCH_SIZE, BRANCH, CAUSE, DTYPE, ",
        ),
        ("=1", " is no setting of a run; known here: ACCURACY_MARGIN, AGENT, "),
    ],
)
def test_an_unknown_setting_names_the_nearest(argument: str, reason: str) -> None:
    with pytest.raises(StageError) as error:
        parse_settings([argument])
    assert str(error.value).startswith(reason.strip())


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("LEARNING_RATE=0", "learning_rate is 0.0; it must be above 0"),
        ("LEARNING_RATE=-1", "learning_rate is -1.0; it must be above 0"),
        ("LEARNING_RATE=nan", "learning_rate is 'nan'; it must be a finite number"),
        ("MAXIMUM_FALSE_CALLS=5", "maximum_false_calls is 5.0; it must be at most 1"),
        ("LEARNING_RATE=1.5", "learning_rate is 1.5; it must be at most 1"),
        ("BATCH_SIZE=x", "batch_size is 'x'; it must be a whole number"),
        ("BATCH_SIZE=0", "batch_size is 0; it must be at least 1"),
        ("BATCH_SIZE=", "batch_size is ''; it must be a whole number"),
        ("DTYPE=int8", "dtype is 'int8'; it must be one of float32, bfloat16, float16"),
        ("AGENT=Agent_X", "agent_name is 'Agent_X'; it must be a name such as agent-sre: a-z, 0-9 and dashes"),
    ],
)
def test_a_wrong_value_is_refused_in_the_stages_words(argument: str, reason: str) -> None:
    with pytest.raises(StageError) as error:
        parse_settings([argument])
    assert str(error.value) == reason


def test_the_last_of_two_settings_counts() -> None:
    assert parse_settings(["ITERS=1", "AGENT=agent-a", "iters=2"]) == {"iters": 2, "agent_name": "agent-a"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_a_setting_exactly_as_config_yaml_declares_it(stage: str) -> None:
    hints = get_type_hints(contract.load(stage).input_class, include_extras=True)
    for name in hints.keys() & CONFIG.keys():
        assert hints[name] == CONFIG[name], name


def test_every_key_of_config_yaml_is_an_input_of_the_workflow() -> None:
    assert CONFIG.keys() <= workflow_fields().keys()
    assert not TRAINING.keys() & GATE.keys()


def test_stages_declare_a_shared_input_alike() -> None:
    limits: dict[str, Any] = {}
    for stage in STAGES:
        for field in contract.load(stage).inputs:
            if field.artifact is None:
                assert limits.setdefault(field.name, (field.kind, field.limits)) == (field.kind, field.limits)


def settings_of(gitops: Repo, agent: str, revision: str = "", runbook_path: str = "") -> dict[str, Any]:
    folder = str(gitops.working_dir)
    with opened(folder) as repo:
        return configured(repo, folder, agent, revision, runbook_path)


def test_the_agents_configuration_sets_inputs(gitops: Repo) -> None:
    known = settings_of(gitops, "agent-auditor")
    assert known == {
        "model_name": "google/functiongemma-270m-it",
        "examples_per_alert": 24,
        "learning_rate": 2e-4,
        "batch_size": 8,
        "iters": 240,
        "lora_layers": 16,
        "lora_rank": 8,
        "seed": 0,
        "minimum_accuracy": 0.9,
    }


def test_an_agent_that_is_not_there_is_told(gitops: Repo) -> None:
    with pytest.raises(StageError, match=r"there is no agent agent-x in flux/ai .* agent-auditor, agent-bruno"):
        settings_of(gitops, "agent-x")


def test_another_runbook_does_not_need_the_usual_one(gitops: Repo) -> None:
    folder = Path(gitops.working_dir)
    (folder / "flux/ai/agent-bruno/docs/RUNBOOK.md").rename(folder / "elsewhere.md")
    commit(gitops)
    with pytest.raises(StageError, match=r"docs/RUNBOOK.md is missing at commit"):
        settings_of(gitops, "agent-bruno")
    assert settings_of(gitops, "agent-bruno", runbook_path="elsewhere.md")["iters"] == 150


def test_the_configuration_names_pages_and_needs_no_argument(gitops: Repo) -> None:
    folder = Path(gitops.working_dir)
    pages = folder / "docs/my runbooks"
    pages.mkdir(parents=True)
    (folder / "flux/ai/agent-sre/docs/RUNBOOK.md").rename(pages / "page one.md")
    file = folder / "flux/ai/agent-sre/training/config.yaml"
    before = file.read_text()
    file.write_text("runbook_path: [docs/my runbooks/**/*.md]\ntraining: {iters: 8}\n")
    commit(gitops)
    assert settings_of(gitops, "agent-sre") == {"iters": 8}
    (folder / "agent-training.yaml").write_text("training: {iters: 1, seed: 5}\n")
    commit(gitops)
    assert settings_of(gitops, "agent-sre") == {"iters": 8, "seed": 5}
    (folder / "agent-training.yaml").unlink()
    (pages / "page one.md").rename(folder / "flux/ai/agent-sre/docs/RUNBOOK.md")
    file.write_text(before)
    commit(gitops)


def test_the_configuration_is_read_at_the_revision(gitops: Repo) -> None:
    folder = Path(gitops.working_dir)
    before = gitops.head.commit.hexsha
    file = folder / "flux/ai/agent-sre/training/config.yaml"
    file.write_text("training: {iters: 7}\n")
    commit(gitops)
    assert settings_of(gitops, "agent-sre") == {"iters": 7}
    assert settings_of(gitops, "agent-sre", before)["iters"] == 300

"""agent-training.yaml: where agents live in a repository, and what each config.yaml need not repeat."""

import json
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.dataset.agent_config import Fleet, read_config, read_fleet
from stages.dataset.author.__main__ import main
from stages.dataset.source import Source, opened, read_source
from stages.dataset.tests.repositories import AGENT, CONFIG, RUNBOOK, TOOLS, commit, git, make, read

FLEET = "agent-training.yaml"
HOME = f"apps/my agents/{AGENT}"
FILES: dict[str, str | bytes] = {
    FLEET: "agents: apps/my agents/*\n",
    f"{HOME}/docs/RUNBOOK.md": RUNBOOK,
    f"{HOME}/training/config.yaml": CONFIG,
    f"{HOME}/training/tools.yaml": TOOLS,
}


def moved(folder: Path, files: dict[str, str | bytes] | None = None) -> Path:
    """Makes a repository whose agents live elsewhere."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, FILES | (files or {}))
    return folder


def source_of(repository: Path, agent: str = AGENT) -> Source:
    with opened(str(repository)) as repo:
        return read_source(repo, str(repository), "", agent)


def refused(repository: Path, agent: str = AGENT) -> str:
    with pytest.raises(StageError) as raised:
        source_of(repository, agent)
    return str(raised.value)


def test_an_agent_is_read_where_the_repository_says(tmp_path: Path) -> None:
    source = source_of(moved(tmp_path / "gitops"))
    assert source.pages[0].path == f"{HOME}/docs/RUNBOOK.md"
    assert (source.config_path, source.tools_path) == (f"{HOME}/training/config.yaml", f"{HOME}/training/tools.yaml")


def test_the_dataset_tells_where_agents_live_only_where_it_is_unusual(tmp_path: Path) -> None:
    elsewhere = read(moved(tmp_path / "one"), tmp_path / "a").dataset.agent()
    assert (elsewhere["agents"], elsewhere["runbook"]["path"]) == ("apps/my agents/*", f"{HOME}/docs/RUNBOOK.md")
    assert "agents" not in read(make(tmp_path / "two"), tmp_path / "b").dataset.agent()


def test_lint_goes_by_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = moved(tmp_path / "gitops")
    assert main(["lint", "--agent", AGENT, "--repository", str(repository), "--format", "json"]) == 0
    assert [each["file"] for each in json.loads(capsys.readouterr().out)] == [f"{HOME}/docs/RUNBOOK.md"]
    (repository / FLEET).write_text("agents: flux/ai/*\n")
    assert main(["lint", "--agent", AGENT, "--repository", str(repository)]) == 1
    assert capsys.readouterr().err == f"there is no agent {AGENT} in flux/ai of the repository; it has: none\n"


def test_an_unknown_agent_names_those_of_the_home(tmp_path: Path) -> None:
    told = f"there is no agent agent-x in apps/my agents of the repository; it has: {AGENT}"
    assert refused(moved(tmp_path / "gitops"), "agent-x") == told
    commit(tmp_path / "gitops", {FLEET: "agents: '*'\n"})
    told = "there is no agent agent-x in the root of the repository; it has: apps"
    assert refused(tmp_path / "gitops", "agent-x") == told


def test_rules_of_the_agents_folder_are_found_there(tmp_path: Path) -> None:
    rule = "- alert: X\n  annotations: {lambda_function: pod-restart}\n"
    source = source_of(moved(tmp_path / "gitops", {f"{HOME}/k8s/rules.yaml": rule, f"flux/ai/{AGENT}/r.yaml": rule}))
    assert [found.path for found in source.rules] == [f"{HOME}/k8s/rules.yaml"]


def test_the_file_counts_for_the_commit_also_when_it_is_gone(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    said = commit(repository, {FLEET: "training: {iters: 5}\n"})
    commit(repository, {"other": "x"})
    assert source_of(repository).commit == said
    git(repository, "rm", "--quiet", FLEET)
    gone = commit(repository, {})
    commit(repository, {"other": "y"})
    assert source_of(repository).commit == gone


def test_the_agents_own_keys_win_one_by_one() -> None:
    own = read_config("training: {iters: 20}\ngate: {floors: {f: 0.5}}\nwatch: {}\ndeploy:\n", "config.yaml")
    fleet = read_fleet(
        "training: {iters: 1, seed: 4}\ngate: {minimum_accuracy: 0.9}\nwatch: {retrain_below: 0.7}\n"
        "schedule: {cron: '0 2 * * 0', notify: [a@b]}\ndeploy: {mode: branch}\n"
    )
    assert own.over(fleet).settings() == {
        "training": {"iters": 20, "seed": 4},
        "gate": {"minimum_accuracy": 0.9, "floors": {"f": 0.5}},
        "watch": {"retrain_below": 0.7},
        "schedule": {"cron": "0 2 * * 0", "watch": "", "notify": ["a@b"]},
        "deploy": {"mode": "branch", "fields": []},
    }


@pytest.mark.parametrize("text", ["training: {iters: 3}\n", "deploy:\nschedule:\n", "gate: {floors: {f: 1}}\n", "{}"])
def test_without_defaults_a_configuration_is_as_it_was(text: str) -> None:
    own = read_config(text, "config.yaml")
    assert own.over(Fleet()) == own
    assert own.over(Fleet()).settings() == own.settings()


def test_the_defaults_reach_the_dataset(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops", config="training: {iters: 20}\n")
    commit(repository, {FLEET: "training: {iters: 3, seed: 4}\ndeploy: {mode: pull-request}\n"})
    config = read(repository, tmp_path / "out").dataset.agent()["config"]
    assert config["training"] == {"iters": 20, "seed": 4}
    assert config["deploy"] == {"mode": "pull-request", "fields": []}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "agents: flux/ai\n",
            "line 1: agents: 'flux/ai' does not say where agents live; write a folder and *, such as",
        ),
        ("agents: [a]\n", "line 1: agents; input should be a valid string"),
        ("agnets: a/*\n", "line 1: agnets is not known; did you mean agents?"),
        ("training: {iterz: 3}\n", "line 1: training.iterz is not known; did you mean iters?"),
        (
            "gate:\n  floors: {f: 0.5}\n",
            "line 1: gate: floors belong into the config.yaml of the agent that has the functi",
        ),
        ("runbook_path: docs\n", "line 1: runbook_path is not known; "),
        ("[]\n", "must hold keys and values, not a list"),
        (" \n", "is empty; write the file of all agents first"),
        ("a: [\n", "line 2 is not valid YAML"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {FLEET: text})
    said = refused(repository)
    assert said.removeprefix(FLEET).lstrip(", ").startswith(reason)


def test_a_link_or_a_folder_of_that_name_is_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    (repository / FLEET).symlink_to("elsewhere")
    commit(repository, {})
    assert refused(repository) == f"{FLEET} is a symbolic link; commit the file of all agents itself"

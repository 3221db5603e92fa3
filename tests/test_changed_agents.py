"""The script that finds the agents whose inputs a push has changed, run on real Git repositories."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from git import Repo

from workflows.local.execution import ROOT

AGENTS = ["agent-auditor", "agent-bruno", "agent-sre"]
NONE = "0" * 40
RULES = (
    "groups: [{name: g, rules: [{alert: Ours, expr: up, "
    "annotations: {lambda_function: pod-restart, lambda_parameters: '{}'}}]}]\n"
)


@pytest.fixture
def gitops(tmp_path: Path) -> Iterator[Repo]:
    """The example as a local repository."""
    folder = tmp_path / "homelab"
    shutil.copytree(ROOT / "examples" / "homelab", folder)
    with Repo.init(folder, initial_branch="main") as repo:
        commit(repo)
        yield repo


def commit(repo: Repo) -> str:
    """Commits all and returns the commit."""
    repo.git.add("--all")
    repo.git.execute(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "Change"])
    return str(repo.head.commit.hexsha)


def folder_of(repo: Repo, agent: str) -> Path:
    return Path(repo.working_dir) / "flux" / "ai" / agent


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def run(repo: Repo, before: str, after: str = "HEAD", output: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workflows.flyte.triggers.changed_agents", "--repository", str(repo.working_dir)]
    environment = {**os.environ, "GITHUB_OUTPUT": str(output or "")}
    command += [f"--before={before}", f"--after={after}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)


def changed(repo: Repo, before: str, after: str = "HEAD") -> dict[str, str]:
    """Returns the commit of each agent that the script names."""
    result = run(repo, before, after)
    assert result.returncode == 0, result.stderr
    return {each["agent"]: each["commit"] for each in json.loads(result.stdout)}


def test_a_push_names_the_agents_whose_inputs_it_changed_each_with_its_last_commit(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    append(folder_of(gitops, "agent-sre") / "docs" / "RUNBOOK.md", "\nA new hint.\n")
    first = commit(gitops)
    append(folder_of(gitops, "agent-bruno") / "training" / "config.yaml", "# a remark\n")
    second = commit(gitops)
    assert changed(gitops, before) == {"agent-bruno": second, "agent-sre": first}
    assert changed(gitops, first) == {"agent-bruno": second}


def test_rules_that_name_functions_are_an_input_and_other_manifests_are_not(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    (folder_of(gitops, "agent-sre") / "k8s" / "prometheusrule.yaml").write_text(RULES)
    with_rules = commit(gitops)
    append(folder_of(gitops, "agent-bruno") / "k8s" / "lambdaagent.yaml", "# a remark\n")
    commit(gitops)
    assert changed(gitops, before) == {"agent-sre": with_rules}


def test_a_page_elsewhere_is_an_input_of_the_agent_that_names_it(gitops: Repo) -> None:
    pages = Path(gitops.working_dir) / "docs"
    pages.mkdir()
    shutil.copy(folder_of(gitops, "agent-sre") / "docs" / "RUNBOOK.md", pages / "one.md")
    (pages / "index.md").write_text("# Pages\n")
    append(folder_of(gitops, "agent-sre") / "training" / "config.yaml", "\nrunbook_path: docs\n")
    before = commit(gitops)
    append(pages / "one.md", "\nA new hint.\n")
    hint = commit(gitops)
    (pages / "index.md").unlink()
    gone = commit(gitops)
    assert changed(gitops, before, hint) == {"agent-sre": hint}
    assert changed(gitops, hint) == {"agent-sre": gone}


def test_what_the_repository_says_of_all_agents_is_an_input_of_each(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    root = Path(gitops.working_dir)
    (root / "agent-training.yaml").write_text("training: {seed: 1}\n")
    shared = commit(gitops)
    assert changed(gitops, before) == dict.fromkeys(AGENTS, shared)
    (root / "flux" / "ai").rename(root / "agents")
    (root / "agent-training.yaml").write_text("agents: agents/*\ntraining: {seed: 1}\n")
    assert sorted(changed(gitops, shared, commit(gitops))) == AGENTS
    append(root / "agents" / "agent-sre" / "docs" / "RUNBOOK.md", "\nA new hint.\n")
    last = commit(gitops)
    assert changed(gitops, "HEAD~1") == {"agent-sre": last}
    (root / "agent-training.yaml").write_text("agent: agents/*\n")
    commit(gitops)
    result = run(gitops, last)
    assert (result.returncode, result.stdout) == (1, "")
    assert "agent-training.yaml, line 1: agent is not known; did you mean agents?" in result.stderr


def test_a_bump_of_the_model_version_changes_no_agent(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    folder = folder_of(gitops, "agent-sre")
    (folder / "MODEL_VERSION").write_text("v20251224-abc12345\n")
    manifest = folder / "k8s" / "lambdaagent.yaml"
    manifest.write_text(manifest.read_text().replace("agent-sre:none", "agent-sre:v20251224-abc12345"))
    commit(gitops)
    assert changed(gitops, before) == {}


def test_a_change_that_was_taken_back_in_the_same_push_is_none(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    runbook = folder_of(gitops, "agent-sre") / "docs" / "RUNBOOK.md"
    text = runbook.read_text()
    append(runbook, "\nA slip.\n")
    commit(gitops)
    runbook.write_text(text)
    commit(gitops)
    assert changed(gitops, before) == {}


def test_a_renamed_agent_is_a_new_one_and_a_deleted_one_is_none(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    folder_of(gitops, "agent-sre").rename(folder_of(gitops, "agent-ops"))
    shutil.rmtree(folder_of(gitops, "agent-bruno"))
    after = commit(gitops)
    assert changed(gitops, before) == {"agent-ops": after}


def test_an_agent_that_is_no_longer_trained_is_none(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    shutil.rmtree(folder_of(gitops, "agent-bruno") / "training")
    commit(gitops)
    assert changed(gitops, before) == {}


@pytest.mark.parametrize("before", [NONE, "3f9a1c02" * 5, ""])
def test_without_a_known_commit_before_every_agent_counts_as_changed(gitops: Repo, before: str) -> None:
    assert list(changed(gitops, before)) == AGENTS


def test_a_rewritten_history_is_compared_by_content(gitops: Repo) -> None:
    append(folder_of(gitops, "agent-sre") / "docs" / "RUNBOOK.md", "\nA new hint.\n")
    before = commit(gitops)
    gitops.git.execute(
        ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "--amend", "-m", "x"]
    )
    assert changed(gitops, before) == {}


def test_an_agent_that_cannot_be_read_is_named_with_the_reason(gitops: Repo) -> None:
    before = gitops.head.commit.hexsha
    (folder_of(gitops, "agent-sre") / "docs" / "RUNBOOK.md").unlink()
    commit(gitops)
    result = run(gitops, before)
    assert [each["agent"] for each in json.loads(result.stdout)] == ["agent-sre"]
    assert "agent-sre: the runbook flux/ai/agent-sre/docs/RUNBOOK.md is missing at commit" in result.stderr


@pytest.mark.parametrize("name", ["agent $(id)", "Agent-X", "-agent"])
def test_a_name_that_no_agent_can_have_is_refused(gitops: Repo, name: str) -> None:
    before = gitops.head.commit.hexsha
    shutil.copytree(folder_of(gitops, "agent-sre"), folder_of(gitops, name))
    commit(gitops)
    result = run(gitops, before)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"changed_agents: agent_name is {name!r}; it must be a name such as agent-sre: a-z, 0-9 and dashes\n"
    )


def test_an_unknown_commit_after_and_a_part_of_the_history_are_told(gitops: Repo, tmp_path: Path) -> None:
    assert "has no commit 'deadbeef'; fetch the whole history" in run(gitops, NONE, "deadbeef").stderr
    assert run(gitops, NONE, "--output=x").returncode == 1
    append(folder_of(gitops, "agent-sre") / "docs" / "RUNBOOK.md", "\nA new hint.\n")
    commit(gitops)
    with Repo.clone_from(f"file://{gitops.working_dir}", tmp_path / "shallow", depth=1) as shallow:
        assert "holds a part of its history only; fetch the whole history" in run(shallow, NONE).stderr


def test_the_matrix_is_given_to_the_jobs_later_steps(gitops: Repo, tmp_path: Path) -> None:
    result = run(gitops, NONE, output=tmp_path / "output")
    assert (tmp_path / "output").read_text() == f"agents={result.stdout}"

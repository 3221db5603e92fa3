"""The GitHub Actions files: two linters, what a fork gets, and their scripts run as scripts."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from git import Repo
from ruamel.yaml import YAML

from tests.mlflow_server import free_port
from workflows.local.execution import ROOT

FOLDERS = (ROOT / ".github" / "workflows", ROOT / "examples" / "homelab" / ".github" / "workflows")
FILES = [file for folder in FOLDERS for file in sorted(folder.glob("*.yml"))]
RETRAIN = FOLDERS[1] / "retrain-on-runbook-change.yml"


def workflow(file: Path) -> Any:
    """Returns a workflow's YAML; the trigger's key `on` stays text, as YAML 1.2 has it."""
    return YAML(typ="safe").load(file)


def script(file: Path, job: str, step: str) -> str:
    """Returns what the step of a name, an id or a command runs."""
    steps = workflow(file)["jobs"][job]["steps"]
    (found,) = (each["run"] for each in steps if step in (each.get("name"), each.get("id")))
    return str(found)


def run_script(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a step's script as GitHub's runner does."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FLYTE", "GITHUB"))}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment | variables, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("program", "options"), [("actionlint", []), ("zizmor", ["--offline", "--no-progress", "--quiet"])]
)
def test_the_linter_finds_nothing(program: str, options: list[str]) -> None:
    found = shutil.which(program, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no {program}; install it")
    result = subprocess.run([found, *options, *FILES], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actions_are_pinned_by_commit_and_permissions_are_given_one_by_one(file: Path) -> None:
    known = workflow(file)
    assert known["permissions"] == {"contents": "read"}
    used = [step["uses"] for job in known["jobs"].values() for step in job["steps"] if "uses" in step]
    assert [name for name in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name)] == []


def test_a_pull_request_gets_no_secret_and_starts_nothing() -> None:
    jobs = workflow(RETRAIN)["jobs"]
    assert {name for name, job in jobs.items() if "secrets." in str(job)} == {"retrain"}
    assert {name for name, job in jobs.items() if "workflows.flyte.triggers.launch" in str(job)} == {"retrain"}
    assert jobs["retrain"]["if"].startswith("github.event_name == 'push' &&")


def test_a_bump_alone_does_not_start_the_workflow() -> None:
    patterns = workflow(RETRAIN)["on"]["push"]["paths"]
    assert patterns == workflow(RETRAIN)["on"]["pull_request"]["paths"]
    agent = "flux/ai/agent-sre"
    matching = [
        path
        for path in (
            f"{agent}/docs/RUNBOOK.md",
            f"{agent}/training/config.yaml",
            f"{agent}/k8s/prometheusrule.yaml",
            f"{agent}/MODEL_VERSION",
            f"{agent}/k8s/lambdaagent.yaml",
            "flux/ai/agent-auditor/docs/runbooks/images/image-scan-outdated.md",
            "flux/ai/agent-auditor/k8s/kustomize/studio/kustomization.yaml",
            "flux/ai/functions/rescan-image.yaml",
            "flux/monitoring/rules/nodes.yaml",
        )
        if any(re.fullmatch(_expression(pattern), path) for pattern in patterns)
    ]
    assert matching == [
        f"{agent}/docs/RUNBOOK.md",
        f"{agent}/training/config.yaml",
        f"{agent}/k8s/prometheusrule.yaml",
        "flux/ai/agent-auditor/docs/runbooks/images/image-scan-outdated.md",
        "flux/monitoring/rules/nodes.yaml",
    ]


def _expression(pattern: str) -> str:
    """Returns a path filter as a regular expression: `**` is any text, `*` any but a slash."""
    return re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*\*", ".*").replace(r"\*", "[^/]*")


def test_the_script_of_train_asks_flyte_with_what_was_given() -> None:
    text = script(FOLDERS[0] / "train.yml", "train", "start")
    given = {"AGENT": "agent-sre", "FORCE_RETRAIN": "true", "WAIT": "true", "PROJECT": "p", "DOMAIN": "d"}
    address = {"FLYTE_PLATFORM_URL": f"127.0.0.1:{free_port()}", "FLYTE_PLATFORM_INSECURE": "true"}
    # A variable that GitHub does not know is empty.
    login = dict.fromkeys(("FLYTE_CREDENTIALS_AUTH_MODE", "FLYTE_CREDENTIALS_CLIENT_ID"), "")
    down = run_script(text, ROOT, **given, **address, **login, FLYTE_PLATFORM_CONSOLE_ENDPOINT="")
    assert (down.returncode, down.stdout) == (1, "")
    assert re.fullmatch(r"launch: Flyte at 127.0.0.1:\d+ cannot be reached: .*refused; .*\n", down.stderr)


@pytest.mark.parametrize("agent", ["$(touch hit)", "a; touch hit", "a' --wait '", "--help"])
def test_what_a_person_types_is_a_name_and_nothing_else(agent: str, tmp_path: Path) -> None:
    text = script(FOLDERS[0] / "train.yml", "train", "start").replace(".venv/", f"{ROOT}/.venv/")
    given = {"AGENT": agent, "FORCE_RETRAIN": "", "WAIT": "", "PROJECT": "p", "DOMAIN": "d", "PYTHONPATH": str(ROOT)}
    result = run_script(text, tmp_path, **given)
    assert result.returncode in (1, 2)
    assert (result.stdout, list(tmp_path.iterdir())) == ("", [])


@pytest.fixture
def checkouts(tmp_path: Path) -> Iterator[Path]:
    """A folder with the example as a clone and this project beside it, as the workflow checks them out."""
    (tmp_path / "agent-training").symlink_to(ROOT)
    shutil.copytree(ROOT / "examples" / "homelab", tmp_path / "gitops")
    with Repo.init(tmp_path / "gitops", initial_branch="main") as repo:
        for text in ("", "\nA new hint.\n"):
            runbook = tmp_path / "gitops" / "flux/ai/agent-bruno/docs/RUNBOOK.md"
            runbook.write_text(runbook.read_text() + text)
            repo.git.add("--all")
            who = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
            repo.git.execute(["git", *who, "commit", "-qm", "Change"])
    yield tmp_path


def test_the_scripts_of_a_runbook_change_name_lint_and_start_the_agent(checkouts: Path) -> None:
    with Repo(checkouts / "gitops") as repo:
        before, after = repo.commit("HEAD^1").hexsha, repo.head.commit.hexsha
    output = checkouts / "output"
    changed = script(RETRAIN, "changed", "changed").replace("../gitops", str(checkouts / "gitops"))
    for earlier in (before, "HEAD^1"):
        result = run_script(changed, ROOT, BEFORE=earlier, GITHUB_OUTPUT=str(output))
        assert result.stdout == f'[{{"agent": "agent-bruno", "commit": "{after}"}}]\n', result.stderr
    assert output.read_text().splitlines()[-1] == f"agents={result.stdout}".strip()

    lint = script(RETRAIN, "lint", "what the runbook teaches").replace("../gitops", str(checkouts / "gitops"))
    linted = run_script(lint, checkouts, AGENT="agent-bruno")
    assert linted.returncode == 0, linted.stderr

    start = script(RETRAIN, "retrain", "start")
    given = {"AGENT": "agent-bruno", "COMMIT": after, "PROJECT": "p", "DOMAIN": "d"}
    address = {"FLYTE_PLATFORM_URL": f"127.0.0.1:{free_port()}", "FLYTE_PLATFORM_INSECURE": "true"}
    assert "cannot be reached" in run_script(start, ROOT, **given, **address).stderr

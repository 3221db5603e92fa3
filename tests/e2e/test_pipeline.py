"""Six stages in a row on this machine: a tiny random model, a real MLflow server, a real Git remote."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from git import Repo

from shared import archive
from workflows.local.demo import demo_repository
from workflows.local.execution import ROOT

AGENT = "agent-bruno"
SETTINGS = {"examples_per_alert": 4, "iters": 4, "batch_size": 4, "lora_layers": 2, "max_tokens": 24}
OPEN_GATE = {"minimum_accuracy": 0, "maximum_false_calls": 1, "maximum_missed_calls": 1}


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    code = "import sys, pathlib, tests.tiny_model as tiny; tiny.write_tiny_base(pathlib.Path(sys.argv[1]))"
    subprocess.run([ROOT / ".venvs/train/bin/python", "-c", code, str(folder)], cwd=ROOT, check=True)
    return folder


class World:
    """A place to run in: a Git remote, a store and a folder for runs of its own."""

    def __init__(self, folder: Path, tracking_uri: str, base_model: Path, **settings: Any) -> None:
        self.folder, self.base_model = folder, base_model
        self.settings = {**SETTINGS, **settings}
        self.gitops = demo_repository(folder / "gitops.git")
        (folder / "store").mkdir()
        self.services = {"MLFLOW_TRACKING_URI": tracking_uri, "STORE_URI": f"file://{folder}/store"}

    def command(self, **settings: Any) -> list[str]:
        given = {"AGENT": AGENT, "GITOPS": self.gitops, "MODEL": self.base_model, **self.settings, **settings}
        return [sys.executable, "-m", "workflows.local.run", *(f"{name}={value}" for name, value in given.items())]

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.services, "AGENT_TRAINING_RUNS": str(self.folder / "runs")}

    def run(self, **settings: Any) -> subprocess.CompletedProcess[str]:
        command = self.command(**settings)
        return subprocess.run(command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, timeout=300)

    @property
    def latest(self) -> Path:
        return (self.folder / "runs" / "latest").resolve()

    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.latest / "summary.json").read_text()))

    def bumped(self) -> str:
        with Repo(self.gitops) as repo:
            return str(repo.git.show(f"main:flux/ai/{AGENT}/MODEL_VERSION"))

    def state(self) -> tuple[str, list[str]]:
        """What others can see: the remote's refs, and every file of the store."""
        with Repo(self.gitops) as repo:
            refs = str(repo.git.for_each_ref())
        store = self.folder / "store"
        return refs, sorted(str(path.relative_to(store)) for path in store.rglob("*")) if store.exists() else []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str, base_model: Path) -> World:
    return World(tmp_path_factory.mktemp("world"), mlflow_server, base_model, **OPEN_GATE)


@pytest.fixture(scope="module")
def published(world: World) -> dict[str, Any]:
    finished = world.run()
    assert finished.returncode == 0, finished.stderr
    return {**world.summary(), "printed": finished.stdout, "log": finished.stderr, "folder": world.latest}


def test_a_runbook_becomes_a_published_model(world: World, published: dict[str, Any]) -> None:
    version = published["model_version"]
    assert version.startswith("v20251224-")
    assert published["outcome"].startswith(f"published {version}")
    assert world.bumped() == version
    with Repo(world.gitops) as repo:
        assert repo.git.show(f"main:flux/ai/{AGENT}/k8s/lambdaagent.yaml").count(f'"{AGENT}:{version}"') == 2
    files = json.loads((world.folder / "store" / AGENT / version / "manifest.json").read_text())["files"]
    weights = world.folder / "store" / "blobs" / "sha256" / files["model.safetensors"]["sha256"]
    assert weights.stat().st_size == files["model.safetensors"]["size"]


def test_the_published_model_can_be_fetched_and_asked(world: World, published: dict[str, Any], tmp_path: Path) -> None:
    options = ["--agent", AGENT, "--version", published["model_version"], "--folder", tmp_path / "models" / "agent"]
    fetch = [ROOT / ".venvs/publish/bin/python", "-m", "stages.publish.fetch", *options]
    fetched = subprocess.run(fetch, cwd=ROOT, env=world.environment(), capture_output=True, text=True, timeout=60)
    assert fetched.returncode == 0, fetched.stderr
    alert = published["folder"] / "alert.json"
    assert asked(tmp_path / "models" / "agent", alert) == asked(published["folder"] / "train/outputs/model", alert)


def test_make_verifies_what_git_rolls_out(world: World, published: dict[str, Any]) -> None:
    command = ["make", "verify", f"AGENT={AGENT}", f"GITOPS={world.gitops}"]
    verified = subprocess.run(command, cwd=ROOT, env=world.environment(), capture_output=True, text=True, timeout=60)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert [line.split()[:2] for line in verified.stdout.splitlines()] == [
        *(["ok", check] for check in ("git", "registry", "store", "content")),
        ["--", "signature"],
    ]


def test_the_summary_tells_what_came_out(published: dict[str, Any]) -> None:
    printed = published["printed"]
    assert f"+{published['model_version']}" in printed  # the diff of the bump
    for told in ("before", "after", "; at http:", "make ask ALERT=", published["mlflow_run"], published["model_uri"]):
        assert told in printed
    assert list(published["seconds"]) == ["dataset", "convert", "train", "evaluate", "register", "publish"]
    assert "Traceback" not in published["log"]


def test_the_report_and_an_alert_to_try_lie_in_the_run(published: dict[str, Any]) -> None:
    assert (published["folder"] / "evaluation" / "report.html").read_text().lstrip().startswith("<!doctype html>")
    assert json.loads((published["folder"] / "alert.json").read_text())["labels"]["alertname"].startswith("Bruno")


def test_the_model_answers_an_alert(published: dict[str, Any]) -> None:
    answer = asked(published["folder"] / "train/outputs/model", published["folder"] / "alert.json")
    assert answer.startswith("firing alert Bruno")
    assert "\n→ " in answer


def asked(model: Path, alert: Path) -> str:
    command = [ROOT / ".venvs/evaluate/bin/python", "-m", "stages.evaluate.ask", "--model", model, "--alert", alert]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_adapters_change_what_the_model_says(published: dict[str, Any], tmp_path: Path) -> None:
    base, tuned = (published["folder"] / stage / "outputs/model" for stage in ("convert", "train"))
    assert weights(base, tmp_path / "base") != weights(tuned, tmp_path / "tuned")


def weights(model: Path, folder: Path) -> bytes:
    archive.unpack(model, folder)
    return (folder / "model.safetensors").read_bytes()


def test_running_again_gives_the_same_bytes_and_changes_nothing(world: World, published: dict[str, Any]) -> None:
    before = world.state()
    finished = world.run()
    assert finished.returncode == 0, finished.stderr
    again = world.summary()
    assert again["model_version"] == published["model_version"]
    assert again["outcome"] == f"already published: {published['model_version']}"
    assert again["mlflow_run"] == published["mlflow_run"]
    assert world.state() == before
    for output in ("train/outputs/adapters", "train/outputs/model", "dataset/outputs/dataset"):
        assert (world.latest / output).read_bytes() == (published["folder"] / output).read_bytes(), output


def test_a_model_below_the_minimum_changes_nothing(tmp_path: Path, base_model: Path) -> None:
    world = World(tmp_path, f"sqlite:///{tmp_path}/mlflow.db", base_model, minimum_accuracy=0.8, seed=7)
    before = world.state()
    finished = world.run()
    assert finished.returncode == 0, finished.stderr
    summary = world.summary()
    assert summary["outcome"].startswith("rejected: accuracy 0")
    assert "is below 0.80" in summary["outcome"]
    assert (summary["model_uri"], summary["bump_commit"]) == ("", "")
    assert world.state() == before


@pytest.mark.parametrize(
    ("settings", "code", "told"),
    [
        ({"AGENT": "agent-x"}, 2, "there is no agent agent-x in flux/ai of the repository"),
        ({"LEARNING_RATE": 0}, 2, "learning_rate is 0.0; it must be above 0"),
        ({"ITER": 3}, 2, "did you mean ITERS?"),
        ({"LORA_LAYERS": 99}, 1, "lora_layers"),
        ({"MODEL": "/nowhere/model"}, 1, "/nowhere/model"),
        ({"BATCH_SIZE": 500}, 1, "500"),
    ],
)
def test_an_error_is_told_once_in_plain_words(world: World, settings: dict[str, Any], code: int, told: str) -> None:
    finished = world.run(**settings)
    assert finished.returncode == code, finished.stderr
    assert told in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_stopped_run_stops_its_stage(world: World) -> None:
    environment = world.environment()
    run = subprocess.Popen(world.command(ITERS=100000), cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert run.stderr
    for line in run.stderr:
        if line.startswith("── train"):
            break
    time.sleep(2)
    run.send_signal(signal.SIGTERM)
    assert run.wait(30) == 130
    assert not (world.latest / "train" / "outputs" / "model").exists()
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(world.latest) not in listed


def test_agents_and_runbook_pages_may_lie_elsewhere(tmp_path: Path, base_model: Path) -> None:
    world = World(tmp_path, f"sqlite:///{tmp_path}/mlflow.db", base_model, **OPEN_GATE, seed=11)
    with Repo.clone_from(str(world.gitops), tmp_path / "work") as repo:
        _move(tmp_path / "work")
        repo.git.add("--all")
        repo.git.execute(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "Move agents"])
        repo.git.push("-q", "origin", "HEAD:main")
    finished = world.run()
    assert finished.returncode == 0, finished.stderr
    version = world.summary()["model_version"]
    with Repo(world.gitops) as repo:
        assert repo.git.show(f"main:apps/agents/{AGENT}/MODEL_VERSION") == version
        assert "flux/ai" not in repo.git.show("--stat", "main")
    command = ["make", "verify", f"AGENT={AGENT}", f"GITOPS={world.gitops}"]
    verified = subprocess.run(command, cwd=ROOT, env=world.environment(), capture_output=True, text=True, timeout=60)
    assert f"MODEL_VERSION on main names {version}" in verified.stdout, verified.stderr


def _move(folder: Path) -> None:
    """Moves the agents to apps/agents, and the runbook of one of them to two pages."""
    (folder / "apps").mkdir()
    (folder / "flux/ai").rename(folder / "apps/agents")
    (folder / "agent-training.yaml").write_text("agents: apps/agents/*\n")
    pages = folder / "docs" / "my runbooks"
    pages.mkdir(parents=True)
    (folder / "apps/agents" / AGENT / "docs" / "RUNBOOK.md").rename(pages / "bruno.md")
    (pages / "README.md").write_text("# Runbooks\n\n- [Bruno](bruno.md)\n")
    config = folder / "apps/agents" / AGENT / "training/config.yaml"
    config.write_text(f"runbook_path: docs/my runbooks\n{config.read_text()}")

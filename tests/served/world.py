"""A GitOps repository whose agent is served by an Ollama, and runs of the whole workflow in it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from git import Actor, Repo
from ruamel.yaml import YAML

from shared import archive, contract, names
from shared.artifacts import ChatDataset
from workflows.local.demo import demo_repository
from workflows.local.execution import ROOT

OPEN_GATE = {"MINIMUM_ACCURACY": 0, "MAXIMUM_FALSE_CALLS": 1, "MAXIMUM_MISSED_CALLS": 1, "ACCURACY_MARGIN": 1}
ANNA = Actor("Anna", "anna@localhost")


@dataclass(frozen=True)
class World:
    """Where runs of an agent find their services: all of it below one folder."""

    folder: Path
    agent: str

    @classmethod
    def make(cls, folder: Path, agent: str, servers: Sequence[Mapping[str, Any]]) -> "World":
        """Makes the example as a bare repository whose agent's config.yaml names the servers; a store, and MLflow's."""
        for name in ("store", "mlflow"):
            (folder / name).mkdir(parents=True)
        world = cls(folder, agent)
        demo_repository(world.gitops)
        world.configure(servers=[dict(each) for each in servers])
        return world

    @property
    def gitops(self) -> Path:
        """The bare repository."""
        return self.folder / "gitops.git"

    def environment(self, **more: str) -> dict[str, str]:
        own = {
            "AGENT_TRAINING_RUNS": str(self.folder / "runs"),
            "STORE_URI": (self.folder / "store").as_uri(),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow/mlflow.db",
        }
        return {**os.environ, **own, **more}

    def configure(self, **deploy: Any) -> None:
        """Commits keys of the block `deploy` in the agent's config.yaml."""
        path = f"{names.training_folder(self.agent)}/config.yaml"
        with TemporaryDirectory() as folder, Repo.clone_from(str(self.gitops), folder) as clone:
            file, yaml = Path(folder) / path, YAML()
            config = yaml.load(file.read_text())
            config["deploy"] |= deploy
            with file.open("w") as written:
                yaml.dump(config, written)
            clone.index.add([path])
            clone.index.commit("Name the servers", author=ANNA, committer=ANNA)
            clone.remote().push("main").raise_if_error()

    def run(self, **settings: Any) -> "Run":
        """Runs the workflow, which has to end well."""
        given = {"AGENT": self.agent, "GITOPS": self.gitops, **settings, **OPEN_GATE}
        command = [sys.executable, "-m", "workflows.local.run", *(f"{name}={value}" for name, value in given.items())]
        finished = subprocess.run(command, cwd=ROOT, env=self.environment(), capture_output=True, text=True)
        assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-4000:]
        return Run((self.folder / "runs" / "latest").resolve(), finished.stderr)

    def operate(self, command: str, *arguments: str, **more: str) -> tuple[int, str]:
        """Returns the exit code and all lines of `verify`, `rollback` …."""
        program = [str(ROOT / ".venvs/publish/bin/python"), "-m", "stages.publish.operate", command]
        options = ["--agent", self.agent, "--repository", str(self.gitops), *arguments]
        environment = self.environment(**more)
        finished = subprocess.run([*program, *options], cwd=ROOT, env=environment, capture_output=True, text=True)
        return finished.returncode, finished.stdout + finished.stderr

    def deployed(self) -> str:
        """Returns the version that Git names."""
        return self.shown(names.model_version_path(self.agent)).strip()

    def shown(self, path: str) -> str:
        """Returns a file at the tip."""
        with Repo(self.gitops) as repo:
            return str(repo.git.show(f"main:{path}"))

    def stored(self, version: str, name: str) -> bytes:
        """Returns a file of a version in the store."""
        files = json.loads((self.folder / "store" / self.agent / version / "manifest.json").read_text())["files"]
        return (self.folder / "store" / "blobs" / "sha256" / str(files[name]["sha256"])).read_bytes()

    def state(self) -> tuple[str, list[str]]:
        """Returns what others see of Git, and the files of the store."""
        with Repo(self.gitops) as repo:
            refs = str(repo.git.for_each_ref())
        store = self.folder / "store"
        return refs, sorted(str(path.relative_to(store)) for path in store.rglob("*"))


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, and what its stages told."""

    folder: Path
    log: str

    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "summary.json").read_text()))

    @property
    def version(self) -> str:
        return str(self.summary()["model_version"])

    def output(self, stage: str, name: str) -> Path:
        return self.folder / stage / "outputs" / name

    def dataset(self, folder: Path) -> ChatDataset:
        """Returns the dataset, unpacked into folder."""
        archive.unpack(self.output("dataset", "dataset"), folder)
        return ChatDataset(folder)

    def predictions(self) -> dict[str, dict[str, Any]]:
        """Returns evaluate's predictions by row id."""
        lines = (self.folder / "evaluation" / "predictions.jsonl").read_text().splitlines()
        return {row["id"]: row for row in map(json.loads, lines)}

    def publish_command(self, outputs: Path, world: World) -> list[str]:
        """Returns the command that publishes the run's model once more."""
        given: dict[str, str] = {"repository": str(world.gitops), "branch": "main", "minimum_accuracy": "0"}
        for stage in ("dataset", "train", "evaluate", "register"):
            for field in contract.load(stage).outputs:
                file = self.output(stage, field.name)
                given[field.name] = str(file) if field.artifact else file.read_text("utf-8")
        fields = [field for field in contract.load("publish").inputs if field.name in given]
        flags = [f"{field.flag}={given[field.name]}" for field in fields]
        return [str(ROOT / ".venvs/publish/bin/python"), "-m", "stages.publish.main", *flags, f"--outputs={outputs}"]

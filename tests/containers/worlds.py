"""A place for the workflow to run in: servers, a Git repository, a store; and what others can see of it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from git import Repo

from tests.containers.conftest import AGENT, TINY, Run
from workflows.local.execution import ROOT

# What MLflow shows, asked by a Python that has its client.
_MLFLOW_STATE = """
import json, logging, os, sys
logging.disable()
from mlflow.tracking import MlflowClient
address, agent = sys.argv[1:]
client = MlflowClient(address, registry_uri=address)
name = f"{agent}-functiongemma"
versions = client.search_model_versions(f"name = '{name}'")
runs = client.search_runs([client.get_experiment_by_name(f"{agent}-training").experiment_id])
print(json.dumps({
    "versions": [[str(v.version), *map(v.tags.get, ("model_version", "status", "content_sha256"))] for v in versions],
    "aliases": {alias: str(v) for alias, v in client.get_registered_model(name).aliases.items()},
    "runs": sorted([r.info.run_name, r.info.status] for r in runs),
}, sort_keys=True))
"""
_STORE_STATE = """
import hashlib, json, os, sys
from urllib.parse import urlsplit
from minio import Minio
bucket, prefix = urlsplit(sys.argv[1]).netloc, urlsplit(sys.argv[1]).path.strip("/") + "/"
keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
client = Minio(urlsplit(os.environ["S3_ENDPOINT"]).netloc, *keys, secure=False)
names = [found.object_name for found in client.list_objects(bucket, prefix=prefix, recursive=True)]
objects = {name.removeprefix(prefix): client.get_object(bucket, name).read() for name in names}
blobs = {key: objects.pop(key) for key in list(objects) if key.startswith("blobs/")}
told, used = dict(objects), set()
for key in [key for key in objects if key.endswith("/manifest.json")]:
    for name, file in json.loads(objects[key])["files"].items():
        blob = f"blobs/sha256/{file['sha256']}"
        used.add(blob)
        told[key.replace("manifest.json", name)] = blobs[blob]
told.update({key: content for key, content in blobs.items() if key not in used})
print(json.dumps({key: hashlib.sha256(content).hexdigest() for key, content in told.items()}))
"""


@dataclass(frozen=True)
class World:
    """Where a run of `checkout` finds its services. `bare` is what it finds at the address `repository`."""

    folder: Path
    checkout: Path
    repository: str
    bare: Path
    environment: Mapping[str, str]
    model: Path

    def start(self, **settings: Any) -> "subprocess.Popen[str]":
        """Starts the workflow. The address is the same in every world, because a dataset tells it."""
        served = self.bare.with_name("homelab.git")
        served.unlink(missing_ok=True)
        served.symlink_to(self.bare.name)
        given = {"AGENT": AGENT, "MODEL": self.model, "GITOPS": self.repository, **TINY, **settings}
        command = [sys.executable, "-m", "workflows.local.run", *(f"{name}={value}" for name, value in given.items())]
        known = {**os.environ, "AGENT_TRAINING_RUNS": str(self.folder / "runs"), **self.environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.checkout, env=known, text=True, stdout=pipe, stderr=pipe)

    def run(self, **settings: Any) -> Run:
        """Runs the workflow to its end, which must be a good one."""
        running = self.start(**settings)
        _, log = running.communicate(timeout=900)
        assert running.returncode == 0, log
        (self.folder / "log").write_text(log)
        return Run(self.folder / "runs")

    def log(self) -> str:
        """Returns what the last run printed on stderr."""
        return (self.folder / "log").read_text()

    def state(self) -> dict[str, Any]:
        """Returns what others can see: MODEL_VERSION and history, the store's objects, MLflow's versions and runs."""
        with Repo(self.bare) as repo:
            git = {
                "version": repo.git.show(f"main:flux/ai/{AGENT}/MODEL_VERSION"),
                "subjects": repo.git.log("--format=%s", "main").splitlines(),
                "refs": sorted(str(ref) for ref in repo.refs),
            }
        return {"git": git, "store": self._stored(), "mlflow": self._mlflow()}

    def _stored(self) -> dict[str, str]:
        """Returns the sha256 of every stored file by agent, version and name; of a blob that none uses, by its key."""
        return self._asked("publish", _STORE_STATE, self.environment["STORE_URI"])

    def _mlflow(self) -> dict[str, Any]:
        return self._asked("register", _MLFLOW_STATE, self.environment["MLFLOW_TRACKING_URI"], AGENT)

    def _asked(self, stage: str, program: str, *arguments: str) -> dict[str, Any]:
        """Returns what a program tells in a stage's environment, which has the client that it needs."""
        python = ROOT / ".venvs" / stage / "bin" / "python"
        known = {**os.environ, **self.environment}
        told = subprocess.run([python, "-c", program, *arguments], env=known, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        return dict(json.loads(told.stdout))

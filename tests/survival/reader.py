"""What others can see of a model: by plain `git`, plain S3 requests and MLflow's REST API.

Nothing of the stages' own code is used here: names, places and formats are spelled out once more, so
that what a stage does wrongly cannot be read wrongly alike.
"""

import hashlib
import json
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from minio import Minio
from minio.error import S3Error
from urllib3.exceptions import HTTPError

from tests.survival.mlflow_rest import ask

NOBODY = "none"  # what MODEL_VERSION holds before the first model


@dataclass(frozen=True)
class Reader:
    """Reads one agent's traces in MLflow, in a bucket and in a bare repository."""

    agent: str
    mlflow: str
    s3: Minio
    bucket: str
    prefix: str
    repository: Path

    # Git

    def deployed(self) -> str:
        """Returns what MODEL_VERSION says on main, which is what Flux rolls out."""
        return self._git("show", f"main:flux/ai/{self.agent}/MODEL_VERSION")

    def bumps(self) -> list[str]:
        """Returns the subjects of the commits that changed MODEL_VERSION since the agent was added, newest first."""
        found = self._git("log", "--format=%s", "main", "--", f"flux/ai/{self.agent}/MODEL_VERSION").splitlines()
        return found[:-1]

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.repository), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    # S3

    def damage(self, version: str) -> list[str]:
        """Returns what is wrong with a version in the store, a sentence each; none where it is complete."""
        content = self.manifest(version)
        if content is None:
            return [f"{version} has no manifest"]
        manifest = json.loads(content)
        found = []
        for name, entry in manifest["files"].items():
            data = self._object(self._key(manifest, name, entry["sha256"]))
            if data is None:
                found.append(f"{name} is missing")
            elif (hashlib.sha256(data).hexdigest(), len(data)) != (entry["sha256"], entry["size"]):
                found.append(f"{name} is damaged")
        if not {"model.safetensors", "config.json", "prompt.json"} <= set(manifest["files"]):
            found.append("the manifest names no whole model")
        return found

    def manifest(self, version: str) -> bytes | None:
        """Returns a version's manifest, or None."""
        return self._object(f"{self.agent}/{version}/manifest.json")

    def _key(self, manifest: dict[str, Any], name: str, digest: str) -> str:
        if manifest["format"] == "agent-training-manifest/2":
            return f"blobs/sha256/{digest}"
        return f"{self.agent}/{manifest['version']}/{name}"

    def objects(self) -> dict[str, str]:
        """Returns the sha256 of every object below the prefix."""
        return {key: hashlib.sha256(content).hexdigest() for key, content in self.contents().items()}

    def contents(self) -> dict[str, bytes]:
        """Returns every object below the prefix."""
        listed = self.s3.list_objects(self.bucket, prefix=f"{self.prefix}/", recursive=True)
        keys = sorted(str(found.object_name).removeprefix(f"{self.prefix}/") for found in listed)
        return {key: self._object(key) or b"" for key in keys}

    def _object(self, key: str) -> bytes | None:
        try:
            with self.s3.get_object(self.bucket, f"{self.prefix}/{key}") as answer:
                return bytes(answer.read())
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            return str(error.code).encode()  # the server itself finds it damaged
        except HTTPError:  # or notices while it sends
            return b"broken off"

    # MLflow

    def versions(self) -> list[dict[str, str]]:
        """Returns the tags of each registered version, oldest first, with its number and its source."""
        condition = {"filter": f"name = '{self.agent}-functiongemma'", "max_results": "1000"}
        found = self._asked(f"model-versions/search?{urlencode(condition)}").get("model_versions", [])
        told = [_tags(version) | {"number": str(version["version"]), "source": version["source"]} for version in found]
        return sorted(told, key=lambda version: int(version["number"]))

    def aliases(self) -> dict[str, str]:
        """Returns the names of the versions that have an alias, by alias."""
        found = self._asked(f"registered-models/get?name={self.agent}-functiongemma").get("registered_model", {})
        names = {version["number"]: version.get("model_version", "") for version in self.versions()}
        return {entry["alias"]: names[str(entry["version"])] for entry in found.get("aliases", [])}

    def runs(self) -> list[dict[str, Any]]:
        """Returns what each run of the agent tells: name, status, parameters, metrics, tags, artefacts."""
        found = self._asked("runs/search", {"experiment_ids": self._experiments()}) if self._experiments() else {}
        return [self._run(run) for run in found.get("runs", [])]

    def logged_models(self) -> list[dict[str, str]]:
        """Returns name and status of each logged model of the agent's experiment."""
        asked = {"experiment_ids": self._experiments()}
        found = self._asked("logged-models/search", asked) if self._experiments() else {}
        return [{"name": model["info"]["name"], "status": model["info"]["status"]} for model in found.get("models", [])]

    def model_files(self) -> dict[str, str]:
        """Returns the sha256 of each file that MLflow holds of the newest version's model."""
        model = self.versions()[-1]["source"].removeprefix("models:/")
        listed = self._asked(f"logged-models/{model}/artifacts/directories")["files"]
        return {file["path"]: hashlib.sha256(self._model_file(model, file["path"])).hexdigest() for file in listed}

    def _model_file(self, model: str, path: str) -> bytes:
        asked = urlencode({"artifact_file_path": path})
        address = f"{self.mlflow}/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?{asked}"
        with urllib.request.urlopen(address, timeout=60) as answer:
            return bytes(answer.read())

    def _experiments(self) -> list[str]:
        found = self._asked(f"experiments/get-by-name?experiment_name={self.agent}-training").get("experiment")
        return [found["experiment_id"]] if found else []

    def _run(self, run: dict[str, Any]) -> dict[str, Any]:
        info, data = run["info"], run["data"]
        history = [self._points(info["run_id"], key) for key in ("training_loss", "accuracy")]
        return {
            "name": info["run_name"],
            "status": info["status"],
            "parameters": {entry["key"]: entry["value"] for entry in data.get("params", [])},
            "metrics": {entry["key"]: entry["value"] for entry in data.get("metrics", [])},
            "history": history,
            "tags": {key: value for key, value in _tags(data).items() if not key.startswith("mlflow.")},
            "artefacts": sorted(self._artefacts(info["run_id"], "")),
        }

    def _points(self, run: str, key: str) -> list[tuple[int, float]]:
        found = self._asked(f"metrics/get-history?run_id={run}&metric_key={key}").get("metrics", [])
        return [(int(point.get("step", 0)), float(point["value"])) for point in found]

    def _artefacts(self, run: str, folder: str) -> list[tuple[str, int]]:
        """Returns path and size of each artefact of a run."""
        listed = self._asked(f"artifacts/list?{urlencode({'run_id': run, 'path': folder})}").get("files", [])
        below = [self._artefacts(run, entry["path"]) for entry in listed if entry["is_dir"]]
        own = [(entry["path"], int(entry["file_size"])) for entry in listed if not entry["is_dir"]]
        return own + [found for each in below for found in each]

    def _asked(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return ask(self.mlflow, path, body)

    # All of it

    def state(self) -> dict[str, Any]:
        """Returns everything that does not depend on time and chance."""
        return {"git": self.git_state(), "store": self.objects(), "mlflow": self.mlflow_state()}

    def git_state(self) -> dict[str, Any]:
        """Returns what main says and how it came to it."""
        return {
            "deployed": self.deployed(),
            "subjects": self._git("log", "--format=%s", "main").splitlines(),
            "files": self._git("ls-tree", "-r", "--name-only", "main").splitlines(),
        }

    def mlflow_state(self) -> dict[str, Any]:
        """Returns versions, aliases, runs and logged models."""
        versions = [{key: known for key, known in one.items() if key != "source"} for one in self.versions()]
        known = {"versions": versions, "aliases": self.aliases()}
        return known | {"runs": self.runs(), "logged models": self.logged_models()}


def _tags(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in thing.get("tags", [])}

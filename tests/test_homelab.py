"""The example repository, built by kustomize as Flux builds it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared import names

HOMELAB = Path(__file__).resolve().parents[1] / "examples" / "homelab"
AGENTS = sorted(path.parent.name for path in HOMELAB.glob("flux/ai/*/MODEL_VERSION"))


@pytest.fixture(scope="module", autouse=True)
def kustomize() -> None:
    """Skips the tests on a laptop without the program, and fails them where everything has to be there."""
    if not shutil.which("kustomize"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("there is no kustomize; install it")


def built(homelab: Path) -> dict[tuple[str, str], Any]:
    """Returns what Flux would apply, by kind and name."""
    command = ["kustomize", "build", "--load-restrictor=LoadRestrictionsNone", str(homelab / "flux/ai")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    resources = YAML(typ="safe").load_all(text)
    return {(resource["kind"], resource["metadata"]["name"]): resource for resource in resources}


def test_another_model_version_rolls_the_agents_and_the_model_server(tmp_path: Path) -> None:
    homelab = tmp_path / "homelab"
    shutil.copytree(HOMELAB, homelab)
    before = built(homelab)
    for agent in AGENTS:
        (homelab / names.model_version_path(agent)).write_text("v20251224-abc12345\n")
    after = built(homelab)
    for agent in AGENTS:
        configs = [_config_of(resources["LambdaAgent", agent]) for resources in (before, after)]
        assert configs[0] != configs[1]
        assert after["ConfigMap", configs[1]]["data"] == {"MODEL_VERSION": "v20251224-abc12345\n"}
    volumes = after["Deployment", "agent-sre-model"]["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"] == _config_of(after["LambdaAgent", "agent-sre"])


def test_the_init_container_reads_the_version_that_kustomize_mounts() -> None:
    resources = built(HOMELAB)
    pod = resources["Deployment", "agent-sre-model"]["spec"]["template"]["spec"]
    (fetch,), (version, *_) = pod["initContainers"], pod["volumes"]
    (folder,) = (mount["mountPath"] for mount in fetch["volumeMounts"] if mount["name"] == version["name"])
    (key,) = resources["ConfigMap", version["configMap"]["name"]]["data"]
    assert f"--version-file={folder}/{key}" in fetch["command"]


def _config_of(agent: Any) -> str:
    (variable,) = (one for one in agent["spec"]["env"] if one["name"] == "MODEL_VERSION")
    return str(variable["valueFrom"]["configMapKeyRef"]["name"])

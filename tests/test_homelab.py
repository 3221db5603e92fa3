"""The example repository, built by kustomize as Flux builds it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from shared import names
from shared.agent_config.deployment import FieldBump
from stages.publish.git.yaml_field import with_field

HOMELAB = Path(__file__).resolve().parents[1] / "examples" / "homelab"
AGENTS = sorted(path.parent.name for path in HOMELAB.glob("flux/ai/*/MODEL_VERSION"))


@pytest.fixture(scope="module", autouse=True)
def kustomize() -> None:
    """Skips the tests on a laptop without the program, and fails them where everything has to be there."""
    if not shutil.which("kustomize"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("there is no kustomize; install it")


def built(homelab: Path, path: str = "flux/ai") -> dict[tuple[str, str], Any]:
    """Returns what Flux would apply of a path, by kind and name."""
    command = ["kustomize", "build", "--load-restrictor=LoadRestrictionsNone", str(homelab / path)]
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


def test_a_bump_reaches_what_is_applied(tmp_path: Path) -> None:
    homelab = tmp_path / "homelab"
    shutil.copytree(HOMELAB, homelab)
    for agent in AGENTS:
        folder = homelab / names.agent_folder(agent)
        for field in YAML(typ="safe").load(folder / "training/config.yaml")["deploy"]["fields"]:
            bump, file = FieldBump(**field), folder / field["file"]
            file.write_text(
                with_field(file.read_text(), bump.field, bump.filled(agent, "v20251224-abc12345"), bump.file)
            )
    applied = built(homelab)
    for agent in AGENTS:
        spec, asked = applied["LambdaAgent", agent]["spec"], f"{agent}:v20251224-abc12345"
        assert spec["ai"]["model"] == asked
        assert [one["value"] for one in spec["env"] if one["name"] == "MODEL_NAME"] == [asked]


@pytest.mark.parametrize("overlay", ["dev", "studio"])
def test_an_overlay_keeps_the_version_and_changes_its_own_alone(overlay: str, tmp_path: Path) -> None:
    homelab = tmp_path / "homelab"
    shutil.copytree(HOMELAB, homelab)
    folder = "flux/ai/agent-auditor/k8s/kustomize"
    (homelab / names.model_version_path("agent-auditor")).write_text("v20251224-abc12345\n")
    base, changed = (built(homelab, f"{folder}/{each}") for each in ("base", overlay))
    one, other = (resources["LambdaAgent", "agent-auditor"] for resources in (base, changed))
    assert _config_of(one) == _config_of(other)
    assert changed["ConfigMap", _config_of(other)]["data"] == {"MODEL_VERSION": "v20251224-abc12345\n"}
    differing = {key for key, value in other["spec"].items() if value != one["spec"][key]}
    assert differing == {"dev": {"scaling"}, "studio": {"ai", "env", "resources"}}[overlay]


def test_the_rules_are_found_by_prometheus_and_each_says_what_it_is_about() -> None:
    resources = built(HOMELAB, "flux/monitoring")
    assert {kind for kind, _ in resources} == {"PrometheusRule"}
    rules = []
    for resource in resources.values():
        wanted = {"prometheus": "kube-prometheus-stack", "role": "alert-rules"}
        assert resource["metadata"]["labels"].items() >= wanted.items()
        rules += [rule for group in resource["spec"]["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) == 53
    assert all(rule["labels"]["severity"] and rule["annotations"]["summary"] for rule in rules)
    assert all(rule["annotations"]["description"] for rule in rules)
    assert sum("lambda_function" in rule["annotations"] for rule in rules) == 5


def test_a_function_s_source_is_there() -> None:
    functions = [resource for (kind, _), resource in built(HOMELAB).items() if kind == "LambdaFunction"]
    assert len(functions) == 7
    assert all((HOMELAB / function["spec"]["source"]["git"]["path"]).is_file() for function in functions)


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

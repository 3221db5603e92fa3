"""A stage's pod has what the stage declares, and no more rights than it needs."""

import dataclasses
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from kubernetes.client import ApiClient

from shared import contract
from shared.contract import NODES, Variable
from shared.errors import StageError
from shared.runner.settings import DEFAULT_URL
from shared.runner.settings import VARIABLES as RUNNER
from workflows.flyte.pods import pod_template
from workflows.flyte.variables import SET_BY_THE_CLUSTER, environment
from workflows.placement import read_placement
from workflows.tasks import stage_task


def pod(stage: str) -> dict[str, Any]:
    """Returns the pod's specification as Kubernetes is sent it."""
    template = pod_template(contract.load(stage), read_placement(stage))
    return dict(ApiClient().sanitize_for_serialization(template.pod_spec))  # type: ignore[no-untyped-call]


def variables(stage: str) -> dict[str, Any]:
    return {entry["name"]: entry for entry in pod(stage)["containers"][0].get("env", [])}


def secrets(stage: str) -> dict[str, str]:
    """Returns, by key, the Secret that a stage's mounted secrets come from."""
    sources = [each for volume in pod(stage)["volumes"] for each in volume.get("projected", {}).get("sources", [])]
    return {item["key"]: each["secret"]["name"] for each in sources for item in each["secret"]["items"]}


@pytest.mark.parametrize("stage", NODES)
def test_a_pod_gets_every_variable_of_its_contract_and_no_other(stage: str) -> None:
    declared = {variable.name for variable in contract.load(stage).environment}
    if not read_placement(stage).profile.runner_url:
        declared -= {variable.name for variable in RUNNER}
    ours = {"MLX_RUNNER_DEFAULT_URL", "SECRETS_FOLDER"}
    files = {name.removesuffix("_FILE") for name in declared if name.startswith("GIT_") and name.endswith("_FILE")}
    assert variables(stage).keys() - ours | secrets(stage).keys() - files == {
        name for name in declared if not name.startswith(SET_BY_THE_CLUSTER)
    }


@pytest.mark.parametrize("stage", NODES)
def test_a_secret_is_a_file_and_no_variable_that_an_argument_could_name(stage: str) -> None:
    for variable in contract.load(stage).environment:
        if variable.secret and (variable not in RUNNER or stage == "train"):
            assert variable.name not in variables(stage)
            assert secrets(stage)[variable.name].startswith("agent-training-")


@pytest.mark.parametrize("stage", NODES)
def test_a_variable_comes_by_name_and_only_a_required_one_must_be_there(stage: str) -> None:
    for variable in contract.load(stage).environment:
        if variable is not DEFAULT_URL and (entry := variables(stage).get(variable.name)):
            reference = {"name": "agent-training", "key": variable.name, "optional": not variable.required}
            assert entry == {"name": variable.name, "valueFrom": {"configMapKeyRef": reference}}


def test_a_variable_that_is_not_placed_is_told() -> None:
    declared = dataclasses.replace(contract.load("convert"), environment=(Variable("HF_HOME", "a folder"),))
    with pytest.raises(StageError, match=r"convert reads HF_HOME, which neither .* names; add"):
        environment(declared)


def test_a_variable_that_is_placed_twice_is_told(tmp_path: Path) -> None:
    (tmp_path / "placement.toml").write_text('[secrets]\na = ["HF_TOKEN"]\nb = ["HF_TOKEN"]\n')
    with pytest.raises(StageError, match=r"names HF_TOKEN in \[secrets\] a and in \[secrets\] b; leave one"):
        environment(contract.load("convert"), tmp_path / "placement.toml")
    (tmp_path / "placement.toml").write_text('[config_maps]\na = ["HF_TOKEN"]\n[secrets]\nb = ["HF_TOKEN"]\n')
    with pytest.raises(StageError, match=r"names HF_TOKEN in \[config_maps\] a and in \[secrets\] b; leave one"):
        environment(contract.load("convert"), tmp_path / "placement.toml")


def test_a_stage_without_a_runner_gets_none_of_its_variables() -> None:
    assert variables("evaluate") == {}
    assert [volume["name"] for volume in pod("evaluate")["volumes"]] == ["temporary"]


def test_the_secrets_are_mounted_where_the_stage_looks_for_them() -> None:
    (volume,) = (volume for volume in pod("dataset")["volumes"] if "projected" in volume)
    items = [{"key": key, "path": key} for key in ("GIT_TOKEN", "GIT_SSH_KEY", "GIT_SSH_KNOWN_HOSTS")]
    assert volume["projected"]["sources"] == [
        {"secret": {"name": "agent-training-git", "items": items, "optional": True}}
    ]
    mounts = {mount["name"]: mount for mount in pod("dataset")["containers"][0]["volumeMounts"]}
    assert mounts[volume["name"]]["mountPath"] == variables("dataset")["SECRETS_FOLDER"]["value"]


@pytest.mark.parametrize("stage", NODES)
def test_a_pod_has_no_right_that_it_does_not_need(stage: str) -> None:
    spec = pod(stage)
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    # On the pod, so that it holds for flytecopilot's containers, which have none of their own.
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


@pytest.mark.parametrize("stage", NODES)
def test_a_pod_may_write_to_a_temporary_folder_of_limited_size(stage: str) -> None:
    spec, placement = pod(stage), read_placement(stage)
    assert spec["volumes"][0] == {"name": "temporary", "emptyDir": {"sizeLimit": placement.ephemeral_storage}}
    assert spec["containers"][0]["volumeMounts"][0] == {"name": "temporary", "mountPath": "/tmp"}
    assert spec["containers"][0]["resources"] == {"requests": placement.requests(), "limits": placement.limits()}


# flytecopilot's sidecar needs Kubernetes 1.29.
@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("profile", ["apple-silicon", "mac-runner", "cuda", "cpu"])
def test_kubernetes_accepts_every_pod(version: str, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_PROFILE", profile)
    for stage in NODES:
        assert kubernetes_validate.validate(manifest(stage), version, strict=True) == version.removesuffix(".0")


def test_kubernetes_refuses_what_it_does_not_know() -> None:
    wrong = manifest("train")
    wrong["spec"]["containers"][0]["securityContext"]["readOnlyFilesystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError, match="'readOnlyFilesystem' was unexpected"):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def manifest(stage: str) -> dict[str, Any]:
    labels = pod_template(contract.load(stage), read_placement(stage)).labels
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": stage, "labels": labels}, "spec": pod(stage)}


@pytest.mark.parametrize("stage", NODES)
def test_costs_are_told_apart_by_a_pods_labels(stage: str) -> None:
    labels = pod_template(contract.load(stage), read_placement(stage)).labels
    assert labels == {"app.kubernetes.io/part-of": "agent-training", "agent-training/stage": stage}


@pytest.mark.parametrize("profile", ["apple-silicon", "mac-runner"])
def test_train_finds_its_runner_where_the_profile_or_else_the_config_map_says(
    profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_PROFILE", profile)
    known, taken_from = variables("train"), {"name": "agent-training", "optional": True}
    assert known["MLX_RUNNER_DEFAULT_URL"]["value"] == "https://host.docker.internal:8765"
    for name in ("MLX_RUNNER_URL", "MLX_RUNNER_LEASE_SECONDS"):
        assert known[name]["valueFrom"] == {"configMapKeyRef": taken_from | {"key": name}}
    assert secrets("train")["MLX_RUNNER_TOKEN"] == secrets("train")["MLX_RUNNER_CERTIFICATE"] == "agent-training-runner"
    assert "HOST_IP" not in known
    assert pod("train").get("tolerations", []) == read_placement("train").profile.tolerations
    assert ("nodeSelector" in pod("train")) == (profile == "apple-silicon")


def test_a_pod_whose_work_a_runner_does_is_small_but_for_its_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_PROFILE", "mac-runner")
    assert pod("train")["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "16Gi"},
        "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "16Gi"},
    }


def test_a_runner_may_be_on_the_pods_own_node() -> None:
    placement = read_placement("train")
    profile = dataclasses.replace(placement.profile, runner_url="https://$(HOST_IP):8765")
    template = pod_template(contract.load("train"), dataclasses.replace(placement, profile=profile))
    entries = ApiClient().sanitize_for_serialization(template.pod_spec)["containers"][0]["env"]  # type: ignore[no-untyped-call]
    # Kubernetes fills in $(NAME) only where NAME stands before.
    assert [entry["name"] for entry in entries[:2]] == ["HOST_IP", "MLX_RUNNER_DEFAULT_URL"]
    assert entries[0]["valueFrom"] == {"fieldRef": {"fieldPath": "status.hostIP"}}
    assert entries[1]["value"] == "https://$(HOST_IP):8765"


def test_evaluate_may_have_a_runner_too() -> None:
    runner = dataclasses.replace(read_placement("evaluate"), profile=read_placement("train").profile)
    template = pod_template(contract.load("evaluate"), runner)
    names = {entry.name for entry in template.pod_spec.containers[0].env}
    assert names == {"MLX_RUNNER_DEFAULT_URL", "MLX_RUNNER_URL", "MLX_RUNNER_LEASE_SECONDS", "SECRETS_FOLDER"}


def test_train_on_a_gpu_gets_one_and_no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_PROFILE", "cuda")
    assert pod("train")["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod("train")["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert not any("RUNNER" in name for name in variables("train"))


def test_train_anywhere_selects_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_PROFILE", "cpu")
    assert not pod("train").keys() & {"nodeSelector", "tolerations"}


def test_train_alone_is_given_flytes_checkpoint_prefixes() -> None:
    given = {stage: [text for text in arguments(stage) if "heckpoint" in text] for stage in NODES}
    assert given.pop("train") == [
        "--checkpoint-to={{.checkpointOutputPrefix}}",
        "--checkpoint-from={{.prevCheckpointPrefix}}",
    ]
    assert not any(given.values())
    assert not any("checkpoint" in name for name in stage_task("train").interface.inputs)


def arguments(stage: str) -> list[str]:
    settings = SerializationSettings(ImageConfig(Image("default", "unused", "unused")), "p", "d", "v", env={})
    return list(stage_task(stage).get_k8s_pod(settings).pod_spec["containers"][0]["args"])

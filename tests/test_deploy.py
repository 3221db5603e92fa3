"""What deploy/flyte gives a cluster: valid, complete, large enough for the stages, and no wider than they need."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from kubernetes.utils.quantity import parse_quantity
from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.error import S3Error
from minio.minioadmin import MinioAdmin
from ruamel.yaml import YAML

from shared.contract import STAGES
from stages.publish.store import s3 as s3_store
from stages.train.checkpoints.bucket import Bucket
from tests.minio_server import MinioServer, minio_server
from tools.tables.variables import BLOCK, PAGE, declared, table
from workflows.flyte import variables
from workflows.flyte.launch_plans import SERVICE_ACCOUNT
from workflows.placement import read_placement

__all__ = ["minio_server"]

FLYTE = Path(__file__).resolve().parents[1] / "deploy" / "flyte"
DOMAINS = ("development", "production")
# flytecopilot's uploader, a sidecar, counts with each stage; what it takes is Flyte's default.
COPILOT = {"cpu": "500m", "memory": "128Mi"}
# The first Kubernetes with the sidecars that Flyte 1.16 makes, and the newest known.
KUBERNETES = ("1.29", kubernetes_validate.latest_version())


def documents(file: Path) -> list[Any]:
    return list(YAML(typ="safe").load_all(file.read_text("utf-8")))


def one(file: Path) -> Any:
    return documents(file)[0]


def settings(domain: str) -> dict[str, str]:
    """Returns the variables of a domain's settings.env with their values."""
    lines = (FLYTE / domain / "settings.env").read_text("utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines if line and line[0] != "#")}


def secret_keys() -> dict[str, str]:
    """Returns, by key, the example's Secret that holds it."""
    secrets = documents(FLYTE / "secrets.example.yaml")
    return {key: secret["metadata"]["name"] for secret in secrets for key in secret["stringData"]}


def amount(quantity: str) -> Decimal:
    return Decimal(parse_quantity(quantity))  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def built() -> Callable[[str], dict[tuple[str, str], Any]]:
    """Returns what a folder would apply, by kind and name."""
    if not shutil.which("kustomize"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("there is no kustomize; install it")

    def build(folder: str) -> dict[tuple[str, str], Any]:
        command = ["kustomize", "build", str(FLYTE / folder)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return {(each["kind"], each["metadata"]["name"]): each for each in YAML(typ="safe").load_all(text)}

    return build


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_applied_is_what_kubernetes_knows(
    built: Callable[[str], dict[tuple[str, str], Any]], domain: str, kubernetes: str
) -> None:
    for resource in [*built(domain).values(), *documents(FLYTE / "secrets.example.yaml")]:
        kubernetes_validate.validate(resource, kubernetes, strict=True)


def test_a_misspelt_field_would_be_seen(built: Callable[[str], dict[tuple[str, str], Any]]) -> None:
    quota = built("production")["ResourceQuota", "agent-training"]
    quota["spec"]["hrad"] = quota["spec"].pop("hard")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(quota, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("domain", DOMAINS)
def test_everything_lies_in_the_namespace_of_project_and_domain(
    built: Callable[[str], dict[tuple[str, str], Any]], domain: str
) -> None:
    project = one(FLYTE / "platform" / "project.yaml")["id"]
    resources = built(domain)
    namespace = resources.pop(("Namespace", f"{project}-{domain}"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"]["namespace"] for each in resources.values()} == {f"{project}-{domain}"}
    attributes = one(FLYTE / "platform" / f"task-resources-{domain}.yaml")
    assert (attributes["project"], attributes["domain"]) == (project, domain)


def test_pods_find_the_names_that_registration_gives_them(
    built: Callable[[str], dict[tuple[str, str], Any]],
) -> None:
    resources = built("production")
    assert resources["ServiceAccount", SERVICE_ACCOUNT]["automountServiceAccountToken"] is False
    values = one(FLYTE / "platform" / "helm-values.yaml")
    template = values["configuration"]["inline"]["plugins"]["k8s"]["default-pod-template-name"]
    assert ("PodTemplate", template) in resources
    assert resources["ConfigMap", "agent-training"]["data"] == settings("production")


def test_every_stage_fits_into_a_container_that_flyte_and_kubernetes_allow(
    built: Callable[[str], dict[tuple[str, str], Any]],
) -> None:
    (limits,) = built("production")["LimitRange", "agent-training"]["spec"]["limits"]
    for domain in DOMAINS:
        allowed = one(FLYTE / "platform" / f"task-resources-{domain}.yaml")["limits"]
        assert {name.replace("_", "-"): value for name, value in allowed.items() if name != "gpu"} == limits["max"]
    for stage in STAGES:
        placement = read_placement(stage)
        assert amount(placement.cpu) <= amount(limits["max"]["cpu"])
        assert amount(placement.memory) <= amount(limits["max"]["memory"])


@pytest.mark.parametrize(("domain", "trainings"), [("development", 1), ("production", 3)])
def test_a_quota_holds_the_trainings_that_it_is_for_and_what_runs_beside_them(
    built: Callable[[str], dict[tuple[str, str], Any]], domain: str, trainings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_PROFILE", "cpu")  # the pod itself trains
    hard = built(domain)["ResourceQuota", "agent-training"]["spec"]["hard"]
    for resource in ("cpu", "memory"):
        copilot = amount(COPILOT[resource])
        train, beside = (amount(getattr(read_placement(stage), resource)) for stage in ("train", "evaluate"))
        for kind in ("requests", "limits"):
            assert amount(hard[f"{kind}.{resource}"]) >= trainings * (train + copilot) + beside + copilot


def test_variables_lie_where_pods_look_for_them() -> None:
    known = {variable.name: variable for variable, _ in declared()}
    read = {*known, *map(variables.key, known.values())}
    placed = {name: holder for name, holder in variables.holders().items() if name in read}
    assert secret_keys() == {name: holder.name for name, holder in placed.items() if holder.is_secret}
    for domain in DOMAINS:
        assert settings(domain).keys() == {name for name, holder in placed.items() if not holder.is_secret}
    assert [name for name, variable in known.items() if variable.secret and not placed[name].is_secret] == []


def test_the_page_shows_where_each_variable_comes_from() -> None:
    assert BLOCK.stale({PAGE: table()}) == []


def test_the_example_of_secrets_cannot_be_applied_as_it_stands() -> None:
    for secret in documents(FLYTE / "secrets.example.yaml"):
        assert not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", secret["metadata"]["namespace"])
        assert all(value.startswith("<") and value.endswith(">") for value in secret["stringData"].values())


def test_flux_applies_folders_that_are_there_and_changes_what_is_in_them(
    built: Callable[[str], dict[tuple[str, str], Any]],
) -> None:
    source, ours, secrets = documents(FLYTE / "flux" / "agent-training.yaml")
    assert ours["spec"]["sourceRef"]["name"] == source["metadata"]["name"]
    assert (FLYTE.parents[1] / ours["spec"]["path"] / "kustomization.yaml").is_file()
    assert secrets["spec"]["dependsOn"] == [{"name": ours["metadata"]["name"]}]
    (patch,) = ours["spec"]["patches"]
    config = built("production")[patch["target"]["kind"], patch["target"]["name"]]
    assert config["metadata"]["namespace"] == patch["target"]["namespace"]
    assert YAML(typ="safe").load(patch["patch"])["data"].keys() <= config["data"].keys()


# ── rights in the store ──────────────────────────────────────────────────────────────────────────

MODELS, FLYTES = "models", "flyte"
VERSION = "agent-sre/v20251224-abc12345"


@pytest.fixture(scope="module")
def root(minio_server: MinioServer) -> Minio:
    """The server's owner, and the buckets of models and of Flyte."""
    client = _client(minio_server, minio_server.access_key, minio_server.secret_key)
    for bucket in (MODELS, FLYTES):
        client.make_bucket(bucket)
    return client


@pytest.fixture
def account(minio_server: MinioServer, root: Minio, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Minio]:
    """Returns a function that makes an account with one of the policies and puts it into the environment."""

    def enter(policy: str) -> Minio:
        host = minio_server.endpoint.removeprefix("http://")
        owner = StaticProvider(minio_server.access_key, minio_server.secret_key)
        admin = MinioAdmin(endpoint=host, credentials=owner, secure=False)
        made = admin.add_service_account(policy_file=FLYTE / "store" / f"{policy}.policy.json")
        keys = json.loads(made)["credentials"]
        for name, value in minio_server.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["accessKey"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["secretKey"])
        return _client(minio_server, keys["accessKey"], keys["secretKey"])

    return enter


def _client(server: MinioServer, access_key: str, secret_key: str) -> Minio:
    host = server.endpoint.removeprefix("http://")
    return Minio(host, access_key, secret_key, secure=False, region="us-east-1")


def test_the_pipelines_account_publishes_and_keeps_checkpoints(
    account: Callable[[str], Minio], root: Minio, tmp_path: Path
) -> None:
    account("pipeline")
    store = s3_store.open_bucket(f"s3://{MODELS}/agents")
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights" * 1024)
    assert store.read(f"{VERSION}/manifest.json") is None
    store.remove_unfinished(f"{VERSION}/weights")
    store.write(f"{VERSION}/weights", weights)
    assert store.write_if_absent(f"{VERSION}/manifest.json", b"{}")
    assert store.digest(f"{VERSION}/weights")
    assert store.write_if_absent(".preflight-1", b"") and store.remove(".preflight-1")
    assert not store.remove(f"{VERSION}/weights")
    checkpoints = Bucket(f"s3://{FLYTES}/data/ab/a1-n2-0/_flytecheckpoints", "checkpoint_to")
    assert checkpoints.newest() is None
    checkpoints.part().write_bytes(b"checkpoint")
    checkpoints.replace()
    assert root.stat_object(FLYTES, "data/ab/a1-n2-0/_flytecheckpoints/checkpoint.safetensors").size == 10


def test_the_pipelines_account_can_neither_remove_a_model_nor_read_what_flyte_keeps(
    account: Callable[[str], Minio], root: Minio, tmp_path: Path
) -> None:
    pipeline, file = account("pipeline"), tmp_path / "file"
    file.write_text("kept")
    root.fput_object(MODELS, "agents/agent-sre/v1/weights", str(file))
    root.fput_object(FLYTES, "data/ab/inputs.pb", str(file))
    for refused in (
        lambda: pipeline.remove_object(MODELS, "agents/agent-sre/v1/weights"),
        lambda: pipeline.get_object(FLYTES, "data/ab/inputs.pb"),
        lambda: pipeline.fput_object(MODELS, "others/weights", str(file)),
    ):
        with pytest.raises(S3Error, match="AccessDenied"):
            refused()


def test_an_agents_account_reads_models_and_writes_none(
    account: Callable[[str], Minio], root: Minio, tmp_path: Path
) -> None:
    agent, file = account("agents"), tmp_path / "file"
    file.write_text("{}")
    root.fput_object(MODELS, f"agents/{VERSION}/model.json", str(file))
    store = s3_store.open_bucket(f"s3://{MODELS}/agents", to_write=False)
    assert store.read(f"{VERSION}/model.json") == b"{}"
    with pytest.raises(S3Error, match="AccessDenied"):
        agent.fput_object(MODELS, f"agents/{VERSION}/model.json", str(file))

"""The compiled workflow is what the stages' contracts say, and runs the same on a laptop."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.tools.translator import get_serializable
from git import Repo
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from shared import contract
from shared.contract import NODES as ALL_NODES
from shared.contract import PIPELINE, Field
from tests.stage_programs import OUTPUTS, arguments, write_programs
from workflows import agent_training, placement, tasks
from workflows.agent_training import agent_training_pipeline
from workflows.local import process
from workflows.local.execution import ROOT, StageFailed
from workflows.placement import read_image, read_placement
from workflows.tasks import stage_task

IMAGES = ImageConfig(default_image=Image("default", "unused", "unused"))
SETTINGS = SerializationSettings(project="p", domain="d", version="v", env={}, image_config=IMAGES)
RUN = ("preflight", *PIPELINE)
CONTRACTS = {stage: contract.load(stage) for stage in RUN}
SIMPLE_TYPES = {int: "INTEGER", float: "FLOAT", bool: "BOOLEAN", str: "STRING"}


def serialised(entity: Any) -> dict[str, Any]:
    """Returns what is sent to Flyte, as the JSON form of its protobuf."""
    return dict(MessageToDict(get_serializable(OrderedDict(), SETTINGS, entity).template.to_flyte_idl()))


WORKFLOW = serialised(agent_training_pipeline)
NODES = {node["metadata"]["name"]: node for node in WORKFLOW["nodes"]}
STAGE_OF = {node["id"]: name for name, node in NODES.items()}
TASKS = {stage: serialised(getattr(agent_training, stage)) for stage in RUN}


def flyte_types(fields: tuple[Field, ...]) -> dict[str, Any]:
    """Returns what the fields are on Flyte."""
    return {
        field.name: {"blob": {"format": field.kind.__name__}}
        if field.artifact
        else {"simple": SIMPLE_TYPES[field.kind]}
        for field in fields
    }


def types(variables: dict[str, Any]) -> dict[str, Any]:
    return {name: variable["type"] for name, variable in variables.get("variables", {}).items()}


def container(stage: str) -> dict[str, Any]:
    """Returns the container of a task, which a pod template holds in a pod."""
    task = TASKS[stage]
    return dict(task["container"] if "container" in task else task["k8sPod"]["podSpec"]["containers"][0])


def bindings(stage: str) -> dict[str, tuple[str, str]]:
    """Returns, by input, the stage and the output that it comes from; of a workflow input the stage is ''."""
    promises = {entry["var"]: entry["binding"]["promise"] for entry in NODES[stage]["inputs"]}
    return {name: (STAGE_OF.get(promise.get("nodeId"), ""), promise["var"]) for name, promise in promises.items()}


def output(stage: str, name: str) -> Field:
    return next(field for field in CONTRACTS[stage].outputs if field.name == name)


# ── the tasks ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stage", RUN)
def test_a_tasks_interface_is_the_contract(stage: str) -> None:
    interface = TASKS[stage]["interface"]
    assert types(interface["inputs"]) == flyte_types(CONTRACTS[stage].inputs)
    assert types(interface["outputs"]) == flyte_types(CONTRACTS[stage].outputs)
    assert TASKS[stage]["id"]["name"] == stage


@pytest.mark.parametrize("stage", RUN)
def test_a_task_passes_each_input_as_one_argument_to_the_images_entrypoint(stage: str) -> None:
    expected = [
        f"{field.flag}=/var/inputs/{field.name}" if field.artifact else f"{field.flag}={{{{.inputs.{field.name}}}}}"
        for field in CONTRACTS[stage].inputs
    ]
    filled = [text for text in container(stage)["args"] if text.startswith("--checkpoint-")]  # by Flyte: test_pods.py
    assert container(stage)["args"] == [*expected, *filled, "--outputs=/var/outputs"]
    program = ["/opt/venv/bin/python", "-m", "stages.publish.preflight.main"]
    assert container(stage).get("command", []) == (program if stage == "preflight" else [])
    assert container(stage)["image"] == read_image(stage).reference


@pytest.mark.parametrize("stage", RUN)
def test_flyte_moves_inputs_and_outputs_where_the_arguments_say(stage: str) -> None:
    task = TASKS[stage]
    config = task["container"] if "container" in task else task["k8sPod"]
    assert config["dataConfig"] == {"enabled": True, "inputPath": "/var/inputs", "outputPath": "/var/outputs"}


@pytest.mark.parametrize("stage", RUN)
def test_a_task_has_the_placement_of_its_stage(stage: str) -> None:
    known, metadata = read_placement(stage), TASKS[stage]["metadata"]
    assert metadata["retries"] == {"retries": known.retries}
    assert metadata["timeout"] == f"{known.timeout.total_seconds():.0f}s"
    assert metadata.get("interruptible", False) is known.interruptible
    assert container(stage)["resources"] == {"requests": known.requests(), "limits": known.limits()}


@pytest.mark.parametrize("stage", RUN)
def test_convert_and_train_alone_are_cached_by_their_image(stage: str) -> None:
    metadata = TASKS[stage]["metadata"]
    if stage in ("convert", "train"):
        assert (metadata["discoverable"], metadata["discoveryVersion"]) == (True, read_image(stage).reference)
    else:
        assert not metadata.keys() & {"discoverable", "discoveryVersion"}


def test_train_alone_is_sent_to_the_nodes_of_its_profile() -> None:
    pods = {stage: TASKS[stage]["k8sPod"]["podSpec"] for stage in PIPELINE}
    assert [stage for stage in PIPELINE if pods[stage].keys() & {"nodeSelector", "tolerations"}] == ["train"]
    assert pods["train"]["nodeSelector"] == read_placement("train").profile.node_selector
    assert pods["train"]["tolerations"] == read_placement("train").profile.tolerations
    for stage in PIPELINE:
        names = [entry["name"] for entry in pods[stage]["containers"]]
        assert names == [TASKS[stage]["config"]["primary_container_name"]]


def test_a_stage_is_swapped_by_its_line_in_images_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = f"ghcr.io/example/train:9.9.9@sha256:{'0a' * 32}"
    lines = (placement.FOLDER / "images.toml").read_text().splitlines()
    changed = [f'train = "{pinned}"' if line.startswith("train =") else line for line in lines]
    (tmp_path / "images.toml").write_text("\n".join(changed))
    monkeypatch.setattr(
        tasks, "read_image", lambda stage, variant: read_image(stage, tmp_path / "images.toml", variant)
    )
    swapped = {stage: serialised(stage_task(stage)) for stage in PIPELINE}
    assert [stage for stage in PIPELINE if swapped[stage] != TASKS[stage]] == ["train"]
    text = json.dumps(TASKS["train"])
    assert text.count(read_image("train").reference) == 2  # the container's image and the cache's version
    assert json.loads(text.replace(read_image("train").reference, pinned)) == swapped["train"]


# ── the graph ────────────────────────────────────────────────────────────────────────────────────


def test_a_node_is_a_stage_and_none_is_a_condition() -> None:
    assert list(NODES) == list(RUN)
    for stage, node in NODES.items():
        assert node["taskNode"]["referenceId"]["name"] == stage
        assert not node.keys() & {"branchNode", "workflowNode", "gateNode", "arrayNode"}


@pytest.mark.parametrize("stage", RUN)
def test_every_input_of_a_stage_is_passed(stage: str) -> None:
    assert bindings(stage).keys() == {field.name for field in CONTRACTS[stage].inputs}


@pytest.mark.parametrize("stage", RUN)
def test_an_edge_joins_equal_kinds(stage: str) -> None:
    for field in CONTRACTS[stage].inputs:
        source, name = bindings(stage)[field.name]
        if source:
            assert issubclass(output(source, name).kind, field.kind), field.name
        else:
            assert types(WORKFLOW["interface"]["inputs"])[name] == flyte_types((field,))[field.name]


def test_artefacts_take_the_way_that_the_stages_describe() -> None:
    edges = {
        f"{stage}.{field.name}": ".".join(bindings(stage)[field.name])
        for stage in PIPELINE
        for field in CONTRACTS[stage].inputs
        if field.artifact
    }
    assert edges == {
        "train.dataset": "dataset.dataset",
        "train.model": "convert.model",
        "evaluate.dataset": "dataset.dataset",
        "evaluate.base_model": "convert.model",
        "evaluate.model": "train.model",
        "evaluate.metrics": "train.metrics",
        "register.dataset": "dataset.dataset",
        "register.model": "train.model",
        "register.adapters": "train.adapters",
        "register.metrics": "train.metrics",
        "register.evaluation": "evaluate.evaluation",
        "publish.dataset": "dataset.dataset",
        "publish.model": "train.model",
        "publish.adapters": "train.adapters",
        "publish.evaluation": "evaluate.evaluation",
        "publish.card": "register.card",
    }


def test_train_waits_for_preflight_and_dataset_and_convert_do_not() -> None:
    preflight = NODES["preflight"]["id"]
    waiting = {stage for stage, node in NODES.items() if preflight in node.get("upstreamNodeIds", [])}
    assert waiting == {"train"}
    assert "upstreamNodeIds" not in NODES["preflight"]


def test_a_scalar_is_passed_under_its_own_name() -> None:
    for stage in RUN:
        for field in CONTRACTS[stage].inputs:
            if not field.artifact:
                assert bindings(stage)[field.name][1] == field.name


def test_publish_takes_the_decision_of_register() -> None:
    known = bindings("publish")
    for name in ("approved", "decision", "model_version", "champion", "run_id"):
        assert known[name] == ("register", name)


def test_every_input_of_the_workflow_is_used() -> None:
    used = {name for stage in RUN for source, name in bindings(stage).values() if not source}
    assert used == WORKFLOW["interface"]["inputs"]["variables"].keys()


def test_the_workflow_has_the_contracts_defaults() -> None:
    defaults = {
        name: default for name, (_, default) in agent_training_pipeline.python_interface.inputs_with_defaults.items()
    }
    assert defaults["agent_name"] is defaults["repository"] is None
    for stage in PIPELINE:
        for field in CONTRACTS[stage].inputs:
            if field.default is not dataclasses.MISSING:
                assert defaults[field.name] == field.default, field.name
                assert type(defaults[field.name]) is field.kind


def test_an_inputs_description_is_the_contracts() -> None:
    described = {name: known["description"] for name, known in WORKFLOW["interface"]["inputs"]["variables"].items()}
    assert described["iters"] == next(field.description for field in CONTRACTS["train"].inputs if field.name == "iters")
    assert described.keys() == WORKFLOW["interface"]["inputs"]["variables"].keys()


def test_the_workflow_says_on_its_page_what_it_does() -> None:
    docs = agent_training_pipeline.docs
    assert docs.short_description.startswith("Train, evaluate, register and publish")
    assert "`outcome` says why" in docs.long_description.value  # the console shows this one alone


def test_the_outcome_is_the_first_thing_to_see() -> None:
    shown = [entry["var"] for entry in WORKFLOW["outputs"]]
    assert shown == list(agent_training.Result._fields)
    assert shown[0] == "outcome"
    for entry in WORKFLOW["outputs"]:
        promise = entry["binding"]["promise"]
        field = output(STAGE_OF[promise["nodeId"]], promise["var"])
        assert field.name == entry["var"]
        assert types(WORKFLOW["interface"]["outputs"])[field.name] == flyte_types((field,))[field.name]


# ── packaging ────────────────────────────────────────────────────────────────────────────────────


def test_the_workflow_is_packaged_without_docker(tmp_path: Path) -> None:
    package = tmp_path / "package.tgz"
    packages = ["--pkgs", "workflows", "--pkgs", "workflows.flyte"]
    command = ["pyflyte", *packages, "package", "--image", "unused:unused", "--output", str(package)]
    environment = {name: value for name, value in os.environ.items() if name not in ("GITOPS", "GITOPS_URL")}
    environment |= {"DOCKER_HOST": "unix:///nowhere"}
    command[0] = str(Path(sys.executable).with_name("pyflyte"))
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    with tarfile.open(package) as archive:
        names = [Path(name).name for name in archive.getnames() if name.endswith(".pb")]
    # flytekit numbers them: 00_dataset_1.pb, where 1 is a task, 2 a workflow and 3 a launch plan.
    entities = sorted(name.removesuffix(".pb").partition("_")[2] for name in names)
    workflows = [f"workflows.retraining.{name}" for name in ("retraining", "training", "no_training")]
    workflows.append("workflows.agent_training.agent_training_pipeline")
    agents = ("agent-auditor", "agent-bruno", "agent-sre")
    plans = [
        *workflows,
        "agent_training_pipeline",
        *(f"{agent}-{purpose}" for agent in agents for purpose in ("training", "watch")),
    ]
    tasks = (f"{stage}_1" for stage in ALL_NODES)
    assert entities == sorted([*tasks, *(f"{name}_2" for name in workflows), *(f"{plan}_3" for plan in plans)])


# ── a run on this machine, by flytekit's own local execution ─────────────────────────────────────


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    monkeypatch.setenv(tasks.RUN_FOLDER, str(folder))
    monkeypatch.setenv("FLYTE_LOCAL_CACHE_ENABLED", "false")
    return folder


@pytest.fixture(scope="module")
def gitops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gitops") / "homelab"
    shutil.copytree(ROOT / "examples" / "homelab", folder)
    with Repo.init(folder, initial_branch="main") as repo:
        repo.git.add("--all")
        name = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        repo.git.execute(["git", *name, "commit", "-qm", "Add the example"])
    return folder


def files_of_flytekit() -> set[Path]:
    access = FlyteContextManager.current_context().file_access
    folders = (Path(access.local_sandbox_dir), Path(access.raw_output_prefix))
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_a_real_stage_leaves_its_outputs_in_the_run_folder(gitops: Path, run_folder: Path) -> None:
    before = files_of_flytekit()
    made = agent_training.dataset(
        agent_name="agent-bruno",
        repository=str(gitops),
        revision="",
        runbook_path="",
        examples_per_alert=4,
        seed=0,
        no_call_share=0.1,
        renamed_share=0.25,
        unseen_alerts_share=0.0,
        max_function_share=0.5,
    )
    with Repo(gitops) as repo:
        assert made.source_commit == repo.head.commit.hexsha
    assert made.rows > 0
    assert made.dataset.path == str(run_folder / "dataset" / "outputs" / "dataset")
    assert Path(made.dataset).is_file()  # flytekit would download a remote file here
    assert files_of_flytekit() == before


def test_a_real_preflights_faults_come_through_flytekit_before_anything_else_runs(
    gitops: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "STORE_URI"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Exception) as error:
        agent_training_pipeline(agent_name="agent-x", repository=str(gitops))
    failure = own_cause(error.value)
    assert (failure.stage, failure.code) == ("preflight", 1)
    assert str(failure).startswith("preflight failed with exit code 1: preflight: 4 of ")
    for fault in (
        "mlflow: the environment variable MLFLOW_TRACKING_URI is not set",
        "store: the environment variable STORE_URI is not set",
        f"git push: the branch main is checked out in {gitops}",
        f"git config: there is no agent agent-x in {gitops} on main",
    ):
        assert fault in str(failure)
    assert {folder.name for folder in run_folder.iterdir()} == {"preflight"}  # no row was made


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree in which each stage is a small program that records its arguments and writes OUTPUTS."""
    monkeypatch.setattr(process, "ROOT", tmp_path / "tree")
    return write_programs(tmp_path / "tree")


def test_a_local_run_passes_values_and_files_unchanged(programs: Path, run_folder: Path) -> None:
    before = files_of_flytekit()
    result = agent_training_pipeline(agent_name="agent-sre", repository="/a b", learning_rate=1e-05, branch="{{.x}}")
    assert result.outcome == "rejected: {{.inputs.x}} 'ü'"
    assert (result.accuracy, result.accuracy_before) == (0.9, 1e-05)
    assert (result.model_uri, result.bump_commit, result.run_id) == ("", "", "ab12")
    assert result.evaluation.path == str(run_folder / "evaluate" / "outputs" / "evaluation")
    assert files_of_flytekit() == before
    for stage in PIPELINE:
        given = arguments(run_folder, stage)
        for field in CONTRACTS[stage].inputs:
            source, name = bindings(stage)[field.name]
            if field.artifact:
                assert given[field.flag] == str(run_folder / source / "outputs" / name)
            elif source:
                assert given[field.flag] == OUTPUTS[source][name]
    assert arguments(run_folder, "dataset")["--repository"] == "/a b"
    assert arguments(run_folder, "train")["--learning-rate"] == "1e-05"
    assert arguments(run_folder, "train")["--iters"] == "300"
    assert arguments(run_folder, "publish")["--branch"] == "{{.x}}"


def test_a_failing_stage_ends_the_run(programs: Path, run_folder: Path) -> None:
    (programs / "evaluate" / "bin" / "outputs.json").unlink()
    with pytest.raises(Exception) as error:
        agent_training_pipeline(agent_name="agent-sre", repository="/r")
    assert str(own_cause(error.value)) == "evaluate failed with exit code 1: it gave no reason"
    assert {folder.name for folder in run_folder.iterdir()} == {"preflight", "dataset", "convert", "train", "evaluate"}


def own_cause(error: BaseException | None) -> StageFailed:
    while error is not None and not isinstance(error, StageFailed):
        error = error.__cause__ or error.__context__
    assert error is not None, "no StageFailed in the chain"
    return error

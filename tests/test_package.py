"""What is registered on Flyte, read from the archive; and what is told before an archive is written."""

import copy
import os
import shutil
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from shared import contract
from shared.contract import NODES, STAGES, Field, Scalar
from shared.engine.command_line import Parser
from shared.errors import StageError
from tests.mlflow_server import free_port
from tools.flyte import entities, package, register
from tools.images import pins
from tools.tables import nodes
from tools.tables.nodes import Package
from workflows.flyte import server
from workflows.local.copilot import argument_text
from workflows.local.execution import ROOT

SIMPLE_TYPES = {int: "INTEGER", float: "FLOAT", bool: "BOOLEAN", str: "STRING", datetime: "DATETIME"}
URL = "https://git.example.com/own.git"
WRITE = "import sys; from pathlib import Path; from tools.flyte import entities, package; "
WRITE += "package.write(entities.entities(), Path(sys.argv[1]))"


def environment(**given: str) -> dict[str, str]:
    """Returns the environment without what a developer's shell may name."""
    names = ("GITOPS", "GITOPS_URL", "TRAIN_PROFILE")
    return {name: value for name, value in os.environ.items() if name not in names} | given


def program(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(**given), capture_output=True, text=True)


def packaged(archive: Path, **given: str) -> Package:
    """Returns what is packaged by a process of its own: a process loads the workflows once."""
    done = program("-c", WRITE, str(archive), **given)
    assert done.returncode == 0, done.stderr
    return nodes.read(archive)


def agent(checkout: Path, name: str, config: str) -> None:
    """Adds an agent to a checkout."""
    folder = checkout / "flux" / "ai" / name
    shutil.copytree(ROOT / "examples/homelab/flux/ai/agent-sre/docs", folder / "docs")
    (folder / "training").mkdir()
    (folder / "training" / "config.yaml").write_text(config)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of the example, unpacked."""
    archive = tmp_path_factory.mktemp("package") / "new" / "package.tgz"
    secrets = {"GIT_TOKEN": "ghp_never", "AWS_SECRET_ACCESS_KEY": "ghp_never", "HF_TOKEN": "ghp_never"}
    return packaged(archive, **secrets)


# ── what is in it ────────────────────────────────────────────────────────────────────────────────


def test_every_stage_is_a_task_with_its_contract(known: Package) -> None:
    assert known.tasks.keys() == set(NODES)
    for stage in NODES:
        declared, interface = contract.load(stage), known.tasks[stage]["template"]["interface"]
        assert known.tasks[stage]["description"]["shortDescription"] == declared.title
        for side, fields in (("inputs", declared.inputs), ("outputs", declared.outputs)):
            assert interface[side]["variables"] == {field.name: variable(field) for field in fields}


def variable(field: Field) -> dict[str, Any]:
    kind = {"blob": {"format": field.kind.__name__}} if field.artifact else {"simple": SIMPLE_TYPES[field.kind]}
    return {"type": kind, "description": field.description}


def test_a_node_has_the_name_of_its_stage(known: Package) -> None:
    for workflow in known.workflows.values():
        for node in workflow["template"]["nodes"]:
            if "taskNode" in node:
                assert node["metadata"]["name"] == node["taskNode"]["referenceId"]["name"]


def test_every_input_of_a_node_is_bound(known: Package) -> None:
    for workflow in known.workflows.values():
        for node in workflow["template"]["nodes"]:
            if "taskNode" in node:
                bound = {binding["var"] for binding in node["inputs"]}
                assert bound == {field.name for field in contract.load(node["metadata"]["name"]).inputs}


def test_kubernetes_accepts_every_pod(known: Package) -> None:
    for stage in NODES:
        pod = known.tasks[stage]["template"]["k8sPod"]
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"], "spec": pod["podSpec"]}
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_a_secret_is_named_and_its_value_is_nowhere(known: Package) -> None:
    assert "agent-training-git" in str(known.tasks["dataset"])
    assert "ghp_never" not in str(known)


def test_the_page_of_all_nodes_is_up_to_date() -> None:
    done = program("-m", "tools.tables.nodes", "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_tree_gives_the_same_bytes_twice() -> None:
    # flytekit keeps a node's predecessors as a set, whose order is another in each process.
    digest = "from tools.flyte import entities as known; print(known.digest(known.entities()))"
    assert len({program("-c", digest, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}) == 1


def test_an_eighth_agent_adds_its_launch_plans_and_changes_no_other(tmp_path: Path) -> None:
    for number in range(1, 8):
        pinned = f", model_revision: {'0a' * 20}" if number == 7 else ""
        config = f"training: {{iters: {number}{pinned}}}\nschedule: {{cron: '{number} 2 * * 0'}}\n"
        agent(tmp_path / "gitops", f"agent-{number}", config)
    given = {"GITOPS": str(tmp_path / "gitops"), "GITOPS_URL": URL}
    seven = packaged(tmp_path / "seven.tgz", **given)
    plans = {name: plan["spec"] for name, plan in seven.launch_plans.items() if name not in seven.workflows}
    del plans["agent_training_pipeline"]
    assert plans.keys() == {f"agent-{number}-{purpose}" for number in range(1, 8) for purpose in ("training", "watch")}
    for number in range(1, 8):
        spec = plans[f"agent-{number}-training"]
        parameters = spec["defaultInputs"]["parameters"]
        assert parameters["iters"]["default"]["scalar"]["primitive"] == {"integer": str(number)}
        assert spec["fixedInputs"]["literals"]["repository"]["scalar"]["primitive"] == {"stringValue": URL}
        assert spec["entityMetadata"]["schedule"]["cronSchedule"] == {"schedule": f"{number} 2 * * 0"}
        # A base that no revision pins must not come from the cache.
        assert spec.get("overwriteCache", False) is (number != 7)
    agent(tmp_path / "gitops", "agent-8", "training: {iters: 8}\n")
    eight = packaged(tmp_path / "eight.tgz", **given)
    assert eight.launch_plans.keys() - seven.launch_plans.keys() == {"agent-8-training", "agent-8-watch"}
    assert (eight.tasks, eight.workflows) == (seven.tasks, seven.workflows)
    assert {name: eight.launch_plans[name] for name in seven.launch_plans} == seven.launch_plans


# ── arguments ────────────────────────────────────────────────────────────────────────────────────

EDGES: dict[type, list[Scalar]] = {
    int: [0, 1, -1, 50, 2**63 - 1, -(2**63) + 1],
    float: [0.0, 1.0, 0.5, 1e-5, 1e-7, 2e-4, 0.30000000000000004, 1e21, 123456789.125, -0.25],
    bool: [True, False],
    str: ["", "a b", "--iters=3", "-x", "{{.inputs.seed}}", "é\n\"'$(id)`", "main", "https://h/x.git", "'", "a=b"],
    datetime: [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 26, 4, tzinfo=UTC),
        datetime(2026, 2, 28, 1, 2, 3, 456789, UTC),
    ],
}


@pytest.mark.parametrize("stage", STAGES)
def test_every_scalar_that_flyte_renders_is_read_back_by_the_stage(known: Package, stage: str) -> None:
    template = known.tasks[stage]["template"]["k8sPod"]["podSpec"]["containers"][0]["args"]
    declared = contract.load(stage)
    parser = Parser.of(declared)
    usual = {field.name: allowed(field)[0] for field in declared.inputs if not field.artifact}
    for field in declared.inputs:
        for value in allowed(field) if not field.artifact else []:
            given = vars(parser.parse_args(rendered(template, usual | {field.name: value})))
            assert given[field.name] == value
            assert {name: given[name] for name in usual} == usual | {field.name: value}


def allowed(field: Field) -> list[Scalar]:
    """Returns the edge values that keep the field's limits, and its default; for a choice, the choices."""
    found = [] if field.is_required else [field.default]
    choices = [word.strip() for limit in field.limits for word in limit.text.removeprefix("one of ").split(",")]
    for value in [*EDGES[field.kind], "agent-sre", *choices]:
        if field.holds(value) and all(limit.holds(value) for limit in field.limits):
            found.append(value)
    assert found, field.name
    return found


def rendered(template: list[str], values: dict[str, Scalar]) -> list[str]:
    """Returns arguments as propeller's templates become: a text is put in as it is, and not rendered again."""
    engine = {"{{.checkpointOutputPrefix}}": "s3://flyte/x/_flytecheckpoints", "{{.prevCheckpointPrefix}}": '""'}
    done = []
    for argument in template:
        flag, _, text = argument.partition("=")
        name = text.removeprefix("{{.inputs.").removesuffix("}}")
        done.append(f"{flag}={argument_text(values[name]) if name in values else engine.get(text, text)}")
    return done


# ── what is told before anything is written ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("config", "given", "reason"),
    [
        ("training: {iter: 3}\n", {}, "config.yaml, line 1: training.iter is not known; did you mean iters?"),
        ("schedule: {cron: '61 2 * * 0'}\n", {}, "schedule has '61 2 * * 0', which is no cron schedule; write"),
        (
            "training: {}\n",
            {"TRAIN_PROFILE": "tpu"},
            "names the profile tpu; known are apple-silicon, cpu, cuda, mac-runner",
        ),
        ("no runbook", {}, "but no runbook"),
    ],
)
def test_a_mistake_is_one_line_and_no_archive(tmp_path: Path, config: str, given: dict[str, str], reason: str) -> None:
    agent(tmp_path / "gitops", "agent-own", "training: {}\n" if config == "no runbook" else config)
    if config == "no runbook":
        shutil.rmtree(tmp_path / "gitops/flux/ai/agent-own/docs")
    named = {"GITOPS": str(tmp_path / "gitops"), "GITOPS_URL": URL, **given}
    done = program("-m", "tools.flyte.package", "--output", str(tmp_path / "package.tgz"), **named)
    assert done.returncode == 1
    assert reason in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert not (tmp_path / "package.tgz").exists()


def test_an_archive_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match=r"file/package.tgz cannot be written: .*; give another --output"):
        package.write([], tmp_path / "file" / "package.tgz")


# ── registration ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def gitops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITOPS", str(ROOT / "examples" / "homelab"))
    monkeypatch.setenv("GITOPS_URL", "https://git.example.com/homelab.git")
    monkeypatch.delenv("TRAIN_PROFILE", raising=False)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"project": "", "domain": "development"}, "PROJECT is not given; let it be the project on Flyte"),
        ({"project": "p", "domain": ""}, "DOMAIN is not given; let it be the project's domain, such as development"),
        ({"project": "p", "domain": "d", "version": "a b"}, "VERSION is 'a b'; it may hold letters, digits, dots"),
    ],
)
@pytest.mark.usefixtures("gitops")
def test_what_is_not_given_is_told(arguments: dict[str, str], reason: str) -> None:
    with pytest.raises(StageError, match=f"^{reason}"):
        register.register(**arguments)


def test_a_checkout_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITOPS", raising=False)
    with pytest.raises(StageError, match=r"^GITOPS is not given; let it be a checkout of the GitOps repository$"):
        register.register("p", "d")


@pytest.mark.usefixtures("gitops")
def test_a_flyte_that_does_not_answer_ends_the_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    # With nothing pinned, the images would be told before.
    monkeypatch.setattr(pins, "STAGES", ())
    monkeypatch.setenv("FLYTE_PLATFORM_URL", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    with pytest.raises(StageError, match=r"^Flyte at 127.0.0.1:\d+ cannot be reached: "):
        register.register("agent-training", "development", "v1")


def test_two_of_one_name_are_refused() -> None:
    found = entities.entities()
    with pytest.raises(StageError, match=r"^there are two tasks of the name preflight; rename one of the agents$"):
        entities.check_names([*found, found[0]])


@pytest.mark.usefixtures("gitops")
def test_a_launch_plan_of_another_repository_is_not_taken_over() -> None:
    plans = [entity for entity in entities.entities() if entities.kind_of(entity) == "launch plan"]
    own = [plan for plan in plans if register.repository_of(plan)]
    register.check_owner(own, own)
    # A launch plan of the same name that fixes no `repository` is of another workflow altogether.
    stranger = copy.deepcopy(own[0])
    del stranger.spec.fixed_inputs.literals["repository"]
    with pytest.raises(
        StageError, match=r"is active for no repository, and this is https://git.example.com/homelab.git"
    ):
        register.check_owner(own, [stranger])


@pytest.fixture
def flyte(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A project and its domain on a real Flyte in which tests may register."""
    if not os.environ.get("FLYTE_TEST_ENDPOINT"):
        pytest.skip("FLYTE_TEST_ENDPOINT=host:port names no Flyte (without TLS) on which tests may register")
    monkeypatch.setenv("FLYTE_PLATFORM_URL", os.environ["FLYTE_TEST_ENDPOINT"])
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    return os.environ.get("FLYTE_TEST_PROJECT", "agent-training"), os.environ.get("FLYTE_TEST_DOMAIN", "staging")


def test_an_unknown_project_or_domain_is_told_with_those_there_are(flyte: tuple[str, str]) -> None:
    project, domain = flyte
    with pytest.raises(StageError, match=f"^Flyte has no project {project}x; it has: .*{project}"):
        server.check_place(server.connect(f"{project}x", domain))
    with pytest.raises(StageError, match=f"^Flyte has no domain {domain}x; it has: .*{domain}"):
        server.check_place(server.connect(project, f"{domain}x"))


@pytest.mark.usefixtures("gitops")
def test_what_is_registered_is_active_and_changes_only_under_a_new_version(flyte: tuple[str, str]) -> None:
    version = f"test-{uuid.uuid4().hex[:8]}"
    remote, found = server.connect(*flyte), entities.entities(*flyte, version)
    lines = register.put(remote, found)
    assert any("agent-sre-training" in line and "active, starts at 0 2 * * 0 (UTC)" in line for line in lines)
    assert register.put(remote, found) == lines
    active = {plan.id.name: plan.id.version for plan in server.active_launch_plans(remote)}
    assert active["agent-sre-training"] == active["agent-bruno-watch"] == version
    left = register.put(remote, [entity for entity in found if "agent-bruno" not in entities.name_of(entity)])
    gone = "launch plan agent-bruno-watch: deactivated, since the repository holds its agent no more"
    assert gone in left
    assert "agent-bruno-watch" not in {plan.id.name for plan in server.active_launch_plans(remote)}
    changed = copy.deepcopy(found[0])
    changed.template.metadata._discoverable = True
    with pytest.raises(StageError, match=f"VERSION {version} of task .* is registered with another content; give"):
        register.put(remote, [changed])

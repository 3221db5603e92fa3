"""Starting a launch plan on Flyte: names, inputs, what a job shows, and a Flyte that is not there.

The tests with a Flyte need one with the launch plans of the example: FLYTE_TEST_ENDPOINT=host:port (without TLS),
FLYTE_TEST_PROJECT and FLYTE_TEST_DOMAIN.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flyteidl.admin import task_execution_pb2 as task_execution
from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.core.identifier_pb2 import TaskExecutionIdentifier
from flytekit.models.core.identifier import Identifier, ResourceType
from flytekit.models.interface import Parameter, ParameterMap, Variable, VariableMap
from flytekit.models.launch_plan import LaunchPlan, LaunchPlanClosure
from flytekit.models.literals import Literal, LiteralMap, Primitive, Scalar
from flytekit.models.types import LiteralType, SimpleType

from shared import contract
from shared.errors import StageError
from tests.mlflow_server import free_port
from workflows.flyte.triggers import job_summary
from workflows.flyte.triggers.progress import last_line, state
from workflows.flyte.triggers.starting import ASKED, MOST_CHARACTERS, execution_name, typed_inputs
from workflows.local.execution import ROOT

COMMIT = "3f9a1c0244444444444444444444444444444444"
SECONDS = 40  # that a start may take until it gives up


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workflows.flyte.triggers.launch", *arguments]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("FLYTE", "GITHUB"))}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=variables | environment, check=False, timeout=600
    )


# ── names ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("agent", ["agent-sre", "a", "7-of-9", "a" * 63, "0" * 63, "agent-" + "x" * 50])
@pytest.mark.parametrize("commit", [COMMIT, ""])
def test_flyte_takes_the_name_of_every_agents_execution(agent: str, commit: str) -> None:
    for attempt in (1, 2, 1000):
        name = execution_name(agent, commit, attempt)
        assert re.fullmatch(r"[a-z][a-z\-0-9]*", name)
        assert len(name) <= MOST_CHARACTERS


def test_a_commit_has_one_name_and_another_after_a_failure() -> None:
    assert execution_name("agent-sre", COMMIT) == "agent-sre-3f9a1c02"
    assert execution_name("agent-sre", COMMIT, 2) == "agent-sre-3f9a1c02-2"
    assert execution_name("a" * 62 + "b", COMMIT) != execution_name("a" * 62 + "c", COMMIT)


def test_without_a_commit_each_start_has_a_name_of_its_own() -> None:
    assert execution_name("agent-sre") != execution_name("agent-sre")


# ── inputs ───────────────────────────────────────────────────────────────────────────────────────


def launch_plan(*inputs: str, fixed: Sequence[str] = ()) -> LaunchPlan:
    """Returns a launch plan as Flyte describes it, with text inputs of these names, and others that are fixed."""
    text = LiteralType(simple=SimpleType.STRING)
    empty = Literal(scalar=Scalar(primitive=Primitive(string_value="")))
    parameters = {name: Parameter(Variable(text, ""), default=empty) for name in inputs}
    identifier = Identifier(ResourceType.LAUNCH_PLAN, "p", "d", "agent-sre-training", "v1")
    spec = SimpleNamespace(fixed_inputs=LiteralMap(dict.fromkeys(fixed, empty)))
    return LaunchPlan(identifier, spec, LaunchPlanClosure(1, ParameterMap(parameters), VariableMap({})))


def test_inputs_get_the_types_that_the_stages_declare() -> None:
    plan = launch_plan(*ASKED, "iters", "learning_rate", "repository", "retrain_below")
    given = ["ITERS=200", "learning_rate=1", "GITOPS=https://git.example/a.git?b=c", "RETRAIN_BELOW=0.5"]
    assert typed_inputs(given, plan) == {
        "iters": 200,
        "learning_rate": 1.0,
        "repository": "https://git.example/a.git?b=c",
        "retrain_below": 0.5,
    }


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("ITERZ=3", r"ITERZ is no setting of a run; did you mean ITERS\?"),
        ("SEED=3", "SEED is no setting of a run; known here: GITOPS, ITERS, REPOSITORY"),
        ("AGENT=x", "AGENT is no setting of a run; known here: GITOPS, ITERS, REPOSITORY"),
        ("trigger=watch", "trigger is no setting of a run; known here: GITOPS, ITERS, REPOSITORY"),
        ("ITERS=0", "iters is 0; it must be at least 1"),
        ("ITERS", "ITERS has no value; write ITERS=value"),
    ],
)
def test_an_input_that_the_launch_plan_does_not_take_is_refused(argument: str, reason: str) -> None:
    with pytest.raises(StageError, match=f"^{reason}$"):
        typed_inputs([argument], launch_plan(*ASKED, "iters", "repository"))


@pytest.mark.parametrize("argument", ["GITOPS=https://git.example/a.git", "repository=x"])
def test_an_input_that_the_launch_plan_fixes_is_told_with_where_it_can_be_another(argument: str) -> None:
    reason = (
        "repository is fixed for this agent, by its config.yaml or by default; "
        "change it there, `make register`; or start agent_training_pipeline, which takes every input"
    )
    with pytest.raises(StageError, match=f"^{reason}$"):
        typed_inputs([argument], launch_plan(*ASKED, "iters", fixed=["agent_name", "repository"]))


def test_a_launch_plan_of_an_older_workflow_is_told() -> None:
    with pytest.raises(StageError, match="agent-sre-training v1 takes no input trigger; `make register` registers"):
        typed_inputs([], launch_plan("iters"))


@pytest.mark.parametrize("wrong", [("--agent=Agent X",), ("--agent=agent-sre", "--commit=main")])
def test_a_wrong_argument_is_refused_before_flyte_is_asked(wrong: tuple[str, ...]) -> None:
    result = run(*wrong, FLYTE_PLATFORM_URL=f"127.0.0.1:{free_port()}")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"launch: (agent_name|--commit) is '.*'; .*\n", result.stderr)


# ── what a job shows ─────────────────────────────────────────────────────────────────────────────


def test_what_a_stage_says_cannot_become_markup_of_the_summary() -> None:
    said = "<img src=x> | [click](https://evil.example)\n# big **bold** @team `code` ::error::x"
    (row,) = job_summary.markdown("T", {"outcome": said}).splitlines()[4:-1]
    assert row == (
        r"| outcome | &lt;img src\=x&gt; \| \[click\]\(https\://evil\.example\) \# big \*\*bold\*\* \@team \`code\` "
        r"\:\:error\:\:x |"
    )


def test_a_page_is_a_link_and_what_is_empty_is_left_out() -> None:
    page = "https://mlflow.example/#/experiments/1?a=b"
    rows: dict[str, contract.Scalar] = {"page": page, "bad": "javascript:alert(1)", "none": "", "right": True}
    assert job_summary.markdown("Training of agent-sre", rows).splitlines() == [
        r"### Training of agent\-sre",
        "",
        "| | |",
        "|---|---|",
        r"| page | [https\://mlflow\.example/\#/experiments/1?a\=b](<https://mlflow.example/#/experiments/1?a=b>) |",
        r"| bad | javascript\:alert\(1\) |",
        "| right | true |",
        "",
    ]


def test_an_output_of_a_step_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    job_summary.write_outputs({"link": "https://a\nother=b"})
    assert (tmp_path / "output").read_text() == "link=https://a other=b\n"


def test_the_reason_of_a_failure_is_the_last_line_that_says_something() -> None:
    said = "Workflow[p:d:w] failed. RuntimeExecutionError: [primary] terminated\nlog\ntrain: no space is left\n\n."
    assert last_line(said) == "train: no space is left"
    assert last_line("\n.\n") == "no reason is given"


NO_NODE = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.\npreemption: 0/2 nodes"


@pytest.mark.parametrize(
    ("phase", "attempt", "reason", "told"),
    [
        (TaskExecution.QUEUED, 0, NO_NODE, f"QUEUED: {NO_NODE}".replace("\n", " ")),
        (TaskExecution.INITIALIZING, 1, "ContainersNotReady", "INITIALIZING (attempt 2): ContainersNotReady"),
        (
            TaskExecution.WAITING_FOR_RESOURCES,
            0,
            "exceeded quota: train",
            "WAITING_FOR_RESOURCES: exceeded quota: train",
        ),
        (TaskExecution.QUEUED, 0, "", "QUEUED"),
        (TaskExecution.RUNNING, 0, "Started container primary", "RUNNING"),
        (TaskExecution.QUEUED, 0, "x" * 2000, f"QUEUED: {'x' * 299}…"),
    ],
)
def test_a_stage_that_waits_says_for_what(phase: Any, attempt: int, reason: str, told: str) -> None:
    closure = task_execution.TaskExecutionClosure(phase=phase, reason=reason)
    identifier = TaskExecutionIdentifier(retry_attempt=attempt)
    assert state(task_execution.TaskExecution(id=identifier, closure=closure)) == told


# ── a Flyte that is not there ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("127.0.0.1:{port}", r"Flyte at 127.0.0.1:\d+ cannot be reached: .*refused; FLYTE_PLATFORM_URL or .*"),
        (
            "https://flyte.example",
            r"the address of Flyte is 'https://flyte.example'; write host:port, without https://",
        ),
    ],
)
def test_a_flyte_that_is_not_there_is_told_in_one_line_and_soon(endpoint: str, reason: str) -> None:
    started = time.monotonic()
    result = run(
        "--agent=agent-sre", FLYTE_PLATFORM_URL=endpoint.format(port=free_port()), FLYTE_PLATFORM_INSECURE="true"
    )
    assert time.monotonic() - started < SECONDS
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(f"launch: {reason}\n", result.stderr), result.stderr


def test_a_login_without_its_secret_is_told() -> None:
    login = {"FLYTE_CREDENTIALS_AUTH_MODE": "clientSecret", "FLYTE_CREDENTIALS_CLIENT_ID": "me"}
    result = run("--agent=agent-sre", FLYTE_PLATFORM_URL="127.0.0.1:9", **login)
    assert result.stderr == (
        "launch: the login clientSecret needs a client's id and secret; set FLYTE_CREDENTIALS_AUTH_MODE=clientSecret, "
        "FLYTE_CREDENTIALS_CLIENT_ID and …_CLIENT_SECRET\n"
    )


# ── a Flyte that is there ────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def on_flyte() -> Any:
    """Returns `run` for the Flyte that the environment names."""
    endpoint = os.environ.get("FLYTE_TEST_ENDPOINT")
    if not endpoint:
        pytest.skip("FLYTE_TEST_ENDPOINT names no Flyte with the example's launch plans")
    place = {
        "--project": os.environ.get("FLYTE_TEST_PROJECT", "agent-training"),
        "--domain": os.environ.get("FLYTE_TEST_DOMAIN", "development"),
    }

    def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        where = [f"{name}={value}" for name, value in place.items()]
        address = {"FLYTE_PLATFORM_URL": endpoint, "FLYTE_PLATFORM_INSECURE": "true"}
        return run(*where, *arguments, **address, **environment)

    return start


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("--agent=agent-nobody",),
            "there is no launch plan agent-nobody-training in .*; active there: .*agent-sre-t.*",
        ),
        (("--agent=agent-sre", "--project=nope"), "Flyte has no project nope; it has: .*"),
        (("--agent=agent-sre", "--domain=nope"), "Flyte has no domain nope; it has: .*development.*"),
        (("--agent=agent-sre", "--input=ITERS=x"), "iters is 'x'; it must be a whole number"),
    ],
)
def test_what_flyte_does_not_have_is_told_with_what_it_has(
    on_flyte: Any, arguments: tuple[str, ...], reason: str
) -> None:
    result = on_flyte(*arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(f"launch: {reason}\n", result.stderr), result.stderr


def test_one_commit_starts_one_execution_and_again_after_its_failure(on_flyte: Any, tmp_path: Path) -> None:
    """The revision is one that nobody has, so that dataset fails soon."""
    commit = f"{time.time_ns():016x}"[-12:]
    nowhere = f"--input=REVISION={commit}"
    asked = ("--agent=agent-auditor", "--trigger=runbook", f"--commit={commit}", nowhere, "--patience=10")
    name, link = f"agent-auditor-{commit[:8]}", r"https?://\S+/executions/"
    files = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "output")}
    first = on_flyte(*asked, **files)
    assert re.fullmatch(f"agent-auditor: execution {name} is started\n{link}{name}\n", first.stdout), first.stderr
    assert f"execution={name}\nlink=" in (tmp_path / "output").read_text()
    second = on_flyte(*asked, "--wait", **files)
    assert f"execution {name} is RUNNING; commit {commit[:8]} started it before" in second.stdout
    assert (second.returncode, "\nphase: FAILED\nerror: dataset: " in second.stdout) == (1, True)
    assert "  dataset: " in second.stderr
    assert r"| phase | FAILED |" in (tmp_path / "summary").read_text()
    third = on_flyte(*asked, **files)
    assert f"execution {name}-2 is started" in third.stdout
    busy = on_flyte("--agent=agent-auditor", nowhere)
    assert re.fullmatch(
        f"launch: an execution of agent-auditor-training runs already, .*{name}-2; start again .*\n", busy.stderr
    )

"""Starting a launch plan on Flyte: the inputs' types, the execution's name, and one start for one cause."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from uuid import uuid4

import grpc
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.core.identifier import WorkflowExecutionIdentifier
from flytekit.models.execution import Execution, ExecutionMetadata, ExecutionSpec
from flytekit.models.filters import Equal, ValueIn
from flytekit.models.launch_plan import LaunchPlan
from flytekit.remote import FlyteRemote

from shared.contract import STAGES, Field, Scalar
from shared.errors import StageError
from workflows.flyte.server import Refused, answers
from workflows.flyte.triggers.progress import BADLY_ENDED, phase
from workflows.inputs import settings_of
from workflows.local.settings import parse_settings, setting_name

BUSY_SECONDS = 30  # between two attempts to start while another execution of the agent runs
MOST_CHARACTERS = 63  # of an execution's name: flyteadmin's allowedExecutionNameLength
ASKED = ("trigger", "force_retrain")  # what each start says


class Busy(StageError):
    """Flyte runs another execution of the launch plan, and runs one at a time; `running` says which."""

    def __init__(self, running: str) -> None:
        super().__init__(f"{running}; start again when it has ended, or give --patience")
        self.running = running


def typed_inputs(arguments: Sequence[str], plan: LaunchPlan) -> dict[str, Scalar]:
    """Returns the inputs that NAME=value arguments give, as the stages declare them.

    Raises StageError for an input that the launch plan does not take, and for a value that its stage would refuse.
    """
    taken = plan.closure.expected_inputs.parameters
    if missing := [name for name in ASKED if name not in taken]:
        remedy = "`make register` registers it anew"
        raise StageError(f"the launch plan {plan.id.name} {plan.id.version} takes no input {missing[0]}; {remedy}")
    known = settings_of(*STAGES)
    _refuse_fixed(arguments, plan, known)
    fields = {name: field for name, field in known.items() if name in taken and name not in ASKED}
    return parse_settings(arguments, fields)


def _refuse_fixed(arguments: Sequence[str], plan: LaunchPlan, known: Mapping[str, Field]) -> None:
    """Raises StageError for an input that the agent's launch plan fixes, with where it can be another."""
    fixed = plan.spec.fixed_inputs.literals
    for argument in arguments:
        name = setting_name(argument.partition("=")[0])
        if name in known and name in fixed:
            remedy = "change it there, `make register`; or start agent_training_pipeline, which takes every input"
            raise StageError(f"{name} is fixed for this agent, by its config.yaml or by default; {remedy}")


def execution_name(agent: str, commit: str = "", attempt: int = 1) -> str:
    """Returns the name of an execution: the same for the same agent, commit and attempt; without commit, a new one."""
    ending = f"-{commit[:8] or uuid4().hex[:12]}" + (f"-{attempt}" if attempt > 1 else "")
    start = agent if agent[0].isalpha() else f"agent-{agent}"  # flyteadmin wants a letter first
    if len(start) + len(ending) > MOST_CHARACTERS:
        digest = hashlib.sha256(agent.encode()).hexdigest()[:8]
        start = f"{start[: MOST_CHARACTERS - len(ending) - len(digest) - 1]}-{digest}"
    return start + ending


def free_name(remote: FlyteRemote, agent: str, commit: str) -> tuple[str, Execution | None]:
    """Returns the name to start under, and the execution that has it already, None where there is none.

    commit: one that starts a single execution; '' for a start of its own. Where its execution has ended badly, it may
    start again, under the name with the next number.
    """
    if not commit:
        return execution_name(agent), None
    names = (execution_name(agent, commit, attempt) for attempt in count(1))
    found = ((name, find(remote, name)) for name in names)
    return next((name, old) for name, old in found if old is None or phase(old) not in BADLY_ENDED)


def find(remote: FlyteRemote, name: str) -> Execution | None:
    """Returns the execution of a name, None where there is none."""
    try:
        with answers(remote):
            return remote.client.get_execution(_identifier(remote, name))
    except Refused as error:
        if error.code != grpc.StatusCode.NOT_FOUND:
            raise
        return None


def start(
    remote: FlyteRemote,
    plan: LaunchPlan,
    name: str,
    inputs: Mapping[str, Scalar],
    patience: float = 0,
    say: Callable[[str], None] = print,
) -> None:
    """Starts an execution of a launch plan.

    patience: the seconds for which it tries again where another execution runs, saying so. Raises Busy after them.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return _start(remote, plan, name, inputs)
        except Busy as busy:
            if time.monotonic() >= until:
                raise
            say(f"waiting: {busy.running}")
        time.sleep(BUSY_SECONDS)


def link(remote: FlyteRemote, name: str) -> str:
    """Returns the address of an execution's page in Flyte's console."""
    return str(remote.generate_console_url(_identifier(remote, name)))


def _start(remote: FlyteRemote, plan: LaunchPlan, name: str, inputs: Mapping[str, Scalar]) -> None:
    spec = ExecutionSpec(plan.id, ExecutionMetadata(ExecutionMetadata.ExecutionMode.MANUAL, "launch", 0))
    literals = TypeEngine.dict_to_literal_map(FlyteContextManager.current_context(), dict(inputs))
    try:
        with answers(remote):
            remote.client.create_execution(remote.default_project, remote.default_domain, name, spec, literals)
    except Refused as error:
        # Either an attempt of ours, whose answer was lost, has the name, or the launch plan has its one execution.
        if error.code != grpc.StatusCode.ALREADY_EXISTS:
            raise
        if find(remote, name) is None:
            raise _busy(remote, plan) from None


def _busy(remote: FlyteRemote, plan: LaunchPlan) -> Busy:
    filters = [Equal("launch_plan.name", plan.id.name), ValueIn("phase", ["QUEUED", "RUNNING"])]
    with answers(remote):
        running, _ = remote.client.list_executions_paginated(
            remote.default_project, remote.default_domain, limit=1, filters=filters
        )
    where = f": {link(remote, running[0].id.name)}" if running else ""
    return Busy(f"an execution of {plan.id.name} runs already, and one runs at a time{where}")


def _identifier(remote: FlyteRemote, name: str) -> WorkflowExecutionIdentifier:
    return WorkflowExecutionIdentifier(remote.default_project, remote.default_domain, name)

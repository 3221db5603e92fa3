"""An execution on Flyte from its start to its end: which stage is in which phase, and what came of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flyteidl.admin.task_execution_pb2 import TaskExecution, TaskExecutionListRequest
from flytekit.clients.helpers import iterate_node_executions
from flytekit.clients.raw import RawSynchronousFlyteClient
from flytekit.models.core.execution import TaskExecutionPhase, WorkflowExecutionPhase
from flytekit.models.core.identifier import NodeExecutionIdentifier, WorkflowExecutionIdentifier
from flytekit.models.execution import Execution
from flytekit.remote import FlyteRemote

from shared.contract import Scalar
from shared.errors import one_line
from workflows.flyte.server import Unreachable, answers

POLL_SECONDS = 10
PATIENCE_SECONDS = 600  # with a Flyte that has stopped to answer; the execution itself goes on meanwhile
SUCCEEDED = "SUCCEEDED"
MOST_SHOWN = 300  # characters of a reason; Kubernetes tells one for each kind of node
WAITING = ("UNDEFINED", "QUEUED", "INITIALIZING", "WAITING_FOR_RESOURCES")  # phases of a stage that does not run yet
BADLY_ENDED = ("FAILED", "ABORTED", "TIMED_OUT")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Ending:
    """How an execution ended: its phase, its scalar outputs by name, or the error that left it none."""

    phase: str
    outputs: dict[str, Scalar] = field(default_factory=dict)
    error: str = ""

    def results(self) -> dict[str, Scalar]:
        """Returns what a person is shown of it: what is not empty, `outcome` first."""
        known = {"outcome": self.outputs.get("outcome", ""), **self.outputs, "phase": self.phase, "error": self.error}
        return {name: value for name, value in known.items() if value != ""}


def follow(remote: FlyteRemote, name: str, say: Say) -> Ending:
    """Waits for an execution's end, says each change of a stage's phase on a line, and returns the ending.

    Raises Unreachable where Flyte does not answer for PATIENCE_SECONDS.
    """
    identifier = WorkflowExecutionIdentifier(remote.default_project, remote.default_domain, name)
    shown: dict[str, str] = {}
    answered = time.monotonic()
    while True:
        try:
            with answers(remote):
                execution = remote.client.get_execution(identifier)
                shown = _say_changes(shown, dict(_stages(remote.client, identifier)), say)
                if phase(execution) in (SUCCEEDED, *BADLY_ENDED):
                    return ending(remote, execution)
            answered = time.monotonic()
        except Unreachable as error:
            if time.monotonic() - answered > PATIENCE_SECONDS:
                raise
            say(f"asking again: {error}")
        time.sleep(POLL_SECONDS)


def phase(execution: Execution) -> str:
    """Returns an execution's phase as Flyte writes it, such as RUNNING."""
    return str(WorkflowExecutionPhase.enum_to_string(execution.closure.phase))


def ending(remote: FlyteRemote, execution: Execution) -> Ending:
    """Returns how an ended execution ended."""
    reached, closure = phase(execution), execution.closure
    if reached == SUCCEEDED:
        literals = remote.client.get_execution_data(execution.id).full_outputs.literals
        values = {name: literal.scalar.primitive.value for name, literal in literals.items() if _is_scalar(literal)}
        return Ending(reached, values)
    said = closure.abort_metadata.cause if closure.abort_metadata else closure.error.message if closure.error else ""
    return Ending(reached, error=last_line(said))


def last_line(text: str) -> str:
    """Returns the last line that says something: a stage's reason, below what Flyte puts around it."""
    lines = [one_line(line) for line in text.splitlines()]
    return next((line for line in reversed(lines) if any(map(str.isalnum, line))), "no reason is given")


def _is_scalar(literal: Any) -> bool:
    return literal.scalar is not None and literal.scalar.primitive is not None


def _say_changes(before: dict[str, str], now: dict[str, str], say: Say) -> dict[str, str]:
    for stage, state in now.items():
        if before.get(stage) != state:
            say(f"{stage}: {state}")
    return now


def _stages(
    client: Any, execution: WorkflowExecutionIdentifier, parent: str | None = None
) -> Iterator[tuple[str, str]]:
    """Yields each stage that Flyte has come to, inside conditions and workflows too, and its state."""
    for node in iterate_node_executions(client, execution, unique_parent_id=parent):
        if node.metadata.is_parent_node:
            yield from _stages(client, execution, node.id.node_id)
            continue
        for task in _attempts(client, node.id):
            yield task.id.task_id.name, state(task)


def _attempts(client: Any, node: NodeExecutionIdentifier) -> Iterator[TaskExecution]:
    """Yields the attempts of a node's task as Flyte sends them: flytekit's own class leaves the reason out."""
    token = ""
    while True:
        request = TaskExecutionListRequest(node_execution_id=node.to_flyte_idl(), limit=100, token=token)
        found = RawSynchronousFlyteClient.list_task_executions_paginated(client, request)
        yield from found.task_executions
        token = found.token
        if not token:
            return


def state(task: TaskExecution) -> str:
    """Returns the phase of an attempt, which attempt it is if not the first, and why it waits where it does."""
    reached = TaskExecutionPhase.enum_to_string(task.closure.phase)
    attempt = f" (attempt {task.id.retry_attempt + 1})" if task.id.retry_attempt else ""
    reason = one_line(task.closure.reason) if reached in WAITING else ""
    reason = reason if len(reason) <= MOST_SHOWN else f"{reason[: MOST_SHOWN - 1]}…"
    return f"{reached}{attempt}{f': {reason}' if reason else ''}"

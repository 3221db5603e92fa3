"""What is registered on Flyte: tasks, workflows and launch plans, as Flyte is sent them.

Loading the workflows reads the GitOps checkout that GITOPS names, and placement.toml with TRAIN_PROFILE.
"""

import contextlib
import hashlib
import io
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContext, FlyteContextManager
from flytekit.core.launch_plan import LaunchPlan as LaunchPlanOfFlytekit
from flytekit.models.admin.workflow import WorkflowSpec
from flytekit.models.core.workflow import Node
from flytekit.models.launch_plan import LaunchPlan
from flytekit.models.task import TaskSpec
from flytekit.tools.serialize_helpers import persist_registrable_entities
from flytekit.tools.translator import get_serializable

from shared.errors import StageError

# No task runs in an image of flytekit's; it wants one to be named all the same.
_IMAGES = ImageConfig(default_image=Image("default", "unused", "unused"))

Entity = Any
"""A TaskSpec, WorkflowSpec or LaunchPlan of flytekit.models."""


def entities(project: str | None = None, domain: str | None = None, version: str | None = None) -> list[Entity]:
    """Returns what is registered, each behind what it refers to.

    Without project, domain and version there are gaps, which flytectl fills. Raises StageError where the GitOps
    checkout, placement.toml or images.toml is wrong, and for two launch plans of one name.
    """
    settings = SerializationSettings(_IMAGES, project, domain, version, env={})
    context = FlyteContextManager.current_context().with_serialization_settings(settings)
    known: OrderedDict[Any, Entity] = OrderedDict()  # what an entity refers to gets in before it
    with FlyteContextManager.with_context(context) as current:
        for entity in _loaded(current):
            get_serializable(known, settings, entity)
    found = [entity for entity in known.values() if isinstance(entity, TaskSpec | WorkflowSpec | LaunchPlan)]
    check_names(found)
    for entity in found:
        if isinstance(entity, WorkflowSpec):
            _sort_edges(entity)
    return found


def _loaded(context: FlyteContext) -> Iterator[Any]:
    """Yields what is registered as flytekit has it: the two workflows, a launch plan for each, and the others."""
    # Here, so that what is wrong with an agent is told by whoever calls, and not while modules are loaded.
    from workflows.agent_training import agent_training_pipeline
    from workflows.flyte.launch_plans import LAUNCH_PLANS, PLAIN
    from workflows.retraining import retraining

    for workflow in (agent_training_pipeline, retraining):
        yield workflow
        yield LaunchPlanOfFlytekit.get_default_launch_plan(context, workflow)
    yield PLAIN
    yield from LAUNCH_PLANS


def _sort_edges(workflow: WorkflowSpec) -> None:
    """Gives a node's predecessors an order: flytekit has them as a set, and Flyte takes another order for a change."""
    for template in (workflow.template, *workflow.sub_workflows):
        for node in _with_branches(template.nodes):
            node.upstream_node_ids.sort()


def _with_branches(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        if node.branch_node:
            choice = node.branch_node.if_else
            branches = [choice.case, *(choice.other or [])]
            yield from _with_branches([*(each.then_node for each in branches), choice.else_node])


def name_of(entity: Entity) -> str:
    """Returns the name under which an entity is registered."""
    identifier = entity.id if isinstance(entity, LaunchPlan) else entity.template.id
    return str(identifier.name)


def kind_of(entity: Entity) -> str:
    """Returns `task`, `workflow` or `launch plan`."""
    if isinstance(entity, LaunchPlan):
        return "launch plan"
    return "task" if isinstance(entity, TaskSpec) else "workflow"


def check_names(found: Sequence[Entity]) -> None:
    """Raises StageError where two are of one kind and one name: Flyte would keep one of them."""
    named = [(kind_of(entity), name_of(entity)) for entity in found]
    for kind, name in named:
        if named.count((kind, name)) > 1:
            raise StageError(f"there are two {kind}s of the name {name}; rename one of the agents")


def digest(found: Sequence[Entity]) -> str:
    """Returns the sha256 (hex) of entities: what is registered twice under one version must be the same."""
    messages = (entity.to_flyte_idl().SerializeToString(deterministic=True) for entity in found)
    return hashlib.sha256(b"".join(hashlib.sha256(message).digest() for message in messages)).hexdigest()


def write(found: Sequence[Entity], folder: str) -> None:
    """Writes each to a file of folder, as `flytectl register files` reads them."""
    with contextlib.redirect_stdout(io.StringIO()):  # a line for each file
        persist_registrable_entities(list(found), folder)

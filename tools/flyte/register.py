"""Registers tasks, workflows and the agents' launch plans on Flyte, and lets their schedules run.

    GITOPS=../homelab GITOPS_URL=https://git.example.com/homelab.git FLYTE_PLATFORM_URL=flyte.example.com:443 \\
      python -m tools.flyte.register --project agent-training --domain production

Everything is checked first, and a launch plan becomes active when all is registered. Registering again the same
changes nothing.
"""

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Iterable, Sequence

from flytekit.exceptions.user import FlyteEntityAlreadyExistsException
from flytekit.models.core.identifier import Identifier, ResourceType
from flytekit.models.launch_plan import LaunchPlan
from flytekit.remote import FlyteRemote
from git import Repo

from shared.errors import StageError
from tools.flyte import entities
from tools.flyte.entities import Entity, kind_of, name_of
from tools.images import pins
from tools.images.source import ROOT
from workflows.flyte import server
from workflows.flyte.server import Refused, answers

_TYPES = {"task": ResourceType.TASK, "workflow": ResourceType.WORKFLOW, "launch plan": ResourceType.LAUNCH_PLAN}
_VERSION = re.compile(r"[A-Za-z0-9][\w.-]{0,62}", re.ASCII)
_OF_FLYTE = {"PROJECT": "the project on Flyte", "DOMAIN": "the project's domain, such as development"}
_NEEDED = {
    "GITOPS": "a checkout of the GitOps repository",
    "GITOPS_URL": "the address that the cluster clones it from",
}


def register(project: str, domain: str, version: str = "") -> list[str]:
    """Registers everything and returns a line for each: what it is, its name, where it is to be seen, its schedule.

    version: by default the commit and a digest of what is registered. Raises StageError, before anything is
    registered, for whatever is wrong with the agents, the images, the placement, or Flyte.
    """
    _check_given(project, domain, version)
    version = version or default_version(entities.entities())
    found = entities.entities(project, domain, version)
    if unfit := pins.unfit():
        raise StageError("; ".join(f"images.toml: {line}" for line in unfit))
    remote = server.connect(project, domain)
    server.check_place(remote)
    return put(remote, found)


def put(remote: FlyteRemote, found: Sequence[Entity]) -> list[str]:
    """Puts entities there, activates their launch plans, and ends those of agents that are gone; as `register`."""
    plans = [entity for entity in found if isinstance(entity, LaunchPlan)]
    with answers(remote):
        active = server.active_launch_plans(remote)
        check_owner(plans, active)
    for entity in found:
        _create(remote, entity)
    with answers(remote):
        _activate(remote, plans)
        left = _deactivate_left(remote, plans, active)
    return [*(_line(remote, entity) for entity in found), *left]


def default_version(found: Sequence[Entity]) -> str:
    """Returns commit and content: 1f2e3d4c-5b6a7988. Raises StageError where the work tree is not committed."""
    with Repo(ROOT) as repository:
        if repository.is_dirty():
            raise StageError("the work tree differs from its commit; commit it, or give VERSION=")
        commit = repository.head.commit.hexsha
    return f"{commit[:8]}-{entities.digest(found)[:8]}"


def check_owner(plans: Iterable[LaunchPlan], active: Iterable[LaunchPlan]) -> None:
    """Raises StageError where an active launch plan of the same name is another repository's."""
    known = {plan.id.name: plan for plan in active}
    for plan in plans:
        other = known.get(plan.id.name)
        if other and (theirs := repository_of(other)) != (ours := repository_of(plan)):
            reason = f"the launch plan {plan.id.name} is active for {theirs or 'no repository'}, and this is {ours}"
            raise StageError(f"{reason}; rename the agent, use another project, or deactivate the launch plan there")


def repository_of(plan: LaunchPlan) -> str:
    """Returns the GitOps repository that an agent's launch plan trains from; '' for one that is no agent's."""
    fixed, given = plan.spec.fixed_inputs.literals, plan.spec.default_inputs.parameters.get("repository")
    if "agent_name" not in fixed:
        return ""
    # Launch plans of an earlier release have it among what a launch may change.
    value = fixed.get("repository") or (given.default if given else None)
    return str(value.scalar.primitive.string_value) if value else ""


def _check_given(project: str, domain: str, version: str) -> None:
    given = {"PROJECT": project, "DOMAIN": domain, **{name: os.environ.get(name, "") for name in _NEEDED}}
    for name, what in {**_OF_FLYTE, **_NEEDED}.items():
        if not given[name]:
            raise StageError(f"{name} is not given; let it be {what}")
    if version and not _VERSION.fullmatch(version):
        raise StageError(f"VERSION is {version!r}; it may hold letters, digits, dots, dashes and underscores")


def _create(remote: FlyteRemote, entity: Entity) -> None:
    """Creates an entity, unless it is there already. Raises StageError where it is there with another content."""
    identifier = _identifier(entity)
    try:
        with answers(remote), contextlib.suppress(FlyteEntityAlreadyExistsException):
            _send(remote, identifier, entity)
    except Refused as error:
        if "different structure" not in str(error):
            raise
        what = f"VERSION {identifier.version} of {kind_of(entity)} {identifier.name}"
        raise StageError(f"{what} is registered with another content; give another VERSION") from None


def _send(remote: FlyteRemote, identifier: Identifier, entity: Entity) -> None:
    match kind_of(entity):
        case "task":
            remote.client.create_task(identifier, entity)
        case "workflow":
            remote.client.create_workflow(identifier, entity)
        case _:
            remote.client.create_launch_plan(identifier, entity.spec)


def _activate(remote: FlyteRemote, plans: Iterable[LaunchPlan]) -> None:
    for plan in plans:
        if plan.should_auto_activate:
            remote.activate_launchplan(_identifier(plan))


def _deactivate_left(remote: FlyteRemote, plans: Sequence[LaunchPlan], active: Iterable[LaunchPlan]) -> list[str]:
    """Ends the schedules of agents that this repository holds no more, and says so."""
    names, repositories = {plan.id.name for plan in plans}, {repository_of(plan) for plan in plans} - {""}
    left = [plan for plan in active if plan.id.name not in names and repository_of(plan) in repositories]
    for plan in left:
        remote.deactivate_launchplan(plan.id)
    return [f"launch plan {plan.id.name}: deactivated, since the repository holds its agent no more" for plan in left]


def _line(remote: FlyteRemote, entity: Entity) -> str:
    seen = f"{kind_of(entity)} {name_of(entity)}: {remote.generate_console_url(_identifier(entity))}"
    if not isinstance(entity, LaunchPlan) or not entity.should_auto_activate:
        return seen
    cron = entity.spec.entity_metadata.schedule
    return f"{seen} active, {f'starts at {cron.cron_schedule.schedule} (UTC)' if cron else 'without a schedule'}"


def _identifier(entity: Entity) -> Identifier:
    known = entity.id if isinstance(entity, LaunchPlan) else entity.template.id
    return Identifier(_TYPES[kind_of(entity)], known.project, known.domain, known.name, known.version)


def main(arguments: Sequence[str]) -> int:
    """Does what the command line asks and returns the exit code; a failure is one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="register", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--project", default="", help=_OF_FLYTE["PROJECT"])
    parser.add_argument("--domain", default="", help=_OF_FLYTE["DOMAIN"])
    parser.add_argument("--version", default="", help="by default the commit and a digest of what is registered")
    options = parser.parse_args(arguments)
    try:
        lines = register(options.project, options.domain, options.version)
    except StageError as error:
        print(f"register: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A Flyte installation: found, asked within seconds, and its refusals told in one line."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from flyteidl.admin.project_pb2 import Project, ProjectListRequest
from flytekit.clients.grpc_utils.deadline_interceptor import scoped_grpc_deadline
from flytekit.configuration import Config, PlatformConfig
from flytekit.configuration.file import get_config_file
from flytekit.exceptions.base import FlyteException
from flytekit.exceptions.system import FlyteSystemUnavailableException
from flytekit.exceptions.user import (
    FlyteAuthenticationException,
    FlyteEntityNotExistException,
    FlyteInvalidInputException,
    FlyteTimeout,
)
from flytekit.models.launch_plan import LaunchPlan
from flytekit.remote import FlyteRemote

from shared.errors import StageError, one_line

ENDPOINT = "FLYTE_ENDPOINT"  # host:port; with http:// before it, a connection without TLS
OWN = "FLYTE_PLATFORM_URL"  # flytekit's own name of it
ANSWER_SECONDS = 15
PAGE = 100


def remote(project: str, domain: str) -> FlyteRemote:
    """Returns the way to a project's domain on the Flyte that the environment or a configuration file names.

    Raises StageError where none is named, where it does not answer or denies access, and for an unknown project or
    domain, with those that there are.
    """
    found = FlyteRemote(Config.auto().with_params(platform=platform()), project, domain)
    with told(found):
        projects = _projects(found)
    if project not in projects:
        known = f"it has {', '.join(sorted(projects)) or 'none'}"
        raise StageError(f"Flyte at {endpoint(found)} has no project {project!r}; {known} (flytectl create project)")
    domains = [entry.id for entry in projects[project].domains]
    if domain not in domains:
        raise StageError(f"the project {project} of Flyte has no domain {domain!r}; it has {', '.join(domains)}")
    return found


def platform() -> PlatformConfig:
    """Returns where Flyte is and who asks. Raises StageError where nothing says where."""
    address = os.environ.get(ENDPOINT, "")
    if not address and not os.environ.get(OWN) and not get_config_file(None):
        raise StageError(f"{ENDPOINT} is not set; let it be Flyte's address, or FLYTECTL_CONFIG flytectl's own file")
    known = dataclasses.replace(PlatformConfig.auto(), rpc_retries=1)
    if not address:
        return known
    scheme, _, host = address.rpartition("://")
    if scheme not in ("", "http", "https", "dns") or not host.strip("/"):
        raise StageError(f"{ENDPOINT} is {address!r}; it must be host:port, or http://host:port without TLS")
    insecure = known.insecure if scheme in ("", "dns") else scheme == "http"
    return dataclasses.replace(known, endpoint=host.strip("/"), insecure=insecure)


def endpoint(found: FlyteRemote) -> str:
    """Returns the address by which Flyte is asked."""
    return str(found.config.platform.endpoint)


@contextmanager
def told(found: FlyteRemote) -> Iterator[None]:
    """Lets no question in the block last long, and raises StageError where Flyte does not answer or refuses."""
    address = endpoint(found)
    try:
        with scoped_grpc_deadline(ANSWER_SECONDS):
            yield
    except (FlyteSystemUnavailableException, FlyteTimeout) as error:
        remedy = f"check {ENDPOINT} (http:// before it where Flyte has no TLS) and that Flyte runs"
        raise StageError(f"Flyte at {address} does not answer: {details(error)}; {remedy}") from None
    except FlyteAuthenticationException as error:
        raise StageError(f"Flyte at {address} denies access: {details(error)}; check flytectl's file") from None
    except (FlyteInvalidInputException, FlyteEntityNotExistException) as error:
        raise StageError(f"Flyte at {address} refuses: {details(error)}") from None
    except FlyteException as error:
        raise StageError(f"Flyte at {address} failed: {details(error)}") from None


def active_launch_plans(found: FlyteRemote) -> list[LaunchPlan]:
    """Returns the launch plans of the project's domain that are active, whoever registered them."""
    plans: list[LaunchPlan] = []
    token = ""
    while True:
        page, token = found.client.list_active_launch_plans_paginated(
            found.default_project, found.default_domain, limit=PAGE, token=token
        )
        plans += page
        if not token:
            return plans


def _projects(found: FlyteRemote) -> dict[str, Project]:
    projects: dict[str, Project] = {}
    token = ""
    while True:
        page = found.client.list_projects(ProjectListRequest(limit=PAGE, token=token))
        projects |= {project.id: project for project in page.projects}
        token = page.token
        if not token:
            return projects


def details(error: BaseException) -> str:
    """Returns in one line what the server, or the way to it, said."""
    cause = error.__cause__
    words = cause.details() if isinstance(cause, grpc.Call) else None
    return one_line(str(words or cause or error))[:300]

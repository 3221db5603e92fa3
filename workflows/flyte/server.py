"""The Flyte that this machine's configuration names: reaching it, and what it answers, in plain words.

flytekit reads where it is from FLYTE_PLATFORM_URL (host:port) and FLYTE_PLATFORM_INSECURE, or from the file that
FLYTECTL_CONFIG names, else ~/.flyte/config.yaml; and who asks from FLYTE_CREDENTIALS_AUTH_MODE=clientSecret,
FLYTE_CREDENTIALS_CLIENT_ID and FLYTE_CREDENTIALS_CLIENT_SECRET, or from that file.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import requests
from flyteidl.admin.version_pb2 import GetVersionRequest
from flyteidl.service.admin_pb2_grpc import AdminServiceStub
from flytekit.clients.auth.exceptions import AccessTokenNotFoundError, AuthenticationError
from flytekit.clients.auth_helper import get_channel
from flytekit.clients.grpc_utils.deadline_interceptor import scoped_grpc_deadline
from flytekit.configuration import Config, PlatformConfig
from flytekit.exceptions.base import FlyteException
from flytekit.exceptions.user import FlyteAuthenticationException
from flytekit.models.common import NamedEntityIdentifier
from flytekit.models.launch_plan import LaunchPlan
from flytekit.remote import FlyteRemote

from shared.errors import StageError, one_line

ANSWER_SECONDS = 10  # for the first question, which tells whether Flyte is there
CALL_SECONDS = 60  # for each later one, with flytekit's own attempts
_PAGE = 100
_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_BROWSER = ("STANDARD", "PKCE")
_BY_SECRET = ("CLIENTSECRET", "CLIENT_CREDENTIALS", "BASIC")
_OTHER = "FLYTE_PLATFORM_URL or ~/.flyte/config.yaml name another"
_CREDENTIALS = "set FLYTE_CREDENTIALS_AUTH_MODE=clientSecret, FLYTE_CREDENTIALS_CLIENT_ID and …_CLIENT_SECRET"


class Unreachable(StageError):
    """Flyte does not answer; it may later."""


class Refused(StageError):
    """Flyte answers with an error; `code` is gRPC's."""

    def __init__(self, text: str, code: grpc.StatusCode) -> None:
        super().__init__(text)
        self.code = code


def connect(project: str, domain: str) -> FlyteRemote:
    """Returns the Flyte of this machine's configuration.

    Raises Unreachable where nothing answers within ANSWER_SECONDS, and StageError for an address that is none and
    where Flyte wants a login that cannot be done here.
    """
    config = Config.auto()
    platform = config.platform
    if "/" in platform.endpoint or not platform.endpoint.strip():
        raise StageError(f"the address of Flyte is {platform.endpoint!r}; write host:port, without https://")
    mode = platform.auth_mode if isinstance(platform.auth_mode, str) else platform.auth_mode.value
    if mode.upper() in _BY_SECRET and not (platform.client_id and platform.client_credentials_secret):
        raise StageError(f"the login {mode} needs a client's id and secret; {_CREDENTIALS}")
    code = _asked(platform)
    if code == grpc.StatusCode.UNAUTHENTICATED and mode.upper() in _BROWSER and not sys.stdin.isatty():
        raise StageError(f"Flyte at {platform.endpoint} asks for a login, and there is no terminal; {_CREDENTIALS}")
    return FlyteRemote(config, default_project=project, default_domain=domain)


@contextmanager
def answers(remote: FlyteRemote) -> Iterator[None]:
    """Turns what flytekit raises into Unreachable, Refused or StageError, and bounds the time of each call."""
    endpoint = remote.config.platform.endpoint
    try:
        with scoped_grpc_deadline(CALL_SECONDS):
            yield
    except (AuthenticationError, AccessTokenNotFoundError, requests.RequestException) as error:
        raise StageError(f"Flyte at {endpoint} gives no token: {_short(str(error))}; {_CREDENTIALS}") from None
    except (FlyteException, grpc.RpcError) as error:
        raise _plain(endpoint, error) from None


def active_launch_plan(remote: FlyteRemote, name: str) -> LaunchPlan:
    """Returns the active version of a launch plan. Raises StageError where there is none, with what there is."""
    project, domain = remote.default_project, remote.default_domain
    try:
        with answers(remote):
            return remote.client.get_active_launch_plan(NamedEntityIdentifier(project, domain, name))
    except Refused as error:
        if error.code != grpc.StatusCode.NOT_FOUND:
            raise
    with answers(remote):
        raise _why_missing(remote, name)


def active_launch_plans(remote: FlyteRemote) -> list[LaunchPlan]:
    """Returns all launch plans of the project's domain that are active, whoever registered them."""
    plans: list[LaunchPlan] = []
    token = ""
    while True:
        project, domain = remote.default_project, remote.default_domain
        page, token = remote.client.list_active_launch_plans_paginated(project, domain, limit=_PAGE, token=token)
        plans += page
        if not token:
            return plans


def check_place(remote: FlyteRemote) -> None:
    """Raises StageError where Flyte has no such project or domain, with those that it has."""
    with answers(remote):
        if reason := _unknown_place(remote):
            raise StageError(reason)


def _asked(platform: PlatformConfig) -> grpc.StatusCode:
    """Returns the code of Flyte's answer to the question for its version. Raises Unreachable where there is none."""
    try:
        AdminServiceStub(get_channel(platform)).GetVersion(GetVersionRequest(), timeout=ANSWER_SECONDS)
    except grpc.RpcError as error:
        if error.code() in _UNREACHABLE:
            raise _unreachable(platform.endpoint, str(error.details())) from None
        return error.code()
    except OSError as error:  # flytekit fetches a certificate that is not to be verified by itself
        raise _unreachable(platform.endpoint, str(error)) from None
    return grpc.StatusCode.OK


def _plain(endpoint: str, error: BaseException) -> StageError:
    cause = error if isinstance(error, grpc.RpcError) else error.__cause__
    if not isinstance(cause, grpc.RpcError):
        return StageError(f"Flyte at {endpoint} cannot be used: {_short(str(error))}")
    code, said = cause.code(), _short(str(cause.details()))
    if code in _UNREACHABLE:
        return _unreachable(endpoint, said)
    if code in _DENIED or isinstance(error, FlyteAuthenticationException):
        return Refused(f"Flyte at {endpoint} does not let these credentials do this: {said}; {_CREDENTIALS}", code)
    return Refused(f"Flyte at {endpoint} refuses: {said}", code)


def _unreachable(endpoint: str, reason: str) -> Unreachable:
    return Unreachable(f"Flyte at {endpoint} cannot be reached: {_short(reason)}; {_OTHER}")


def _why_missing(remote: FlyteRemote, name: str) -> StageError:
    """Returns what is wrong where a launch plan is not there: project, domain, name, or that it is not active."""
    if reason := _unknown_place(remote):
        return StageError(reason)
    project, domain = remote.default_project, remote.default_domain
    versions, _ = remote.client.list_launch_plans_paginated(NamedEntityIdentifier(project, domain, name), limit=1)
    where = f"{project}/{domain}"
    if versions:
        remedy = "`make register` registers and activates it"
        return StageError(f"the launch plan {name} of {where} is not active in any version; {remedy}")
    active = sorted(each.id.name for each in active_launch_plans(remote))
    known = ", ".join(active) or "none; `make register` registers them"
    return StageError(f"there is no launch plan {name} in {where}; active there: {known}")


def _unknown_place(remote: FlyteRemote) -> str:
    """Returns what is wrong with the project or the domain; '' where both are there."""
    project, domain = remote.default_project, remote.default_domain
    projects = sorted(each.id for each in remote.client.list_projects_paginated(limit=_PAGE)[0])
    if project not in projects:
        return f"Flyte has no project {project}; it has: {', '.join(projects) or 'none'}"
    domains = [each.id for each in remote.client.get_domains()]
    return "" if domain in domains else f"Flyte has no domain {domain}; it has: {', '.join(domains)}"


def _short(text: str) -> str:
    return one_line(text)[:400]

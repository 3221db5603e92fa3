"""What a cluster says that it serves: the LambdaAgent's status, read by kubectl where KUBECONFIG is set."""

import json
import os
import shutil
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from shared.errors import StageError, one_line

PATH = "/apis/lambda.knative.io/v1alpha1/lambdaagents"
SECONDS = 15


@dataclass(frozen=True)
class Running:
    """An agent in a cluster, whether it serves the version (None: that is not known), and what was found."""

    holds: bool | None
    found: str


def running(agent: str, models: Collection[str]) -> Iterator[Running]:
    """Yields what each LambdaAgent of the agent's name serves; nothing where no KUBECONFIG is set.

    models: the names of the version that Git names.
    """
    if not os.environ.get("KUBECONFIG"):
        return
    try:
        found = [each for each in _lambda_agents() if each["metadata"]["name"] == agent]
    except StageError as error:
        yield Running(False, str(error))
        return
    if not found:
        yield Running(None, f"the cluster of KUBECONFIG has no LambdaAgent {agent}")
    for each in found:
        yield _told(each, models)


def _told(lambda_agent: dict[str, Any], models: Collection[str]) -> Running:
    metadata, status = lambda_agent["metadata"], (lambda_agent.get("status") or {}).get("aiStatus") or {}
    place = f"{metadata.get('namespace', 'default')}/{metadata['name']} in the cluster"
    active, expected = status.get("activeModel"), " or ".join(sorted(models))
    if active is None:
        return Running(None, f"{place} does not tell in status.aiStatus which model it serves")
    if active not in models:
        return Running(False, f"{place} serves {active!s:.100}, not {expected}; look whether Flux has rolled it out")
    if status.get("modelAvailable") is not True:
        return Running(False, f"{place} names {active}, but says that its server does not have it")
    return Running(True, f"{place} serves {active}")


def _lambda_agents() -> list[dict[str, Any]]:
    """Returns every LambdaAgent that the account may list. Raises StageError where it may not, or nobody answers."""
    if not shutil.which("kubectl"):
        raise StageError(
            "KUBECONFIG is set, but there is no kubectl to ask the cluster with; install it, or unset KUBECONFIG"
        )
    command = ["kubectl", "get", "--raw", PATH, f"--request-timeout={SECONDS}s"]
    known = {name: os.environ[name] for name in ("PATH", "HOME", "KUBECONFIG") if name in os.environ}
    try:
        asked = subprocess.run(command, env=known, capture_output=True, text=True, timeout=2 * SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise StageError(f"the cluster of KUBECONFIG gave no answer within {2 * SECONDS} s") from None
    if asked.returncode:
        told = one_line(asked.stderr.strip().rpartition("\n")[2])
        raise StageError(f"the cluster of KUBECONFIG does not list its LambdaAgents: {told:.300}")
    try:
        items = json.loads(asked.stdout)["items"]
        return [each for each in items if each["metadata"]["name"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise StageError("the cluster of KUBECONFIG does not list its LambdaAgents as Kubernetes does") from None

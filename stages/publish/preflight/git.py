"""The GitOps repository, before a training: whether it takes a bump, and what its config.yaml asks for can be done."""

from collections.abc import Iterator
from functools import partial

from shared.agent_config.servers import OLLAMA, Server
from shared.errors import StageError
from stages.publish.git.agent_folder import AgentFolder
from stages.publish.git.deploy import Deploy
from stages.publish.git.gitops import cloned
from stages.publish.git.probe import Finding, findings
from stages.publish.git.rollout import MADE_UP, Rollout
from stages.publish.preflight import registry
from stages.publish.preflight.contract import Inputs
from stages.publish.preflight.examination import Examination
from stages.publish.servers.serving import check_server

SECONDS, SECONDS_AGAIN = 30, 15  # for a git command, and where the first one has failed


def examine(inputs: Inputs, examination: Examination) -> Iterator[Finding]:
    """Yields what is found in Git; starts to examine the servers that config.yaml names. Nothing is pushed."""
    try:
        with cloned(inputs.repository, seconds=SECONDS, commits=False) as clone:
            folder = AgentFolder.of(clone, inputs.agent_name, inputs.branch)
            deploy = folder.deploy()
            in_use = folder.repository.deployed(folder.agent, folder.branch)
            _start_others(examination, folder.agent, in_use, deploy)
            yield from _named(findings(inputs.repository, inputs.branch, deploy.mode, folder.fleet.agents, SECONDS))
            yield _bump(folder, deploy)
    except StageError as error:
        found = list(findings(inputs.repository, inputs.branch, seconds=SECONDS_AGAIN))
        yield from _named(found)
        if all(finding.holds for finding in found if finding.name in ("address", "branch")):
            yield Finding("git config", False, str(error))


def _start_others(examination: Examination, agent: str, deployed: str, deploy: Deploy) -> None:
    """deployed: what MODEL_VERSION holds, `none` too, which somebody may have meant."""
    for server in deploy.servers:
        examination.start("server", partial(_server, server))
    examination.start("version in use", partial(registry.examine_succession, agent, deployed))


def _named(found: Iterator[Finding] | list[Finding]) -> Iterator[Finding]:
    yield from (Finding(f"git {finding.name}", finding.holds, finding.found) for finding in found)


def _bump(folder: AgentFolder, deploy: Deploy) -> Finding:
    """Returns whether every file and field that a bump changes is there, and no overlay would name another model."""
    repository = folder.repository
    rollout = Rollout(folder.agent, MADE_UP, deploy.fields, repository.shown, repository.agents, deploy.overlays)
    try:
        repository.is_rolled_out(rollout, folder.branch)
    except StageError as error:
        return Finding("git bump", False, str(error))
    reached = f", which reaches {len(deploy.overlays)} overlays" if deploy.overlays else ""
    return Finding("git bump", True, f"MODEL_VERSION and {len(deploy.fields)} fields can be bumped{reached}")


def _server(server: Server) -> Iterator[Finding]:
    """Yields what is found at a server; one that fetches the model itself may be started by the first one."""
    try:
        yield Finding("server", True, check_server(server))
    except StageError as error:
        yield Finding("server", False if server.kind == OLLAMA else None, str(error))

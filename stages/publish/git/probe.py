"""What a publication needs of Git, looked at before anything is trained, by the code that publishes.

Nothing is changed anywhere: the server is asked to list its branches, for the tip of one, and whether it would
take a push.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from shared import names
from shared.agent_config.deployment import PROPOSALS, PULL_REQUEST, PUSH
from shared.errors import StageError
from stages.publish.contract import GIT_TOKEN
from stages.publish.git.branch_rules import BranchRules
from stages.publish.git.gitops import GitopsRepository, cloned
from stages.publish.git.identity import Identity, Signature, read_signature
from stages.publish.git.pull_request import PullRequests

SECONDS = 40  # for a command of git: a preflight takes a minute, and a server that needs more is told as slow


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be (None: it could not be looked at), and what was found."""

    name: str
    holds: bool | None
    found: str


def findings(
    repository: str, branch: str = "", mode: str = PUSH, agents: str = names.AGENTS, seconds: float = SECONDS
) -> Iterator[Finding]:
    """Yields a finding for committer, signing key, address, branch, push and rules; every fault, and none raises.

    mode: as deploy.mode in config.yaml says. seconds: what one command of git may take.
    """
    identity, signature = Identity.default(), Signature()
    try:
        identity = Identity.read()
        yield Finding("committer", True, f"commits are of {identity.committer}")
    except StageError as error:
        yield Finding("committer", False, str(error))
    try:
        with TemporaryDirectory() as folder:
            signature = read_signature(Path(folder))
        told = f"commits are signed by {signature.fingerprint}" if signature.key else "GIT_SIGNING_KEY is not set"
        yield Finding("signing", True if signature.key else None, told)
    except StageError as error:
        yield Finding("signing", False, str(error))
    try:
        with cloned(repository, agents, seconds, commits=False) as clone:
            yield Finding("address", True, f"{clone.shown} has {len(clone.branches.names)} branches")
            yield from _of_branch(clone, branch, mode, identity, bool(signature.key))
    except StageError as error:
        yield Finding("address", False, str(error))


def _of_branch(
    clone: GitopsRepository, branch: str, mode: str, identity: Identity, is_signed: bool
) -> Iterator[Finding]:
    try:
        chosen = clone.branches.chosen(branch)
    except StageError as error:
        yield Finding("branch", False, str(error))
        return
    yield Finding("branch", True, f"{chosen} is there")
    target, base = (chosen, "") if mode == PUSH else (f"{PROPOSALS}/preflight", chosen)
    yield _push(clone, target, base)
    yield from _rules(clone, target, mode, identity, is_signed)


def _push(clone: GitopsRepository, target: str, base: str) -> Finding:
    try:
        clone.branches.check_free(target)
        clone.check_push(target, base)
    except StageError as error:
        return Finding("push", False, str(error))
    return Finding("push", True, f"the server would take a push to {target}, as far as it tells before one")


def _rules(clone: GitopsRepository, target: str, mode: str, identity: Identity, is_signed: bool) -> Iterator[Finding]:
    if not GIT_TOKEN.read() and mode != PULL_REQUEST:
        return
    try:
        repository = PullRequests.of(clone.address).repository
    except StageError as error:  # another server than GitHub, which matters for pull requests alone
        if mode == PULL_REQUEST:
            yield Finding("rules", False, str(error))
        return
    rules = BranchRules.of(repository, target)
    if rules is None:
        yield Finding("rules", None, "the server does not tell its rules for the branch")
        return
    faults = list(rules.faults(identity, is_signed, mode != PUSH))
    yield from (Finding("rules", False, f"on {target} {fault}") for fault in faults)
    if not faults:
        yield Finding(
            "rules", True, f"{len(rules.rules)} rules hold for {target}, and none is known to refuse the bump"
        )

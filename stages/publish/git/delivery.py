"""How a version reaches the branch that Flux reads: pushed to it, or proposed on a branch of its own."""

from dataclasses import dataclass, replace

from shared.agent_config import deployment
from shared.agent_config.deployment import PULL_REQUEST, PUSH
from stages.publish.git.deploy import Deploy
from stages.publish.git.gitops import Bump, GitopsRepository, Objection, nothing
from stages.publish.git.message import Message
from stages.publish.git.pull_request import PullRequests
from stages.publish.git.rollout import Rollout


@dataclass(frozen=True)
class Delivery:
    """A rollout on its way to `branch`. `proposal` is its own branch, '' where it is pushed.

    objection: why a version that Git names at that moment must not be replaced.
    """

    repository: GitopsRepository
    rollout: Rollout
    branch: str
    proposal: str
    pull_requests: PullRequests | None
    objection: Objection = nothing

    @classmethod
    def of(
        cls,
        deploy: Deploy,
        agent: str,
        version: str,
        repository: GitopsRepository,
        branch: str,
        replaced: str = "",
        objection: Objection = nothing,
    ) -> "Delivery":
        """Returns the delivery of a version to branch, as `deploy` asks for it.

        replaced: the version that it goes back or on from, whose proposal must not be taken for one that was
        merged before. objection: as above.
        Raises StageError where it cannot be made, so that nothing is stored in vain.
        """
        pull_requests = PullRequests.of(repository.address) if deploy.mode == PULL_REQUEST else None
        proposal = "" if deploy.mode == PUSH else deployment.proposal_branch(agent, version, replaced)
        repository.branches.check_free(proposal)
        rollout = Rollout(agent, version, deploy.fields, repository.shown, repository.agents)
        if repository.check_delivery(rollout, branch, proposal, objection) and pull_requests:
            pull_requests.check_open(proposal, branch)
        return cls(repository, rollout, branch, proposal, pull_requests, objection)

    def bump(self, message: Message, model_uri: str) -> Bump:
        """Returns the commit that rolls out, made where it was not there, and the pull request that proposes it.

        Raises StageError where Git or GitHub refuses.
        """
        if not self.proposal:
            return self.repository.bump(self.rollout, self.branch, message.commit(), self.objection)
        bump = self.repository.propose(self.rollout, self.branch, self.proposal, message.commit(), self.objection)
        if bump.is_deployed or not self.pull_requests:
            return bump
        body = message.pull_request(model_uri)
        url = self.pull_requests.open(self.proposal, self.branch, message.subject, body)
        return replace(bump, pull_request_url=url)

"""What the GitOps repository says of an agent at a branch's tip: the version in use, and how another gets there."""

from dataclasses import dataclass, replace

from shared import names
from shared.errors import StageError
from stages.publish.git.deploy import Deploy, Fleet
from stages.publish.git.gitops import GitopsRepository
from stages.publish.succession import NO_MODEL


@dataclass(frozen=True)
class AgentFolder:
    """An agent's folder on a branch of the repository; `fleet` is what holds for all agents there."""

    agent: str
    repository: GitopsRepository
    branch: str
    fleet: Fleet

    @classmethod
    def of(cls, clone: GitopsRepository, agent: str, branch: str) -> "AgentFolder":
        """Returns that of an agent on a branch, '' for the default one. Raises StageError where it is not there."""
        chosen = clone.branches.chosen(branch)
        fleet = Fleet.read(clone.read(chosen, names.FLEET))
        folder = cls(agent, replace(clone, agents=fleet.agents), chosen, fleet)
        folder.check()
        return folder

    def check(self) -> None:
        """Raises StageError where the repository has no such agent."""
        files = names.model_version_path(self.agent, self.fleet.agents), self.config_path
        if all(self.repository.read(self.branch, file) is None for file in files):
            where = f"{self.repository.shown} on {self.branch}"
            raise StageError(
                f"there is no agent {self.agent} in {where}: neither {files[0]} nor {files[1]}; check AGENT"
            )

    def deployed(self) -> str:
        """Returns the version that Git names, '' for none."""
        version = self.repository.deployed(self.agent, self.branch)
        return "" if version == NO_MODEL else version

    def deploy(self) -> Deploy:
        """Returns how versions get into Git, as config.yaml says now. Raises StageError where it is wrong."""
        return Deploy.read(
            self.repository.read(self.branch, self.config_path) or "", self.config_path, self.fleet.deploy
        )

    @property
    def config_path(self) -> str:
        """The path of the agent's config.yaml."""
        return f"{names.training_folder(self.agent, self.fleet.agents)}/config.yaml"

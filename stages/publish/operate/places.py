"""An agent, and the three places that know of its models: the registry, the store and the GitOps repository."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared import names
from shared.access.mlflow import connected
from shared.errors import StageError
from stages.publish.contract import STORE_URI
from stages.publish.git import gitops
from stages.publish.git.agent_folder import AgentFolder
from stages.publish.git.deploy import Deploy
from stages.publish.git.gitops import GitopsRepository
from stages.publish.registered_version import RegisteredVersion, Registry
from stages.publish.store.opening import open_store
from stages.publish.store.protocol import Store


@dataclass(frozen=True)
class Places:
    """Where an agent's versions are known; `folder` is its own in Git, on the branch that is rolled out."""

    registry: Registry
    store: Store
    folder: AgentFolder

    @property
    def agent(self) -> str:
        return self.folder.agent

    @property
    def repository(self) -> GitopsRepository:
        return self.folder.repository

    @property
    def branch(self) -> str:
        return self.folder.branch

    def deployed(self) -> str:
        """Returns the version that Git names, '' for none."""
        return self.folder.deployed()

    def deploy(self) -> Deploy:
        """Returns how versions get into Git, as config.yaml says now. Raises StageError where it is wrong."""
        return self.folder.deploy()

    def registered(self, version: str) -> RegisteredVersion:
        """Returns what the registry has of a version. Raises StageError where it has none, or rejected it."""
        found = self.registry.find(version)
        if found is None:
            known = ", ".join(one.name for one in self.registry.versions()[:5]) or "none"
            raise StageError(f"MLflow has no version {version} of {self.registry.model}; it has {known}")
        if found.status == names.REJECTED:
            raise StageError(f"{version} was rejected ({found.decision}); it cannot be rolled out")
        return found


@contextmanager
def opened(agent: str, repository: str, branch: str, commits: bool = False) -> Iterator[Places]:
    """Yields the places that the environment and the arguments name. Raises StageError where one is not there.

    commits: whether anything will be committed; a signing key that cannot be used is no hindrance to reading.
    """
    store = open_store(STORE_URI.read())
    with connected() as client, gitops.cloned(repository, commits=commits) as clone:
        yield Places(Registry.of(client, agent), store, AgentFolder.of(clone, agent, branch))

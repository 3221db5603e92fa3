"""An agent, and the three places that know of its models: the registry, the store and the GitOps repository."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shared import names
from shared.access.mlflow import connected
from shared.errors import StageError
from stages.publish.contract import STORE_URI
from stages.publish.git import gitops
from stages.publish.git.deploy import Deploy, Fleet
from stages.publish.git.gitops import GitopsRepository
from stages.publish.registered_version import RegisteredVersion, Registry
from stages.publish.store.opening import open_store
from stages.publish.store.protocol import Store
from stages.publish.succession import NO_MODEL


@dataclass(frozen=True)
class Places:
    """Where an agent's versions are known; `branch` is the one that is rolled out."""

    agent: str
    registry: Registry
    store: Store
    repository: GitopsRepository
    branch: str
    fleet: Fleet

    def check_agent(self) -> None:
        """Raises StageError where the repository has no such agent."""
        files = names.model_version_path(self.agent, self.fleet.agents), self._config_path
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
        path = self._config_path
        return Deploy.read(self.repository.read(self.branch, path) or "", path, self.fleet.deploy)

    @property
    def _config_path(self) -> str:
        return f"{names.training_folder(self.agent, self.fleet.agents)}/config.yaml"

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
def opened(agent: str, repository: str, branch: str) -> Iterator[Places]:
    """Yields the places that the environment and the arguments name. Raises StageError where one is not there."""
    store = open_store(STORE_URI.read())
    with connected() as client, gitops.cloned(repository) as clone:
        chosen = clone.branches.chosen(branch)
        fleet = Fleet.read(clone.read(chosen, names.FLEET))
        clone = replace(clone, agents=fleet.agents)
        places = Places(agent, Registry.of(client, agent), store, clone, chosen, fleet)
        places.check_agent()
        yield places

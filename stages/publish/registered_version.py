"""The registered versions in MLflow, and the aliases that say which one is in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared import model_stages, names
from shared.errors import StageError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Registry:
    """One agent's registered model."""

    client: MlflowClient
    agent: str
    follows_stages: bool

    @classmethod
    def of(cls, client: MlflowClient, agent: str) -> Registry:
        """Returns the agent's. Raises StageError where the environment does not say whether stages are kept."""
        return cls(client, agent, model_stages.follow_aliases())

    @property
    def model(self) -> str:
        """The registered model's name."""
        return names.registered_model(self.agent)

    def versions(self) -> list[RegisteredVersion]:
        """Returns the versions that register made, newest first."""
        found = [one for one in self._found() if one.tags.get(names.VERSION_TAG)]
        return [RegisteredVersion.read(self, one) for one in sorted(found, key=lambda one: -int(one.version))]

    def find(self, name: str) -> RegisteredVersion | None:
        """Returns the version of this name, or None."""
        return next((one for one in self.versions() if one.name == name), None)

    def of_content(self, name: str, content: str) -> RegisteredVersion:
        """Returns the version of this name. Raises StageError where it is missing, rejected, or of other content."""
        found = self.find(name)
        if found is None:
            raise StageError(f"MLflow has no version {name} of {self.model}; run register first")
        if found.content != content:
            raise StageError(f"{name} in MLflow is of another content than the model; pass the model that register got")
        if found.status == names.REJECTED:
            reason = f"{name} came as approved, but MLflow has it as rejected ({found.decision}); run register again"
            raise StageError(reason)
        return found

    def aliases(self) -> dict[str, str]:
        """Returns MLflow's number of the version at each alias."""
        models = self.client.search_registered_models(f"name = '{self.model}'")
        aliases = self.client.get_registered_model(self.model).aliases if models else {}
        return {alias: str(number) for alias, number in aliases.items()}

    def at(self, alias: str) -> str:
        """Returns the name of the version at an alias, '' where there is none."""
        number = self.aliases().get(alias)
        if number is None:
            return ""
        tags = self.client.get_model_version(self.model, number).tags
        return str(tags.get(names.VERSION_TAG) or f"{self.model} {number}")

    def _found(self) -> list[ModelVersion]:
        found: list[ModelVersion] = []
        token: str | None = None
        while True:
            page = self.client.search_model_versions(f"name = '{self.model}'", page_token=token)
            found += page
            token = page.token
            if not token:
                return found


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of an agent's registered model, as it was when it was read. `number` is MLflow's, `name` ours."""

    registry: Registry
    number: str
    name: str
    run_id: str
    tags: Mapping[str, str]
    created: datetime

    @classmethod
    def read(cls, registry: Registry, found: ModelVersion) -> RegisteredVersion:
        """Returns what MLflow has of a version."""
        created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
        name, run_id = found.tags[names.VERSION_TAG], found.run_id or ""
        return cls(registry, str(found.version), name, run_id, dict(found.tags), created)

    @property
    def content(self) -> str:
        """The sha256 of what answers, '' where MLflow does not tell."""
        return self.tags.get(names.CONTENT_TAG, "")

    @property
    def status(self) -> str:
        """`registered`, `rejected`, `proposed` or `published`, '' where MLflow does not tell."""
        return self.tags.get(names.STATUS_TAG, "")

    @property
    def decision(self) -> str:
        """Why it was approved or rejected."""
        return self.tags.get(names.DECISION_TAG, "no reason was kept")

    def check_champion(self, compared: str) -> None:
        """Raises StageError where the champion is neither the one that was compared nor this version already."""
        champion = self.registry.at(names.CHAMPION)
        if champion not in (compared, self.name):
            now = f"the champion is {champion or 'none'} now"
            was = f"{self.name} was compared with {compared or 'none'}"
            raise StageError(f"{now}, but {was}; run the workflow again to compare with it")

    def promote(self) -> bool:
        """Makes this version the champion, and its predecessor `previous`. Returns whether anything changed."""
        aliases = self.registry.aliases()
        old = aliases.get(names.CHAMPION)
        # In this order: cut off in between, the champion is still the compared one.
        if old and old != self.number and aliases.get(names.PREVIOUS) != old:
            self._set_alias(names.PREVIOUS, old)
        if old != self.number:
            self._set_alias(names.CHAMPION, self.number)
        is_moved = self._moved_to(model_stages.PRODUCTION)
        return self._tag(names.PUBLISHED) or is_moved or old != self.number

    def propose(self) -> bool:
        """Notes that Git has this version only on a branch of its own. Returns whether anything changed."""
        return self._tag(names.PROPOSED)

    def _moved_to(self, stage: str) -> bool:
        registry = self.registry
        return registry.follows_stages and model_stages.move(registry.client, registry.model, self.number, stage)

    def _set_alias(self, alias: str, number: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.registry.client.set_registered_model_alias(self.registry.model, alias, number)
        except MlflowException:
            # Of two requests that set a new alias at once MLflow refuses one, though both may ask for the same.
            if self.registry.aliases().get(alias) != number:
                raise

    def _tag(self, status: str) -> bool:
        """Sets the status; that of a published version stays, as it is or was in use."""
        client, model = self.registry.client, self.registry.model
        tags = client.get_model_version(model, self.number).tags
        if tags.get(names.STATUS_TAG) in (names.PUBLISHED, status):
            return False
        client.set_model_version_tag(model, self.number, names.STATUS_TAG, status)
        return True

"""The registered version in MLflow that is published, and the aliases that say which one is in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import names
from shared.errors import StageError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of an agent's registered model. `number` is MLflow's, `name` ours."""

    client: MlflowClient
    model: str
    number: str
    name: str

    @classmethod
    def of(cls, client: MlflowClient, agent: str, name: str, content: str) -> RegisteredVersion:
        """Returns the version of this name. Raises StageError where it is missing, rejected, or of other content."""
        model = names.registered_model(agent)
        found = next((one for one in _versions(client, model) if one.tags.get(names.VERSION_TAG) == name), None)
        if found is None:
            raise StageError(f"MLflow has no version {name} of {model}; run register first")
        if found.tags.get(names.CONTENT_TAG) != content:
            raise StageError(f"{name} in MLflow is of another content than the model; pass the model that register got")
        if found.tags.get(names.STATUS_TAG) == names.REJECTED:
            told = found.tags.get(names.DECISION_TAG, "no reason was kept")
            raise StageError(f"{name} came as approved, but MLflow has it as rejected ({told}); run register again")
        return cls(client, model, str(found.version), name)

    def check_champion(self, compared: str) -> None:
        """Raises StageError where the champion is neither the one that was compared nor this version already."""
        champion = self._champion_name()
        if champion not in (compared, self.name):
            now = f"the champion is {champion or 'none'} now"
            was = f"{self.name} was compared with {compared or 'none'}"
            raise StageError(f"{now}, but {was}; run the workflow again to compare with it")

    def promote(self) -> bool:
        """Makes this version the champion, and its predecessor `previous`. Returns whether anything changed."""
        aliases = self._aliases()
        old = aliases.get(names.CHAMPION)
        # In this order: cut off in between, the champion is still the compared one.
        if old and old != self.number and aliases.get(names.PREVIOUS) != old:
            self.client.set_registered_model_alias(self.model, names.PREVIOUS, old)
        if old != self.number:
            self.client.set_registered_model_alias(self.model, names.CHAMPION, self.number)
        return self._tag(names.PUBLISHED) or old != self.number

    def propose(self) -> bool:
        """Notes that Git has this version only on a branch of its own. Returns whether anything changed."""
        return self._tag(names.PROPOSED)

    def _tag(self, status: str) -> bool:
        """Sets the status; that of a published version stays, as it is or was in use."""
        tags = self.client.get_model_version(self.model, self.number).tags
        if tags.get(names.STATUS_TAG) in (names.PUBLISHED, status):
            return False
        self.client.set_model_version_tag(self.model, self.number, names.STATUS_TAG, status)
        return True

    def _champion_name(self) -> str:
        number = self._aliases().get(names.CHAMPION)
        if number is None:
            return ""
        tags = self.client.get_model_version(self.model, number).tags
        return str(tags.get(names.VERSION_TAG) or f"{self.model} {number}")

    def _aliases(self) -> dict[str, str]:
        aliases = self.client.get_registered_model(self.model).aliases
        return {alias: str(number) for alias, number in aliases.items()}


def _versions(client: MlflowClient, model: str) -> list[ModelVersion]:
    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        page = client.search_model_versions(f"name = '{model}'", page_token=token)
        found += page
        token = page.token
        if not token:
            return found

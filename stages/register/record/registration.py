"""The agent's registered model in MLflow: its versions, their names, the champion."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from shared import model_stages, names
from shared.errors import StageError
from shared.origin import Origin
from stages.register.gate.gate import Verdict
from stages.register.record.creation import unless_it_exists
from stages.register.record.run_record import RunRecord

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


LOGGED = "models:/"


@dataclass(frozen=True)
class RegisteredModel:
    """One agent's registered model."""

    client: MlflowClient
    name: str

    @classmethod
    def of(cls, client: MlflowClient, agent: str) -> RegisteredModel:
        """Returns the agent's registered model, which is created where it is missing."""
        name = names.registered_model(agent)
        if not client.search_registered_models(f"name = '{name}'"):
            with unless_it_exists():
                client.create_registered_model(name, description=f"Turns alerts into the calls of {agent}")
        return cls(client, name)

    def find(self, content: str) -> ModelVersion | None:
        """Returns the version with this content digest, or None."""
        return next((version for version in self._versions() if version.tags.get(names.CONTENT_TAG) == content), None)

    def version_name(self, origin: Origin, content: str) -> str:
        """Returns the name that this content has, or else the first free one of its commit."""
        if known := self.find(content):
            return str(known.tags[names.VERSION_TAG])
        taken = {version.tags.get(names.VERSION_TAG) for version in self._versions()}
        return next(name for repeat in count(1) if (name := origin.model_version(repeat)) not in taken)

    def add(self, model_id: str, run_id: str, record: RunRecord) -> ModelVersion:
        """Returns a new version of the registered model, made of a run's logged model."""
        source, tags = f"{LOGGED}{model_id}", record.version_tags()
        return self.client.create_model_version(
            self.name, source, run_id, tags=tags, description=record.name, model_id=model_id
        )

    def settled(self, version: ModelVersion) -> ModelVersion:
        """Returns the version that stays of those that were added under one name at the same time: the first.

        MLflow adds as many as it is asked for. Raises StageError where the first is of other content; the next run
        finds it and takes another name.
        """
        name, content = version.tags[names.VERSION_TAG], version.tags[names.CONTENT_TAG]
        first = next(one for one in self._versions() if one.tags.get(names.VERSION_TAG) == name)
        if first.version != version.version:
            self.client.delete_model_version(self.name, version.version)
        if first.tags.get(names.CONTENT_TAG) != content:
            reason = f"another run registered other content as {name} at the same time"
            raise StageError(f"{reason}; run again, and this one gets another name")
        return first

    def logged_model(self, version: ModelVersion) -> str | None:
        """Returns the id of the logged model that a version was made of, or None; MLflow keeps it in the source."""
        source = str(version.source)
        return source.removeprefix(LOGGED) if source.startswith(f"{LOGGED}m-") else None

    def settled_verdict(self, content: str) -> Verdict | None:
        """Returns the verdict by which the version of this content came into use, or None where it never did."""
        version = self.find(content)
        decision = version.tags.get(names.DECISION_TAG) if version and self._was_in_use(version) else None
        return Verdict(True, decision) if decision else None

    def record(self, version: ModelVersion, verdict: Verdict) -> None:
        """Tags a version with the verdict, and moves the alias `candidate` to it where it is approved.

        A version that is or was in use keeps its status and its decision, whatever is decided later; one that is
        proposed stays so while it is approved.
        """
        is_proposed = version.tags.get(names.STATUS_TAG) == names.PROPOSED
        approved = names.PROPOSED if is_proposed else names.REGISTERED
        status = approved if verdict.approved else names.REJECTED
        tags = {names.DECISION_TAG: verdict.decision, names.STATUS_TAG: status}
        if self._was_in_use(version):
            tags = {}
        for key, value in tags.items():
            if version.tags.get(key) != value:
                self.client.set_model_version_tag(self.name, version.version, key, value)
        if verdict.approved and self._aliases().get(names.CANDIDATE) != str(version.version):
            self._set_candidate(version)

    def stage(self, version: ModelVersion) -> None:
        """Moves an approved version to MLflow's stage `Staging`; the champion stays where it is."""
        if not self._is_champion(version):
            model_stages.move(self.client, self.name, str(version.version), model_stages.STAGING)

    def _set_candidate(self, version: ModelVersion) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_registered_model_alias(self.name, names.CANDIDATE, version.version)
        except MlflowException:
            # Of two requests that set a new alias at once MLflow refuses one; the second time it is not new.
            self.client.set_registered_model_alias(self.name, names.CANDIDATE, version.version)

    def _was_in_use(self, version: ModelVersion) -> bool:
        return version.tags.get(names.STATUS_TAG) == names.PUBLISHED or self._is_champion(version)

    def _is_champion(self, version: ModelVersion) -> bool:
        return self._aliases().get(names.CHAMPION) == str(version.version)

    def _aliases(self) -> dict[str, str]:
        aliases = self.client.get_registered_model(self.name).aliases
        return {alias: str(number) for alias, number in aliases.items()}

    def _versions(self) -> list[ModelVersion]:
        """Returns all versions, the first one first."""
        found: list[ModelVersion] = []
        token: str | None = None
        while True:
            page = self.client.search_model_versions(f"name = '{self.name}'", page_token=token)
            found += page
            token = page.token
            if not token:
                return sorted(found, key=lambda version: int(version.version))

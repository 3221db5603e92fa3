"""The model version in use, as MLflow has it, and what the run that evaluated it keeps: tags, answers, dataset card."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared import names
from shared.artifacts import Evaluation
from shared.errors import StageError


@dataclass(frozen=True)
class ChampionRun:
    """The run in which the champion was evaluated last."""

    client: Any
    id: str
    tags: Mapping[str, str]

    def predictions(self) -> list[dict[str, Any]]:
        """Returns one prediction per test row, as `Evaluation` does."""
        with TemporaryDirectory() as folder:
            return Evaluation(self._download(names.PREDICTIONS, folder).parent).predictions()

    def dataset_card(self) -> dict[str, Any]:
        """Returns the card of the dataset that the champion was made of; {} where the run keeps none.

        Raises StageError for one that is no JSON object.
        """
        if not _has(self.client, self.id, names.DATASET_CARD):
            return {}
        with TemporaryDirectory() as folder:
            try:
                card = json.loads(self._download(names.DATASET_CARD, folder).read_text("utf-8"))
            except ValueError:
                card = None
        if not isinstance(card, dict):
            raise StageError(f"{names.DATASET_CARD} of the MLflow run {self.id} is no JSON object; restore it")
        return card

    def _download(self, name: str, folder: str) -> Path:
        return Path(self.client.download_artifacts(self.id, name, folder))


@dataclass(frozen=True)
class Champion:
    """The version of an agent's registered model at the alias `champion`. client: MLflow's. created: in UTC."""

    client: Any
    agent: str
    version: str
    content: str
    created: datetime

    @classmethod
    def of(cls, client: Any, agent: str) -> "Champion | None":
        """Returns the agent's champion, or None. Raises StageError for one that register did not make."""
        name = names.registered_model(agent)
        known = client.search_registered_models(f"name = '{name}'")
        number = client.get_registered_model(name).aliases.get(names.CHAMPION) if known else None
        if number is None:
            return None
        found = client.get_model_version(name, number)
        version, content = (found.tags.get(tag) for tag in (names.VERSION_TAG, names.CONTENT_TAG))
        if not version or not content:
            missing = f"{names.VERSION_TAG} and {names.CONTENT_TAG}"
            reason = f"version {number} of {name}, which lacks the tags {missing}"
            raise StageError(f"the alias {names.CHAMPION} is on {reason}; move it to a version that register made")
        return cls(client, agent, version, content, datetime.fromtimestamp(found.creation_timestamp / 1000, UTC))

    def run(self) -> ChampionRun:
        """Returns the latest finished run of its content. Raises StageError where its answers are gone."""
        experiment = self.client.get_experiment_by_name(names.experiment(self.agent))
        condition = f"tags.{names.CONTENT_TAG} = '{self.content}' and attributes.status = 'FINISHED'"
        order = ["attributes.start_time DESC"]
        runs = self.client.search_runs([experiment.experiment_id], condition, order_by=order) if experiment else []
        if not runs or not _has(self.client, runs[0].info.run_id, names.PREDICTIONS):
            remedy = f"restore them, or take the alias {names.CHAMPION} from it to do without the comparison"
            raise StageError(f"the predictions of the champion {self.version} are gone from MLflow; {remedy}")
        return ChampionRun(self.client, runs[0].info.run_id, runs[0].data.tags)


def _has(client: Any, run: str, artifact: str) -> bool:
    folder = Path(artifact).parent.as_posix()
    return artifact in [file.path for file in client.list_artifacts(run, folder)]

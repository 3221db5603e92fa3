"""How the champion stands today: its stored answers by today's calls, the alerts that it never saw, its age."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.answers import right_rows, tuned_texts
from shared.artifacts import SPLITS, UNCOVERED_ALERTS, UNSEEN_ALERTS, ChatDataset
from shared.champion import Champion

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Standing:
    """The champion, measured by today's dataset.

    rows: today's test rows. known: those of them that it answered. right: those of them that it has right today.
    wrong: the names of the alerts of whose known rows it has none right.
    alerts: how many today's dataset has. unseen: the names of those that the champion's dataset did not have.
    tags: of the champion's run.
    """

    version: str
    age_days: float
    rows: int
    known: int
    right: int
    wrong: tuple[str, ...]
    alerts: int
    unseen: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def accuracy(self) -> float:
        """The share of the known rows that are right; 0 where none is known."""
        return self.right / self.known if self.known else 0.0


def look(champion: Champion, dataset: ChatDataset, now: datetime) -> Standing:
    """Returns how the champion stands at a time. Raises StageError where MLflow keeps its answers no more."""
    run = champion.run()
    predictions, card = run.predictions(), run.dataset_card()
    right = right_rows(dataset, tuned_texts(predictions))
    today = alerts_of(dataset)
    seen = _seen(card) | _answered(predictions, dataset)
    return Standing(
        version=champion.version,
        age_days=max(0.0, (now - champion.created) / DAY),
        rows=len(dataset.rows("test")),
        known=len(right),
        right=sum(right.values()),
        wrong=_without_any(right, dataset),
        alerts=len(today),
        unseen=tuple(alert for alert in today if alert not in seen),
        tags=run.tags,
    )


def alerts_of(dataset: ChatDataset) -> list[str]:
    """Returns the names of the alerts that a dataset has rows of, in their order.

    Alerts that nothing covers are none of them: no training would teach them anything.
    """
    return list(dict.fromkeys(row["alert"] for row in _all_rows(dataset) if row["alert"]))


def _without_any(right: Mapping[str, bool], dataset: ChatDataset) -> tuple[str, ...]:
    """Returns the alerts of the known rows that have no right one among them."""
    known = [row for row in dataset.rows("test") if row["alert"] and row["id"] in right]
    better = {row["alert"] for row in known if right[row["id"]]}
    return tuple(dict.fromkeys(row["alert"] for row in known if row["alert"] not in better))


def _seen(card: Mapping[str, Any]) -> set[str]:
    """Returns the alerts that a dataset card tells of: those with rows, and those that taught no call.

    One whose rows are all of the split of uncovered alerts was not there yet for training.
    """
    told = [name for name, rows in card.get("alerts", {}).items() if not _is_uncovered(rows)]
    skipped = [entry.get("name") for entry in card.get("skipped", [])]
    return {name for name in (*told, *skipped) if name}


def _is_uncovered(rows: Mapping[str, int]) -> bool:
    """Returns whether the rows of an alert, counted by split, are of the split of uncovered alerts alone."""
    return {split for split, count in rows.items() if count} == {UNCOVERED_ALERTS}


def _answered(predictions: Iterable[Mapping[str, Any]], dataset: ChatDataset) -> set[str]:
    """Returns the alerts that the champion answered a row of, as its predictions or today's rows name them.

    It was asked about uncovered alerts too, but not taught them: one that is covered today is new to it.
    """
    asked = [prediction for prediction in predictions if prediction.get("split") != UNCOVERED_ALERTS]
    told = {prediction["id"]: prediction.get("alert") for prediction in asked}
    today = {row["alert"] for row in _all_rows(dataset) if row["id"] in told}
    return {name for name in (*told.values(), *today) if name}


def _all_rows(dataset: ChatDataset) -> list[dict[str, Any]]:
    return [row for split in (*SPLITS, UNSEEN_ALERTS) for row in dataset.rows(split)]

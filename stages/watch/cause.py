"""The key of a cause: what there is to train on and why, never who asks, so that every trigger finds the same one."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from shared import archive
from shared.artifacts import ChatDataset
from shared.origin import Origin

DIGITS = 16


class Kind(StrEnum):
    """Why an agent is trained. The order is the one in which a decision takes its kind from its findings.

    What the trigger `watch` sees comes first, so that all triggers agree on it.
    """

    NO_CHAMPION = "no champion"
    NEW_PROMPTS = "new prompts"
    ACCURACY = "accuracy"
    UNSEEN_ALERTS = "unseen alerts"
    LIVE_METRIC = "live metric"
    AGE = "age"
    NEW_INPUTS = "new inputs"
    NEW_TRAIN = "new train"
    REQUEST = "request"


@dataclass(frozen=True)
class Today:
    """What a training would be made of today. digest: the dataset's sha256 (hex). train: the version of train."""

    agent: str
    commit: str
    digest: str
    train: str

    @classmethod
    def of(cls, dataset: ChatDataset, train: str) -> "Today":
        """Returns what the dataset tells. Raises StageError where it does not tell where it came from."""
        origin = Origin.of(dataset)
        return cls(origin.agent, origin.commit, archive.digest(dataset.path), train)

    def cause(self, kind: Kind) -> str:
        """Returns the key (16 hex) of agent, input commit, dataset, version of train, and kind of finding.

        The version is part of it because another train may make another model of the same rows.
        """
        parts = [self.agent, self.commit, self.digest, self.train, kind.value]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:DIGITS]

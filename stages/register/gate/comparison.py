"""A new model against the champion, row by row, by today's answers."""

from collections import Counter
from dataclasses import dataclass

from shared.answers import Predictions, right_rows
from shared.artifacts import ChatDataset
from stages.register.gate import paired
from stages.register.gate.paired import Interval


@dataclass(frozen=True)
class Comparison:
    """A new model and the champion on the rows that both answered: how many both, one or none of them has right.

    gained: rows that only the new model has right. lost: those that only the champion has. unseen: test rows that the
    champion never saw.
    """

    champion: str
    both: int
    gained: int
    lost: int
    neither: int
    unseen: int = 0

    @property
    def common(self) -> int:
        """The rows that both models answered."""
        return self.both + self.gained + self.lost + self.neither

    @property
    def right(self) -> int:
        """The common rows that the new model has right."""
        return self.both + self.gained

    @property
    def champion_right(self) -> int:
        """The common rows that the champion has right."""
        return self.both + self.lost

    @property
    def difference(self) -> float:
        """The new model's accuracy less the champion's; there is at least one common row."""
        return (self.gained - self.lost) / self.common

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the difference."""
        return paired.difference_interval(self.both, self.gained, self.lost, self.neither)

    @property
    def chance(self) -> float:
        """The p-value of the difference."""
        return paired.chance(self.gained, self.lost)

    def counts(self) -> dict[str, int]:
        """Returns how many rows were compared and how they came out."""
        names = ("common", "right", "champion_right", "gained", "lost", "unseen")
        return {name: getattr(self, name) for name in names}

    def measures(self) -> dict[str, float]:
        """Returns the difference, its interval and its p-value; nothing where no row was compared."""
        if not self.common:
            return {}
        low, high = self.interval
        return {"difference": self.difference, "interval_low": low, "interval_high": high, "p_value": self.chance}


def compare(dataset: ChatDataset, new: Predictions, champion: str, stored: Predictions) -> Comparison:
    """Returns the paired comparison on the test rows whose ids both know.

    Both texts are read by the dataset's prompt file and measured by its calls: what the champion
    answered counts by what is right today.
    """
    right, champion_right = right_rows(dataset, new), right_rows(dataset, stored)
    pairs = Counter((right[row], champion_right[row]) for row in right.keys() & champion_right.keys())
    return Comparison(
        champion=champion,
        both=pairs[True, True],
        gained=pairs[True, False],
        lost=pairs[False, True],
        neither=pairs[False, False],
        unseen=len(right.keys() - champion_right.keys()),
    )

"""Whether two prompts say the same: equal words, or nearly so."""

from collections import defaultdict

from rapidfuzz import fuzz

from shared.errors import StageError
from stages.dataset.rows.row import Row

NEAR = 97.0  # of 100, by rapidfuzz.fuzz.ratio


def is_near(words: str, other: str) -> bool:
    """Returns whether two normalised texts are nearly the same."""
    return fuzz.ratio(words, other, score_cutoff=NEAR) > 0


class Known:
    """The rows of a dataset so far: what each asks, what answers it, and where that comes from."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[str, str]] = {}
        self._words: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))

    def add(self, row: Row, place: str) -> None:
        """Remembers a row. place: where its answer comes from, as a person reads it."""
        self._answers[row.id] = (row.completion, place)
        if row.function:
            self._words[row.completion][row.split].append(row.words)

    def has(self, row: Row, place: str) -> bool:
        """Returns whether there is a row of the same prompt. Raises StageError where that has another answer."""
        if row.id not in self._answers:
            return False
        completion, other = self._answers[row.id]
        if completion != row.completion:
            raise StageError(
                f"one notification has two answers, of {other} and of {place}: "
                f"{row.notification:.200}; give the two alerts other symptoms"
            )
        return True

    def is_near_elsewhere(self, row: Row) -> bool:
        """Returns whether another split has the row's call for nearly the same words."""
        if not row.function:
            return False
        words, known = row.words, self._words[row.completion]
        return any(is_near(words, other) for split, others in known.items() if split != row.split for other in others)

"""A cap on how much of the training rows one function may have."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from stages.dataset.rows.row import Row


def balanced(rows: Sequence[Row], share: float) -> list[Row]:
    """Returns the rows without those training rows of a function that are more than share of all that call.

    Which ones go is told by their ids, and those of alerts with most rows go first. With few functions the share is
    at least an equal part.
    """
    calls = [row for row in rows if row.split == "train" and row.function]
    sizes = Counter(row.function for row in calls)
    if len(sizes) < 2:
        return list(rows)
    share = max(share, 1 / len(sizes))
    function, size = sizes.most_common(1)[0]
    most = int((len(calls) - size) * share / (1 - share)) if share < 1 else size
    gone = _surplus([row for row in calls if row.function == function], size - most)
    return [row for row in rows if row.id not in gone]


def _surplus(rows: Sequence[Row], count: int) -> set[str]:
    """Returns the ids of count rows: the last of each alert by hash, so that its alerts keep equally many."""
    by_alert: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: hashlib.sha256(row.id.encode()).digest()):
        by_alert.setdefault(row.alert, []).append(row.id)
    ranked = sorted((-place, id) for ids in by_alert.values() for place, id in enumerate(ids))
    return {id for _, id in ranked[: max(count, 0)]}

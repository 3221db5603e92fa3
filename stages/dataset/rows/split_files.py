"""Rows as the files of a dataset that the Hugging Face `datasets` library loads."""

import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched; without it the import looks for a token file

from datasets import Dataset, Features, Value, disable_progress_bars  # type: ignore[import-untyped]

from shared.artifacts import SPLITS, UNSEEN_ALERTS
from stages.dataset.rows.examples import Row

COLUMNS = ("id", "prompt", "completion", "alert", "function", "call", "notification", "alertname")
FEATURES = Features({column: Value("string") for column in COLUMNS})


def write_splits(rows: Sequence[Row], folder: Path) -> None:
    """Writes {train,valid,test}.jsonl, and test_unseen_alerts.jsonl where it has rows: one JSON object a row.

    The rows are typed by FEATURES; equal rows give equal bytes.
    """
    disable_progress_bars()
    for split in (*SPLITS, UNSEEN_ALERTS):
        columns = [row.columns() for row in rows if row.split == split]
        if split == UNSEEN_ALERTS and not columns:
            continue
        Dataset.from_list(columns, features=FEATURES).to_json(folder / f"{split}.jsonl", force_ascii=False)

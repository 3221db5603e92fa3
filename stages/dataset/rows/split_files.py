"""Rows as the files of a dataset that the Hugging Face `datasets` library loads."""

import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched; without it the import looks for a token file

from datasets import Dataset, Features, Value, disable_progress_bars  # type: ignore[import-untyped]
from datasets.table import InMemoryTable  # type: ignore[import-untyped]

from shared.artifacts import ALL_SPLITS, SPLITS
from stages.dataset.rows.row import Row

COLUMNS = ("id", "prompt", "completion", "alert", "function", "call", "notification", "alertname", "answer")
FEATURES = Features({column: Value("string") for column in COLUMNS})

_AT_ONCE = 2000  # rows: all of a large runbook's would take gigabytes


def write_splits(rows: Sequence[Row], folder: Path) -> None:
    """Writes {train,valid,test}.jsonl, and those of ALL_SPLITS besides that have rows: one JSON object a row.

    The rows are typed by FEATURES; equal rows give equal bytes.
    """
    disable_progress_bars()
    for split in ALL_SPLITS:
        chosen = [row for row in rows if row.split == split]
        if split not in SPLITS and not chosen:
            continue
        with (folder / f"{split}.jsonl").open("wb") as file:
            for start in range(0, len(chosen), _AT_ONCE):
                table = InMemoryTable.from_pylist(
                    [row.columns() for row in chosen[start : start + _AT_ONCE]], schema=FEATURES.arrow_schema
                )
                # A fingerprint is for the library's cache: to make one takes longer than to write the rows.
                Dataset(table, fingerprint=split).to_json(file, force_ascii=False)

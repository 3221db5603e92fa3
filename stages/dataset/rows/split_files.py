"""Rows as the files of a dataset that the Hugging Face `datasets` library loads.

They are written without it: to import it takes longer, and more memory, than to read a runbook of 200 alerts.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from shared.artifacts import ALL_SPLITS, SPLITS
from stages.dataset.rows.row import Row

_LINE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def write_splits(rows: Sequence[Row], folder: Path) -> None:
    """Writes {train,valid,test}.jsonl, and those of ALL_SPLITS besides that have rows: one JSON object a row.

    Equal rows give equal bytes, those that the library itself writes: it escapes slashes.
    """
    for split in ALL_SPLITS:
        chosen = [row for row in rows if row.split == split]
        if split not in SPLITS and not chosen:
            continue
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(_LINE.encode(row.columns()).replace("/", r"\/") + "\n" for row in chosen)

"""Rows as the files of a dataset that the Hugging Face `datasets` library loads.

They are written without it: to import it takes longer, and more memory, than to read a runbook of 200 alerts.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from shared.artifacts import ALL_SPLITS, SPLITS
from stages.dataset.rows.row import Row

_LINE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_PROMPT = '"prompt":"'  # stands in a line as a key first of all: before it there is only the id, which is hexadecimal


def write_splits(rows: Sequence[Row], folder: Path) -> None:
    """Writes {train,valid,test}.jsonl, and those of ALL_SPLITS besides that have rows: one JSON object a row.

    Equal rows give equal bytes, those that the library itself writes: it escapes slashes.
    """
    for split in ALL_SPLITS:
        chosen = [row for row in rows if row.split == split]
        if split not in SPLITS and not chosen:
            continue
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(map(_line, chosen))


def _line(row: Row) -> str:
    """Returns a row as a line of its file; what all prompts begin with is escaped once for all."""
    rest = _escaped(row.columns() | {"prompt": row.turn})
    return rest.replace(_PROMPT, _PROMPT + _beginning(row.prefix), 1) + "\n"


@lru_cache(maxsize=1)
def _beginning(prefix: str) -> str:
    return _escaped(prefix)[1:-1]


def _escaped(value: Any) -> str:
    return _LINE.encode(value).replace("/", r"\/")

"""All rows of a dataset: drawn, without near-duplicates, balanced, and apart between the splits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.artifacts import ALL_SPLITS, SPLITS
from shared.errors import StageError
from stages.dataset.calls.remedies import Findings
from stages.dataset.calls.tools import Tools
from stages.dataset.contract import Inputs
from stages.dataset.rows.balance import balanced
from stages.dataset.rows.examples import Sampling, make_rows, prompt_file
from stages.dataset.rows.leaks import check_leaks, without_duplicates
from stages.dataset.rows.row import Row


def sampling_of(inputs: Inputs) -> Sampling:
    """Returns how the inputs of the stage want rows to be drawn."""
    return Sampling(
        inputs.examples_per_alert,
        inputs.seed,
        inputs.no_call_share,
        inputs.renamed_share,
        inputs.unseen_alerts_share,
        inputs.max_function_share,
    )


def draw_rows(findings: Findings, tools: Tools, sampling: Sampling) -> tuple[list[Row], dict[str, int]]:
    """Returns the rows of every split, and how many were left out as duplicates and for the balance, or are alike.

    Raises StageError where a split would be empty, a row has two answers, or one split tells another's answer.
    """
    drawn = make_rows(findings, tools, prompt_file(tools), sampling)
    single = without_duplicates(drawn)
    rows = balanced(single, sampling.max_function_share)
    for split in SPLITS:
        if not any(row.split == split for row in rows):
            raise StageError(f"the split {split} would be empty; raise examples_per_alert or add alerts to the runbook")
    check_leaks(_by_split(rows))
    alike = sum(row.is_alike for row in rows)
    return rows, {"duplicates": len(drawn) - len(single), "balance": len(single) - len(rows), "alike": alike}


def _by_split(rows: Sequence[Row]) -> Mapping[str, Iterator[dict[str, Any]]]:
    """Returns the rows of each split as `check_leaks` wants them; each is made when it is asked for."""
    return {split: _fields(rows, split) for split in ALL_SPLITS}


def _fields(rows: Sequence[Row], split: str) -> Iterator[dict[str, Any]]:
    return (vars(row) | {"words": row.words} for row in rows if row.split == split)

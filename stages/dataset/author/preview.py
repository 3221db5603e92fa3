"""Rows as the model sees them."""

from collections.abc import Iterator

from shared.errors import StageError
from stages.dataset.calls.remedies import Findings
from stages.dataset.calls.tools import Tools
from stages.dataset.rows.examples import Sampling, make_rows, prompt_file
from stages.dataset.rows.row import Row

USER_TURN = "<start_of_turn>user\n"


def preview(findings: Findings, tools: Tools, alert: str, split: str, count: int, seed: int) -> Iterator[str]:
    """Yields count rows of a split as text, of one alert or of all. Raises StageError where there are none."""
    rows = make_rows(findings, tools, prompt_file(tools), Sampling(seed=seed))
    wanted = [row for row in rows if row.split == split and alert in ("", row.alert)]
    if not wanted:
        known = ", ".join(sorted({row.alert for row in rows if row.alert}))
        raise StageError(f"there is no row of {alert or 'any alert'} in {split}; alerts with rows: {known}")
    step = max(1, len(wanted) // count)
    for row in wanted[::step][:count]:
        yield _shown(row)


def _shown(row: Row) -> str:
    head = f"── {row.split} row {row.id}: {row.alert or 'an unknown alert'}, name {row.alertname}"
    asked = row.prompt.rpartition(USER_TURN)[2]
    return f"{head}\n… {USER_TURN}{asked}{row.completion.rstrip()}\n"

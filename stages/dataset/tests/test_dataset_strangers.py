"""Runbooks that strangers wrote give rows or a reason, and never a crash."""

from pathlib import Path

import pytest

from stages.dataset.calls.remedies import find_remedies
from stages.dataset.calls.tools import read_tools
from stages.dataset.rows.examples import Sampling, make_rows, prompt_file
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import HOMELAB, ROOT

FOLDER = ROOT.parent / "shared" / "runbooks"
FILES = sorted(path for path in FOLDER.glob("*") if path.suffix != ".tsv")
TOOLS = read_tools((HOMELAB / "flux/ai/agent-sre/training/tools.yaml").read_text(), "tools.yaml")

pytestmark = pytest.mark.skipif(not FILES, reason=f"there are no runbooks in {FOLDER}")


def rows_and_reasons(path: Path) -> tuple[int, list[str]]:
    findings = find_remedies(read_runbook(path.read_text("utf-8", "replace"), path.name), TOOLS)
    skipped = findings.skipped
    rows = make_rows(findings, TOOLS, prompt_file(TOOLS), Sampling(8, 0, 0, 0, 0))
    return len(rows), [entry.reason for entry in skipped]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_alert_gives_rows_or_a_reason(path: Path) -> None:
    alerts = read_runbook(path.read_text("utf-8", "replace"), path.name)
    rows, reasons = rows_and_reasons(path)
    assert rows == 8 * (len(alerts) - len(reasons))
    assert all(reasons)


def test_three_of_them_teach_the_functions_of_the_example() -> None:
    taught = {path.stem.rpartition("_")[2] for path in FILES if rows_and_reasons(path)[0]}
    assert taught >= {"KubePodCrashLooping", "KubeContainerWaiting", "KubePersistentVolumeFillingUp"}

"""Rows that other processes draw ahead are those that one process draws, whatever becomes of the others."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from shared.errors import StageError
from stages.dataset.calls.remedies import Findings, find_remedies
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.rows import ahead
from stages.dataset.rows.ahead import made_ahead, processes_for
from stages.dataset.rows.examples import Sampling, make_rows, prompt_file
from stages.dataset.rows.likeness import Known
from stages.dataset.rows.row import Row
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import HOMELAB, ROOT, command, make

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux draws ahead")

SRE = HOMELAB / "flux/ai/agent-sre"
LONGEST = 10  # seconds that a process may need to notice that nobody reads any more
ALERT = "\n## Alert: Web{0}Down\n\nWeb {0} does not answer.\n\n`kubectl delete pod <pod> -n <namespace>`\n"


def example() -> tuple[Findings, Tools]:
    tools = read_tools((SRE / "training/tools.yaml").read_text(), "tools.yaml")
    return find_remedies(read_runbook((SRE / "docs/RUNBOOK.md").read_text()), tools), tools


def rows_by(processes: int, **options: Any) -> list[Row]:
    findings, tools = example()
    return make_rows(findings, tools, prompt_file(tools), Sampling(**options), processes)


def fields(rows: list[Row]) -> list[dict[str, Any]]:
    return [vars(row) | {"words": row.words} for row in rows]


@pytest.mark.parametrize("options", [{}, {"seed": 3}, {"per_alert": 3}, {"unseen_alerts_share": 0.3}])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_rows_are_the_same_whoever_draws_them(processes: int, options: dict[str, Any]) -> None:
    alone = rows_by(0, **options)
    assert alone
    assert fields(rows_by(processes, **options)) == fields(alone)


def test_rows_that_are_refused_are_drawn_on_where_the_others_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(Known, "is_near_elsewhere", lambda self, row: looked_at.append(row.id) or row.id[0] in "0369cf")
    alone, without = rows_by(0), len(looked_at)
    assert without > 1.2 * len(alone)
    assert fields(rows_by(2)) == fields(alone)
    assert looked_at[:without] == looked_at[without:]


def test_all_rows_hold_what_they_begin_with_once() -> None:
    assert len({id(row.prefix) for row in rows_by(2)}) == 1


def test_what_is_made_comes_in_the_order_of_the_items() -> None:
    assert list(made_ahead(str, range(100), 3)) == list(map(str, range(100)))


def test_without_processes_nothing_is_made_ahead() -> None:
    assert list(made_ahead(str, range(3), 0)) == [None, None, None]


def test_more_processes_than_items_have_nothing_to_do() -> None:
    assert list(made_ahead(str, range(2), 4)) == ["0", "1"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_process_that_was_ended_did_not_make_is_yet_to_be_made(end: signal.Signals) -> None:
    def make(item: int) -> int:
        if item == 4:
            os.kill(os.getpid(), end)
        return item

    assert list(made_ahead(make, range(8), 2)) == [0, 1, 2, 3, None, 5, None, 7]


def test_an_error_ends_a_process_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    def make(item: int) -> float:
        return 1 / (item - 2)

    assert list(made_ahead(make, range(4), 1)) == [-0.5, -1.0, None, None]
    assert capfd.readouterr() == ("", "")


def test_half_a_message_is_none() -> None:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    os.write(sender.fileno(), b"\x00\x00\x10\x00half of 4096 bytes")
    sender.close()
    assert ahead._received(receiver) is None


def test_without_room_for_a_process_all_is_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    assert list(made_ahead(str, range(3), 2)) == [None, None, None]


def test_an_error_comes_as_where_one_process_draws() -> None:
    findings, tools = example()
    twice = Findings([*findings.remedies[:3], *findings.remedies[3:6]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stages.dataset.rows.examples._FITTING", 0)
        for processes in (0, 2):
            with pytest.raises(StageError, match=r"takes no label's value"):
                make_rows(twice, tools, prompt_file(tools), Sampling(), processes)
    assert children() == []


def children() -> list[int]:
    """The processes that this one has started and that are not gone."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def test_nobody_is_left_when_the_rows_are_made_or_not_wanted_any_more() -> None:
    with closing(made_ahead(lambda item: "x" * 1_000_000, range(100), 3)) as made:
        assert len(next(made) or "") == 1_000_000
        assert len(children()) == 3
    assert children() == []


def test_few_alerts_and_one_core_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "usable_cores", lambda: 1)
    assert [processes_for(count) for count in (0, 299, 300, 10_000)] == [0, 0, 0, 0]
    monkeypatch.setattr(ahead, "usable_cores", lambda: 2)
    assert [processes_for(count) for count in (0, 299, 300, 10_000)] == [0, 0, 2, 2]
    monkeypatch.setattr(ahead, "usable_cores", lambda: 64)
    assert processes_for(10_000) == 4


def started(process: "Popen[str]") -> Iterator[int]:
    """Yields the processes that a stage has started, as soon as there are two."""
    file = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while len(found := file.read_text().split()) < 2:
        time.sleep(0.01)
    yield from map(int, found)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_stage_that_is_stopped_leaves_nobody_and_nothing_behind(end: signal.Signals, tmp_path: Path) -> None:
    if ahead.processes_for(1000) < 2:
        pytest.skip("one core draws alone")
    repository = make(tmp_path / "gitops", runbook="# Runbook\n" + "".join(map(ALERT.format, range(400))))
    (temporary := tmp_path / "temporary").mkdir()
    arguments = command(repository, tmp_path / "out", "agent-test", "--examples-per-alert", "100")
    variables = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    with Popen(arguments, env=variables, stderr=PIPE, text=True) as process:
        others = list(started(process))
        process.send_signal(end)
        process.wait()
        until = time.monotonic() + LONGEST
        while any(map(is_running, others)) and time.monotonic() < until:
            time.sleep(0.01)
        assert not any(map(is_running, others))
        if end == signal.SIGTERM:
            assert process.returncode == 143
            assert list(temporary.iterdir()) == list((tmp_path / "out").iterdir()) == []

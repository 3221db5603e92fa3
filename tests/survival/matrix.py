"""The survival matrix: a row for each fault, told by the test that caused it, and the page that holds them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.survival.programs import Finished

PAGE = Path(__file__).resolve().parents[2] / "docs" / "survival.md"
TOPICS = ("Death", "MLflow", "S3", "Git", "Races", "Inputs", "This machine", "Secrets")
HEAD = """# What survives what

`make test-survival` wrote this page. Each row is a test in which register and publish meet a fault: of a real MLflow,
MinIO or Git server, or of the machine. *Took* is how long the disturbed run needed to give up or to get through; above
*at most* the test fails. *What the user sees* is the last line that the stage printed, with words in place of addresses
and paths.

*What was lost* is read past the stages, by plain `git`, plain S3 requests and MLflow's REST API. It says *nothing*
where all of this holds: what MODEL_VERSION names after the fault is complete in the store, every file with its sha256,
or is what it was before; the next run, undisturbed, ends well; and then there are one registered version, one commit
that bumps MODEL_VERSION, and the alias `champion` on that version, whose files in MLflow and in the store are the
model's. A stage that gave up delivered no output and left no temporary file.
"""

# What differs from run to run: addresses, digests and ids, temporary folders, the rows' agents.
_NUMBERS = {
    r"\b(127\.0\.0\.1|localhost):\d+": "server",
    r"port=\d+": "port=…",
    r"0x[0-9a-f]{6,}": "0x…",
    r"\b(m-)?[0-9a-f]{32,64}\b": "…",
    r"artifacts/\d+/": "artifacts/…/",
    r"\b(register|publish)-\w{8}\b": r"\1-…",
    r"\bagent-\d+\b": "agent-sre",
}


@dataclass(frozen=True)
class Fault:
    """What a row is about: its topic, what was done, and the most seconds that it may take."""

    topic: str
    done: str
    bound: int


@dataclass(frozen=True)
class Row:
    """A fault, the last line that the user saw, what was lost, and how many seconds it took."""

    fault: Fault
    seen: str
    lost: str
    seconds: float

    def cells(self) -> list[str]:
        """Returns the row as Markdown cells."""
        seen = f"`{self.seen}`" if self.seen else ""
        cells = [self.fault.done, seen, self.lost, f"{self.seconds:.0f} s", f"{self.fault.bound} s"]
        return [cell.replace("|", r"\|") for cell in cells]


def fault(topic: str, done: str, bound: int) -> pytest.MarkDecorator:
    """Returns the mark of a test that is a row of the matrix."""
    assert topic in TOPICS, topic
    return pytest.mark.fault(Fault(topic, done, bound))


def plain(text: str, words: Mapping[str, str]) -> str:
    """Returns text with addresses, paths and numbers of this machine replaced by words."""
    for known in sorted(words, key=len, reverse=True):
        text = text.replace(known, words[known])
    for pattern, word in _NUMBERS.items():
        text = re.sub(pattern, word, text)
    return text


class Teller:
    """Takes down one row, told by its test."""

    def __init__(self, fault: Fault, words: Mapping[str, str]) -> None:
        self.fault, self.words = fault, words
        self.row: Row | None = None

    def __call__(self, run: Finished, lost: str, seconds: float = 0) -> None:
        """Tells what became of the disturbed run. seconds: what it took, where that is not the run's own time."""
        took = seconds or run.seconds
        assert took <= self.fault.bound, f"it took {took:.1f} s"
        self.row = Row(self.fault, plain(run.last_line, self.words), lost, took)


def page(rows: Iterable[Row]) -> str:
    """Returns the Markdown page of all rows."""
    rows = list(rows)
    tables = [f"## {topic}\n\n{_table([row for row in rows if row.fault.topic == topic])}" for topic in TOPICS]
    return "\n".join([HEAD, *tables])


def _table(rows: Sequence[Row]) -> str:
    head = ["what was done", "what the user sees", "what was lost", "took", "at most"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

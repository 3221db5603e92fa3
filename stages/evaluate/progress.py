"""How far a long step is: a bar on a terminal, a line for each quarter elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields the function to call with each number of finished items."""
    if not sys.stderr.isatty():
        yield _Lines(what, total).advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda items: bar.advance(task, items)


def log(line: str) -> None:
    """Writes one line to stderr."""
    print(line, file=sys.stderr, flush=True)


class _Lines:
    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0

    def advance(self, items: int) -> None:
        before, self.done = self.done, self.done + items
        if 4 * before // self.total < 4 * self.done // self.total:
            log(f"{self.what}: {self.done} of {self.total}")

"""What other processes make ahead of this one: to draw rows is most of the work, and each alert is drawn by itself.

They are forks, which have all that they need, and send what they make. This process takes it in the old order and
checks each row against all before it, so that the same comes out whatever the number of cores. A process that ends
early, whoever ended it, is not missed: what it did not make is made here.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from shared.engine.cores import usable_cores

_FEWEST = 300  # alerts, below which processes gain less than they cost
_MOST = 4  # more processes would wait for the one that checks

Item = TypeVar("Item")
Made = TypeVar("Made")


def processes_for(alerts: int) -> int:
    """Returns how many processes are to draw ahead: none for few alerts, and where one core is all there is."""
    if alerts < _FEWEST or sys.platform != "linux":  # elsewhere, libraries of the system do not outlive a fork
        return 0
    cores = usable_cores()
    return min(cores, _MOST) if cores > 1 else 0


def made_ahead(
    make: Callable[[Item], Made], items: Sequence[Item], processes: int
) -> Generator[Made | None, None, None]:
    """Yields what make returns of each item, in their order; None where it is yet to be made.

    Each process makes every n-th, and waits as soon as it is a few ahead.
    """
    receivers: list[Connection] = []
    with ExitStack() as ending:
        for first in range(processes):
            receiver, process = _started(make, items[first::processes], receivers)
            receivers.append(receiver)
            ending.callback(_end, receiver, process)
        for number in range(len(items)):
            yield _received(receivers[number % processes]) if processes else None


def _started(
    make: Callable[[Item], Made], items: Sequence[Item], others: Sequence[Connection]
) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(make, items, sender, [*others, receiver]), daemon=True)
    with suppress(OSError):  # there is no room for another: as if it had ended at once
        process.start()
    sender.close()
    return receiver, process


def _send(make: Callable[[Item], Made], items: Sequence[Item], sender: Connection, inherited: list[Connection]) -> None:
    """Sends what make returns of each item. An error ends it without a word: it will come again where it is missed."""
    try:
        for receiver in inherited:
            receiver.close()  # so that none can write any more once the one that reads has ended
        for item in items:
            sender.send(make(item))
    finally:
        os._exit(0)


def _received(receiver: Connection) -> Any:
    try:
        return receiver.recv()
    except (EOFError, OSError):  # it has ended: before a message, or within one
        return None


def _end(receiver: Connection, process: BaseProcess) -> None:
    receiver.close()
    if process.pid:
        process.kill()
        process.join()

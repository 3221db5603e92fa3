"""How a stage ends: with a reason on its last line, on a bug, or because it is stopped."""

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from shared.errors import one_line, printable

REASON_FILE = "TERMINATION_LOG"
DEFAULT_REASON_FILE = "/dev/termination-log"  # Kubernetes shows its content as the reason of a failure
STOPS = {signal.SIGTERM, signal.SIGINT}
FAREWELL_SECONDS = 3.0  # for what is to be told to others before a stopped process ends

# Taken for good before outputs get their names, so that a stop finds none of them or a stage that ends
# well; and by the thread that ends the process, so that a stop and a failure that it causes do not both speak.
ending = threading.RLock()
_farewells: list[Callable[[], None]] = []


def end_with(name: str, code: int, reason: str, is_said: bool = False) -> NoReturn:
    """Exits with code after one line, last on stderr, that says why. is_said: it is on stderr already."""
    ending.acquire()
    _report(f"{name}: {one_line(reason)}", is_said)
    sys.exit(code)


def report_bug(name: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints the traceback of a bug, line by harmless line: it may hold what a repository contains."""
    ending.acquire()
    for line in "".join(traceback.format_exception(kind, error, trace)).splitlines():
        print(f"| {printable(line)}", file=sys.stderr)
    _report(f"{name}: unexpected {kind.__name__}: {one_line(str(error))}")


def _report(line: str, is_said: bool = False) -> None:
    """Says why the stage ends: last on stderr, and where the engine that runs it will look."""
    if not is_said:
        print(line, file=sys.stderr, flush=True)
    asked = os.environ.get(REASON_FILE)
    file = Path(asked or DEFAULT_REASON_FILE)
    with contextlib.suppress(OSError):  # the reason is on stderr already, and this file is a courtesy
        if asked or file.exists():
            file.write_text(line, "utf-8")


def on_stop(farewell: Callable[[], None]) -> None:
    """Has farewell called where a signal ends the process, in a thread, for at most FAREWELL_SECONDS."""
    _farewells.append(farewell)


def stop_on_signals(name: str, work: Path, passing: Path) -> None:
    """Ends the process at SIGTERM or Ctrl-C, even while a library's native code runs and as process 1.

    work, passing: folders that are removed first.

    Python runs signal handlers between bytecodes only, and one training step can take minutes. The
    wake-up descriptor is written at once, and a thread that waits for it ends the process.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for number in STOPS:
        signal.signal(number, lambda *_: None)
    os.register_at_fork(after_in_child=_forget_signals)
    # The thread gets the writer too: closed, its descriptor would be reused for some file.
    arguments = (name, work, passing, reader, writer)
    threading.Thread(target=_await_stop, args=arguments, name="stop", daemon=True).start()


def _await_stop(name: str, work: Path, passing: Path, reader: socket.socket, writer: socket.socket) -> NoReturn:
    while not (stops := STOPS.intersection(reader.recv(64))):
        pass
    number = stops.pop()
    with ending:
        try:
            said = [threading.Thread(target=farewell, daemon=True) for farewell in _farewells]
            for thread in said:
                thread.start()
            for _ in range(3):  # the main thread still runs and may add a file meanwhile
                shutil.rmtree(work, ignore_errors=True)
                shutil.rmtree(passing, ignore_errors=True)
            for thread in said:
                thread.join(FAREWELL_SECONDS)
            _report(f"{name}: stopped by {signal.Signals(number).name}")
        finally:
            os._exit(128 + number)


def _forget_signals() -> None:
    # A forked worker shares the descriptor: the SIGTERM that a pool sends to it would end the parent.
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_while_importing() -> None:
    """Lets a signal end process 1 before `stop_on_signals`: without a handler, the kernel would drop it."""
    if os.getpid() == 1:
        for number in STOPS:
            signal.signal(number, lambda caught, _: os._exit(128 + caught))


_end_while_importing()

"""A job's processes: all below the one that was started, what they hold in memory, and how they are ended."""

import contextlib
import ctypes
import signal
import sys
from collections.abc import Iterator

import psutil

# These set up the sandbox and wait: a signal to them ends the job at once, before it can say so.
_AROUND = {"bwrap", "sh", "caffeinate"}
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


def tree(pid: int) -> list[psutil.Process]:
    """Returns a process and all below it, children behind their parents; nothing where it has ended."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def stop(pid: int) -> None:
    """Asks the programs in a job's sandbox to end, by SIGTERM, and leaves the sandbox to end with them."""
    asked = [process for process in tree(pid) if _name(process) not in _AROUND]
    for process in asked or tree(pid):
        with contextlib.suppress(*_GONE):
            process.send_signal(signal.SIGTERM)


def kill(pid: int) -> None:
    """Ends a job's processes at once, children first, so that none is left without a parent."""
    for process in reversed(tree(pid)):
        with contextlib.suppress(*_GONE):
            process.kill()


def resident_bytes(pid: int) -> int:
    """Returns the bytes that a process and all below it hold, the GPU's on a Mac included."""
    return sum(_resident(pid))


def proportional_bytes(pid: int) -> int:
    """Returns the same with what processes share counted once, as far as the system tells: Linux does, slowly."""
    if sys.platform != "linux":
        return resident_bytes(pid)
    total = 0
    for process in tree(pid):
        with contextlib.suppress(*_GONE):
            total += process.memory_full_info().pss
    return total


def cpu_seconds(pid: int) -> float:
    """Returns the seconds of processors that a process, all below it and what these waited for have used."""
    total = 0.0
    for process in tree(pid):
        with contextlib.suppress(*_GONE):
            total += sum(process.cpu_times()[:4])
    return total


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(*_GONE):
        return str(process.name())
    return ""


def _resident(pid: int) -> Iterator[int]:
    for process in tree(pid):
        with contextlib.suppress(*_GONE):
            yield max(process.memory_info().rss, footprint(process.pid))


class _Usage(ctypes.Structure):
    """rusage_info_v0 of macOS's sys/resource.h."""

    _fields_ = (
        ("uuid", ctypes.c_uint8 * 16),
        *(
            (name, ctypes.c_uint64)
            for name in (
                "user_time",
                "system_time",
                "idle_wakeups",
                "interrupt_wakeups",
                "pageins",
                "wired_size",
                "resident_size",
                "physical_footprint",
                "started",
                "ended",
            )
        ),
    )


def footprint(pid: int) -> int:
    """Returns what Activity Monitor calls a process's memory, which holds Metal's buffers; 0 elsewhere than on a Mac.

    Not run on a Mac yet: proc_pid_rusage of libproc, flavour 0.
    """
    if sys.platform != "darwin":
        return 0
    usage = _Usage()
    failed = ctypes.CDLL("/usr/lib/libproc.dylib").proc_pid_rusage(pid, 0, ctypes.byref(usage))
    return 0 if failed else int(usage.physical_footprint)

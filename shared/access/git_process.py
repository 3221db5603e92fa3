"""Runs git within bounds: of time, and of what is kept of its words.

A hook of the server may print megabytes or sleep for ever, and a server may take a connection and say
nothing. Git waits; so it is ended, with the programs that it started (ssh, the helpers for http, and the
other side of a repository in a folder), which may hold its pipes open after it.
"""

import math
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import IO

COMMAND_SECONDS = 300  # a large repository on a slow line is fetched by then; who waits longer waits for nothing
END_SECONDS = 3  # between asking git to end, when it takes its locks away, and making it
PART_BYTES = 1 << 16
KEPT_BYTES = 1 << 15  # of the beginning of what is printed on stderr, and as much of its end
MOST_BYTES = 1 << 26  # of what is printed on stdout: the list of half a million branches


class GitFailedError(Exception):
    """Git ended with a code other than 0; `stderr` is what it printed, without secrets."""

    def __init__(self, stderr: str) -> None:
        super().__init__(stderr)
        self.stderr = stderr


class GitTimeoutError(GitFailedError):
    """Git was ended because its time was over, which was so many seconds."""

    def __init__(self, stderr: str, seconds: float) -> None:
        super().__init__(stderr)
        self.seconds = seconds


@dataclass(frozen=True)
class BoundedGit:
    """Git in a folder, with an environment added to the process's own.

    secrets: what is blanked in what git prints, as a server may echo it. seconds: what one command may take.
    deadline: when all of them have to have ended, on time.monotonic's clock.
    """

    folder: Path
    environment: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    seconds: float = COMMAND_SECONDS
    deadline: float = math.inf

    def within(self, seconds: float) -> "BoundedGit":
        """Returns the same git, all of whose commands have to end within so many seconds from now."""
        return replace(self, deadline=min(self.deadline, time.monotonic() + seconds))

    def remaining(self) -> float:
        """Returns the seconds until the deadline, infinite without one."""
        return self.deadline - time.monotonic()

    def run(
        self, *arguments: str, given: IO[bytes] | None = None, into: IO[bytes] | None = None, seconds: float = math.inf
    ) -> str:
        """Returns what git prints on stdout, without the last line end; nothing where it goes `into` a file.

        given: a file that is its stdin. Raises GitFailedError, and GitTimeoutError where it takes too long.
        """
        allowed = min(self.seconds, seconds, self.remaining())
        if allowed <= 0:
            raise GitTimeoutError("", self.seconds)
        process = subprocess.Popen(
            ["git", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=given or subprocess.DEVNULL,
            stdout=into or subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        printed, said = _Kept.of(process.stdout, MOST_BYTES), _Kept.of(process.stderr, KEPT_BYTES)
        try:
            code = process.wait(allowed)
        except subprocess.TimeoutExpired:
            _end(process)
            raise GitTimeoutError(self._cleaned(said), allowed) from None
        finally:
            _end(process)
        output = printed.text()
        if code:
            raise GitFailedError(self._cleaned(said))
        if printed.is_cut:
            raise GitFailedError(f"fatal: it prints more than {MOST_BYTES >> 20} MiB")
        return output.rstrip("\n")

    def _cleaned(self, said: "_Kept") -> str:
        text = said.text()
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "***")
        return text


@dataclass
class _Kept:
    """The beginning and the end of a stream, read by a thread of its own so that the writer never waits."""

    most: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytes = b""
    is_cut: bool = False
    reader: Thread | None = None

    @classmethod
    def of(cls, stream: IO[bytes] | None, most: int) -> "_Kept":
        kept = cls(most)
        if stream:
            kept.reader = Thread(target=kept._read, args=(stream,), daemon=True)
            kept.reader.start()
        return kept

    def text(self) -> str:
        if self.reader:
            self.reader.join(END_SECONDS)  # a program that git left behind may hold the stream open
        gap = b"\n...\n" if self.is_cut else b""
        return (bytes(self.head) + gap + self.tail).decode("utf-8", "replace")

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while part := os.read(stream.fileno(), PART_BYTES):
                room = self.most - len(self.head)
                self.head += part[:room]
                self.is_cut = self.is_cut or len(self.tail) + len(part[room:]) > KEPT_BYTES
                self.tail = (self.tail + part[room:])[-KEPT_BYTES:]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends git and what it started, where it still runs; asked first, so that it leaves no locks behind."""
    if process.poll() is not None:
        return
    started = _descendants(process.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        process.send_signal(number)
        for program in started:
            with suppress(ProcessLookupError, PermissionError):  # it has ended, or is another user's
                os.kill(program, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
    process.wait()


def _descendants(process: int) -> list[int]:
    """Returns the numbers of the processes that one has started, and of those that these have."""
    parents = dict(_parents())
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {process})


def _parents() -> Iterator[tuple[int, int]]:
    """Yields each process and its parent: from /proc, or by ps where there is none (macOS)."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
        yield from ((int(child), int(parent)) for child, parent in map(str.split, listed.splitlines()))
        return
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = file.read_text("utf-8", "replace").rpartition(") ")
        except OSError:
            continue  # it has ended
        yield int(file.parent.name), int(rest.split()[1])

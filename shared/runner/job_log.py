"""The log of a job on a runner, printed here line by harmless line."""

import sys

from shared.errors import printable

LONGEST_LINE = 1 << 16  # bytes; a longer one is printed in parts


class JobLog:
    """What has been read of a job's log. last: the last line that was printed."""

    def __init__(self) -> None:
        self.offset = 0
        self.last = ""
        self._begun = b""

    def take(self, data: bytes, offset: int) -> None:
        """Prints the lines that data completes. offset: where the log goes on behind it."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        self.offset = offset
        for line in lines:
            self._print(line)
        if len(self._begun) > LONGEST_LINE:
            self.end()

    def restart(self) -> None:
        """Forgets what was read, for a log that begins anew."""
        self.end()
        self.offset = 0

    def end(self) -> None:
        """Prints what stands behind the last line break."""
        if self._begun:
            self._print(self._begun)
        self._begun = b""

    def _print(self, line: bytes) -> None:
        self.last = printable(line.decode("utf-8", "replace")).rstrip()
        # At the start of a line, GitHub's runner would take it for a command.
        mark = "| " if self.last.lstrip().startswith("::") else ""
        print(f"{mark}{self.last}", file=sys.stderr, flush=True)

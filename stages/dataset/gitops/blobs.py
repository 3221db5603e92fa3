"""The contents of a repository's blobs, read one by one from two git processes that stay."""

import subprocess
from dataclasses import dataclass, field
from typing import Any

from git import Git


class UnreadableError(Exception):
    """Git cannot read an object; the text is what it printed."""


@dataclass
class Blobs:
    """Asks `git cat-file --batch-check` for sizes and `--batch` for contents (https://git-scm.com/docs/git-cat-file)."""

    git: Git
    processes: dict[str, Any] = field(default_factory=dict)

    def size(self, oid: str) -> int:
        """Returns the bytes that a blob has. Raises UnreadableError."""
        return self._header("--batch-check", oid)

    def content(self, oid: str) -> bytes:
        """Returns a blob's bytes. Raises UnreadableError."""
        size = self._header("--batch", oid)
        found: bytes = self.processes["--batch"].stdout.read(size + 1)[:-1]
        if len(found) < size:
            raise self._ended("--batch")
        return found

    def close(self) -> None:
        """Ends the processes."""
        for process in self.processes.values():
            process.proc.kill()
            process.proc.communicate()
        self.processes.clear()

    def _header(self, mode: str, oid: str) -> int:
        process = self._process(mode)
        try:
            process.stdin.write(f"{oid}\n".encode())
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended(mode) from None
        words = process.stdout.readline().decode().split()
        if not words:
            raise self._ended(mode)
        if words[-1] == "missing":
            raise UnreadableError(f"fatal: the object {oid} is missing or damaged")
        return int(words[-1])

    def _process(self, mode: str) -> Any:
        if mode not in self.processes:
            command = ["git", "cat-file", mode]
            self.processes[mode] = self.git.execute(command, istream=subprocess.PIPE, as_process=True)
        return self.processes[mode]

    def _ended(self, mode: str) -> UnreadableError:
        """Returns what a process that has ended said last."""
        process = self.processes.pop(mode)
        _, stderr = process.proc.communicate()
        return UnreadableError(stderr.decode("utf-8", "replace"))

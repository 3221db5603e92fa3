"""Python environments made of the stages' locks, each kept by what decides it and made once."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from uv import find_uv_bin

from shared.engine import link_openblas
from shared.errors import StageError, one_line

MADE = ".made"
# A lock is read outside of the sandbox: an option or address in it could read files here, or bring any code.
_PLAIN = re.compile(
    r"\s*(?:#.*)?|\s+--hash=sha256:[0-9a-f]{64}(?: \\)?"
    r"|[A-Za-z0-9][\w.-]*(?:\[[\w,.-]+\])?==[\w.!+*-]+(?: ; [\w.<>=!~'\"() ]+)?(?: \\)?",
    re.ASCII,
)


class Environments:
    """The environments below a folder. Only whole ones have their name: they are made beside it and renamed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._making = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for half_made in folder.glob(".making-*"):
            shutil.rmtree(half_made, ignore_errors=True)

    def of(self, lock: Path, requires_python: str, say: Callable[[str], None]) -> Path:
        """Returns the interpreter of a lock's environment, made where it is not there yet.

        Raises StageError where it cannot be made: another Python is needed, the lock has nothing for this platform, or
        the package index does not answer.
        """
        told = [lock.read_bytes(), requires_python.encode(), platform.platform().encode(), sys.version.encode()]
        home = self.folder / hashlib.sha256(b"\0".join(told)).hexdigest()[:32]
        with self._making:
            if not (home / MADE).exists():
                _check(lock)
                say("making the environment of the stage's lock")
                self._make(home, lock, requires_python)
                say("the environment is there")
            os.utime(home / MADE)
        return home / "bin" / "python"

    def prune(self, oldest: float) -> None:
        """Removes environments that were used last before a time (seconds since 1970)."""
        with self._making:
            for made in self.folder.glob(f"*/{MADE}"):
                if made.stat().st_mtime < oldest:
                    shutil.rmtree(made.parent, ignore_errors=True)

    def _make(self, home: Path, lock: Path, requires_python: str) -> None:
        work = Path(mkdtemp(prefix=".making-", dir=self.folder))
        try:
            # Made where it stays: an environment knows its own path. What a stop leaves has no MADE, and goes here.
            shutil.rmtree(home, ignore_errors=True)
            self._uv(["venv", "--quiet", "--python", requires_python, str(home)], work)
            install = ["pip", "install", "--quiet", "--python", str(home), "--require-hashes", "--no-deps"]
            self._uv([*install, "--only-binary", ":all:", "--requirement", str(lock)], work)
            link_openblas.link(home)  # as the stages' images have it; nothing on a Mac
            (home / MADE).touch()
        except StageError:
            shutil.rmtree(home, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _uv(self, arguments: list[str], work: Path) -> None:
        environment = {**os.environ, "UV_CACHE_DIR": str(self.folder / "cache"), "TMPDIR": str(work)}
        done = subprocess.run([find_uv_bin(), *arguments], env=environment, capture_output=True, text=True)
        if done.returncode:
            said = one_line(" ".join(line.strip() for line in done.stderr.splitlines()[:6]))
            remedy = "install that Python, give the runner the package index, or build the lock for this machine"
            raise StageError(f"the environment cannot be made by uv {arguments[0]}: {said:.600}; {remedy}")


def _check(lock: Path) -> None:
    """Raises StageError for a lock that holds anything but releases and their hashes."""
    for number, line in enumerate(lock.read_text("utf-8", "replace").split("\n"), 1):
        if not _PLAIN.fullmatch(line.removesuffix("\r")):
            told = f"{lock.name}, line {number} of its code is {one_line(line)!r:.80}, and neither a release nor a hash"
            raise StageError(f"{told}; make the lock by `make lock`")

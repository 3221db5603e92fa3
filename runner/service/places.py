"""Where an installed runner has its files: settings, secrets, data, logs, and its own copy of the program."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from runner.service.settings import FILE

NAME = "agent-training-runner"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Places:
    """The folder of an installed runner, and what lies in it."""

    home: Path

    @classmethod
    def of(cls, folder: str, is_system: bool) -> Self:
        """Returns the places in a given folder, or where such a service has them on this system."""
        return cls(Path(folder).expanduser().absolute() if folder else _usual(is_system))

    @property
    def settings(self) -> Path:
        return self.home / FILE

    @property
    def token(self) -> Path:
        return self.home / "token"

    @property
    def certificate(self) -> Path:
        return self.home / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.home / "key.pem"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def program(self) -> Path:
        return self.home / "program"

    @property
    def python(self) -> Path:
        return self.program / "environment" / "bin" / "python"

    @property
    def output(self) -> Path:
        """What the program prints beside its log: what went wrong before it had one."""
        return self.data / "logs" / "output.log"

    def command(self) -> list[str]:
        """Returns what starts the runner; in `program`."""
        return [str(self.python), "-m", "runner", "serve", "--settings", str(self.settings)]


def _usual(is_system: bool) -> Path:
    if sys.platform == "darwin":
        library = Path("/Library") if is_system else Path.home() / "Library"
        return library / "Application Support" / NAME
    if is_system:
        return Path("/var/lib") / NAME
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / NAME

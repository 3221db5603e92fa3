"""Programs that stand where a system's own would, and record what they are asked."""

import os
from pathlib import Path

import pytest

SCRIPT = """\
#!/bin/sh
printf '%s\\n' "{name} $*" >> {record}
{does}
"""


class Programs:
    """A folder that is first on PATH, and what its programs were asked, line by line."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.record = folder / "bin", folder / "asked"
        self.folder.mkdir(parents=True)
        monkeypatch.setenv("PATH", f"{self.folder}{os.pathsep}{os.environ['PATH']}")

    def add(self, name: str, does: str = "exit 0") -> Path:
        """Adds a program: what it does, in sh, behind recording its arguments."""
        file = self.folder / name
        file.write_text(SCRIPT.format(name=name, record=self.record, does=does))
        file.chmod(0o755)
        return file

    @property
    def asked(self) -> list[str]:
        return self.record.read_text().splitlines() if self.record.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Recording programs for one test."""
    return Programs(tmp_path / "programs", monkeypatch)

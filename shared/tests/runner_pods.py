"""Pods for the tests of the runner: a stage as a program in a tree of its own, with and without a runner."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import samples

ROOT = Path(__file__).parents[2]
TOY = ROOT / "shared/tests/handed_over"
OUTPUTS = ["model", "note", "numbers", "rows"]


def make_tree(folder: Path) -> Path:
    """Returns a tree that holds shared/ and the stage toy, which needs no library."""
    shutil.copytree(ROOT / "shared", folder / "shared", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    stage = folder / "stages" / "toy"
    stage.mkdir(parents=True)
    for name in ("contract.py", "main.py"):
        text = (TOY / name).read_text("utf-8").replace("shared.tests.handed_over", "stages.toy")
        (stage / name).write_text(text, "utf-8")
    (stage / "pyproject.toml").write_text(
        '[project]\nname = "toy"\nversion = "1.2.3"\nrequires-python = ">=3.11"\ndependencies = []\n'
    )
    (stage / "requirements.lock").write_text("")
    contract = folder / "shared" / "contract.py"
    text = contract.read_text("utf-8")
    assert 'STAGES = (*PIPELINE, "watch")' in text
    contract.write_text(text.replace('STAGES = (*PIPELINE, "watch")', 'STAGES = (*PIPELINE, "watch", "toy")'), "utf-8")
    return folder


@dataclass(frozen=True)
class Pod:
    """A pod of the toy stage in a folder of its own. variables: how it finds the runner; none without one."""

    tree: Path
    folder: Path
    variables: dict[str, str]

    def make(self) -> "Pod":
        (self.folder / "tmp").mkdir(parents=True)
        samples.write_dataset(self.folder / "dataset", train=3, valid=1, test=1)
        samples.write_metrics(self.folder / "metrics.json")
        return self

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    def start(self, **arguments: object) -> "subprocess.Popen[str]":
        given = {"dataset": self.folder / "dataset", "metrics": self.folder / "metrics.json", "outputs": self.outputs}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in (given | arguments).items()]
        known = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.folder / "tmp"),
            "TERMINATION_LOG": str(self.folder / "reason"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "stages.toy.main", *flags],
            cwd=self.tree,
            env=known | self.variables,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **arguments: object) -> tuple[int, list[str]]:
        """Returns the exit code and the lines on stderr."""
        process = self.start(**arguments)
        _, said = process.communicate(timeout=60)
        return process.returncode, said.splitlines()

    def made(self) -> dict[str, bytes]:
        """Returns the outputs by name, after checking that nothing else is left."""
        assert list((self.folder / "tmp").iterdir()) == []
        return (
            {path.name: path.read_bytes() for path in sorted(self.outputs.iterdir())} if self.outputs.exists() else {}
        )

"""A copy of the project in a Git repository of its own, whose images hold one file and are built in a second."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from git import Actor, Repo

from shared.contract import STAGES
from workflows.placement import read_image

ROOT = Path(__file__).parents[1]
FIRST = "0.1.0"
AUTHOR = Actor("Test", "test@localhost")
DOCKERFILE = """FROM scratch
COPY shared /app/shared
COPY stages/{stage} /app/stages/{stage}
ENTRYPOINT ["/none"]
"""


@dataclass(frozen=True)
class ProjectCopy:
    """The copy, and a registry that its images.toml names."""

    folder: Path
    registry: str

    def run(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs `python -m <module>` in the copy."""
        command = [sys.executable, "-m", module, *arguments]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(command, cwd=self.folder, env=kept | environment, capture_output=True, text=True)

    def said(self, module: str, *arguments: str) -> str:
        """Returns the output of a command that must succeed."""
        done = self.run(module, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, module: str, *arguments: str, **environment: str) -> str:
        """Returns what a command that must fail says: one line, and no traceback."""
        done = self.run(module, *arguments, **environment)
        assert done.returncode == 1, done.stdout
        return done.stderr.removesuffix("\n")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replaces a text that occurs once in a file."""
        file = self.folder / path
        text = file.read_text()
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new))

    def note(self, stage: str, line: str = "- Something.") -> None:
        """Writes a line under `## Unreleased` of the stage's changelog."""
        title = f"# Changelog of {stage}\n"
        self.replace(f"stages/{stage}/CHANGELOG.md", title, f"{title}\n## Unreleased\n\n{line}\n")

    def commit(self, message: str = "Change") -> str:
        """Commits everything and returns the hash."""
        with Repo(self.folder) as repository:
            repository.git.add("--all")
            return repository.index.commit(message, author=AUTHOR, committer=AUTHOR).hexsha

    def images_toml(self) -> list[str]:
        """Returns the lines of images.toml."""
        return (self.folder / "workflows/images.toml").read_text().splitlines()


@pytest.fixture
def project(tmp_path: Path, registry: str) -> ProjectCopy:
    """A committed copy of what images and versions are made from."""
    copy = ProjectCopy(tmp_path / "project", f"{registry}/{tmp_path.name}")
    _copy(copy.folder)
    images = (copy.folder / "workflows/images.toml").read_text()
    prefix = read_image("train").name.removesuffix("/train")
    named = re.sub(r":[\d.]+(?:@[\w:]+)?\"", f':{FIRST}"', images.replace(prefix, copy.registry))
    (copy.folder / "workflows/images.toml").write_text(named)
    for stage in STAGES:
        _make_first(copy.folder / "stages" / stage)
        (copy.folder / f"stages/{stage}/Dockerfile").write_text(DOCKERFILE.format(stage=stage))
    Repo.init(copy.folder, initial_branch="main").close()
    copy.commit("First")
    return copy


def _make_first(stage: Path) -> None:
    """Gives a stage the version FIRST: what a test says of versions shall not depend on how many there were."""
    file = stage / "pyproject.toml"
    file.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{FIRST}"', file.read_text()))
    (stage / "CHANGELOG.md").write_text(f"# Changelog of {stage.name}\n\n## {FIRST}\n\n- First version.\n")


def _copy(folder: Path) -> None:
    leave = shutil.ignore_patterns("__pycache__", "tests", "requirements.lock")
    for name in ("shared", "stages", "tools/images"):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    modules = (f"workflows/{name}.py" for name in ("interface", "placement", "toml_file"))
    for name in (*modules, "workflows/placement.toml", "workflows/images.toml", ".dockerignore", ".gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)


@pytest.fixture
def docker_project(project: ProjectCopy) -> Iterator[ProjectCopy]:
    """The copy where Docker answers; afterwards its images leave Docker again."""
    if not has_docker():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("Docker does not answer")
    yield project
    found = subprocess.run(["docker", "images", "--quiet", f"{project.registry}/*"], capture_output=True, text=True)
    if identifiers := sorted(set(found.stdout.split())):
        subprocess.run(["docker", "rmi", "--force", *identifiers], capture_output=True, check=True)


def has_docker() -> bool:
    """Returns whether Docker answers."""
    program = shutil.which("docker")
    return bool(program) and subprocess.run([str(program), "version"], capture_output=True).returncode == 0


def labels(reference: str) -> dict[str, str]:
    """Returns the labels of an image that Docker holds."""
    asked = ["docker", "image", "inspect", "--format={{json .Config.Labels}}", reference]
    found = json.loads(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)
    return {str(name): str(value) for name, value in found.items()}

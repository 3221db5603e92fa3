"""`make new-stage`: what it makes works as it stands, and what it refuses leaves everything as it was."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from git import Repo

from tests.project_copy import AUTHOR, has_docker
from workflows.local.execution import ROOT

# Not of Git: environments, runs, and what tools keep.
LEFT_OUT = (".git", ".venv", ".venvs", ".runs", ".cache", ".services", "__pycache__", ".*_cache", ".hypothesis")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the whole project with a new stage in it, committed."""
    folder = tmp_path_factory.mktemp("new-stage") / "project"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    with Repo.init(folder, initial_branch="main") as repository:
        for step in ("new_stage export", "tables.contracts", "tables.modules"):
            done = run(folder, "-m", *f"tools.{step}".split())
            assert done.returncode == 0, done.stderr
        repository.git.add("--all")
        repository.index.commit("With export", author=AUTHOR, committer=AUTHOR)
    return folder


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=kept, capture_output=True, text=True)


@pytest.mark.parametrize("tests", ["tests/test_layout.py", "stages/export/tests", "tests/test_pods.py"])
def test_its_own_tests_and_those_of_the_layout_pass(project: Path, tests: str) -> None:
    done = run(project, "-m", "pytest", tests, "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-3000:]


def test_style_and_types_are_those_of_the_project(project: Path) -> None:
    programs = Path(sys.executable).parent
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = subprocess.run([programs / command[0], *command[1:], "."], cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    done = run(project, "-m", "mypy", "stages/export/contract.py", "stages/export/main.py")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "NAME is ''; a stage's name is 2 to 30 characters of a-z and 0-9"),
        ("Export", "NAME is 'Export'; a stage's name is"),
        ("../x", "NAME is '../x'; a stage's name is"),
        ("import", "no word of Python's, such as export"),
        ("train", "there is a stage train already; choose another name"),
        ("export", "there is a stage export already; choose another name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(project: Path, name: str, reason: str) -> None:
    done = run(project, "-m", "tools.new_stage", name)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert reason in done.stderr
    with Repo(project) as repository:
        assert not repository.is_dirty(untracked_files=True)


def test_a_file_without_a_place_for_it_is_named_and_nothing_is_made(project: Path) -> None:
    file = project / "workflows" / "placement.toml"
    text = file.read_text()
    file.write_text(text.replace("# A profile says", "# A profile tells"))
    done = run(project, "-m", "tools.new_stage", "other")
    file.write_text(text)
    assert (
        "workflows/placement.toml is not as it was: it has no place for a new stage; add other by hand" in done.stderr
    )
    with Repo(project) as repository:
        assert not repository.is_dirty(untracked_files=True)


def test_a_stop_between_two_files_takes_everything_back(project: Path) -> None:
    program = (
        "from pathlib import Path; import tools.new_stage.__main__ as made\n"
        "write, count = Path.write_text, []\n"
        "def stopped(path, *given):\n"
        "    count.append(path)\n"
        "    if path.name == 'images.toml' and count.count(path) == 1: raise KeyboardInterrupt\n"
        "    return write(path, *given)\n"
        "folder, lists = made.ROOT / 'stages/other', {name: 'x' for name in (made.LISTED, made.IMAGES)}\n"
        "Path.write_text = stopped\n"
        "made.put(made.ROOT / 'stages/export', folder, lists)\n"
    )
    done = run(project, "-c", program)
    assert "KeyboardInterrupt" in done.stderr
    with Repo(project) as repository:
        assert not repository.is_dirty(untracked_files=True)


def test_its_image_runs_offline_and_read_only(project: Path, tmp_path: Path) -> None:
    if not has_docker():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("Docker does not answer")
    base = [f"--base={os.environ['BASE_IMAGE']}"] if os.environ.get("BASE_IMAGE") else []
    built = run(project, "-m", "tools.images", "build", "export", *base)
    assert built.returncode == 0, built.stderr[-2000:]
    image = built.stdout.split()[-1]
    folder = run(
        project,
        "-c",
        f"from pathlib import Path; from tests.samples import *; write_dataset(Path({str(tmp_path / 'd')!r}))",
    )
    assert folder.returncode == 0, folder.stderr
    (tmp_path / "outputs").mkdir(mode=0o777)
    (tmp_path / "outputs").chmod(0o777)
    mounts = [f"--volume={tmp_path / 'd'}:/var/inputs/dataset:ro", f"--volume={tmp_path / 'outputs'}:/var/outputs"]
    command = ["docker", "run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", *mounts, image]
    done = subprocess.run(
        [*command, "--dataset=/var/inputs/dataset", "--outputs=/var/outputs"], capture_output=True, text=True
    )
    subprocess.run(["docker", "rmi", "--force", image], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_text() for path in (tmp_path / "outputs").iterdir()} == {
        "rows": "4",
        "most_asked": "pod-restart",
    }

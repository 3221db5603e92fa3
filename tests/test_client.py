"""The client is one source with shared/, installs offline with each Python it is for, and works without the project."""

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shared.artifacts import ChatDataset
from shared.asking.agent import Agent

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).parent / "uv"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def build(*arguments: str) -> None:
    done = subprocess.run([UV, "build", "--offline", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build("--wheel", str(ROOT / "client"), "--out-dir", str(folder))
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.startswith("agent_client/")}


def test_its_modules_are_those_of_shared_byte_for_byte(installed: dict[str, bytes]) -> None:
    copied = {name: content for name, content in installed.items() if name.startswith("agent_client/shared/")}
    assert len(copied) == 10
    for name, content in copied.items():
        source = (ROOT / name.removeprefix("agent_client/")).read_bytes()
        assert content.replace(b"from agent_client.shared", b"from shared") == source


def test_it_holds_all_that_it_imports_and_nothing_that_no_one_does(installed: dict[str, bytes]) -> None:
    modules = {name.removesuffix(".py").replace("/", ".") for name in installed if name.endswith(".py")}
    wanted: set[str] = set()
    for name, content in installed.items():
        for node in ast.walk(ast.parse(content)) if name.endswith(".py") else ():
            found = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                found = [f"{node.module}.{each.name}" for each in node.names]
            for each in found:
                assert each.split(".")[0] in {*sys.stdlib_module_names, "agent_client"}, f"{name} imports {each}"
                wanted |= {each, each.rpartition(".")[0]}
    assert modules - wanted == {"agent_client.__init__"}
    assert {each for each in wanted if each.startswith("agent_client.") and each.count(".") > 2} <= {
        *modules,
        *(each for each in wanted if each.rpartition(".")[0] in modules),
    }


def test_equal_sources_are_equal_bytes_also_from_the_source_archive(wheel: Path, tmp_path: Path) -> None:
    build("--sdist", str(ROOT / "client"), "--out-dir", str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    build("--wheel", str(archive), "--out-dir", str(tmp_path))
    (again,) = tmp_path.glob("*.whl")
    assert (again.name, again.read_bytes()) == (wheel.name, wheel.read_bytes())


def python(version: str) -> str:
    """Returns a Python of a version, of the path or of pyenv; the test is skipped where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for program in (shutil.which(f"python{version}"), *pyenv.glob(f"{version}.*/bin/python")):
        says = "import sys; print('%d.%d' % sys.version_info[:2])"
        if program and subprocess.run([program, "-c", says], capture_output=True, text=True).stdout.strip() == version:
            return str(program)
    pytest.skip(f"there is no Python {version} here")


def environment(folder: Path, program: str) -> Path:
    """Makes an environment of a Python, and returns its own program."""
    subprocess.run([UV, "venv", "--quiet", "--offline", "--python", program, folder], check=True)
    return folder / "bin" / "python"


@pytest.mark.parametrize("version", PYTHONS)
def test_its_own_tests_pass_without_the_project(version: str, wheel: Path, tmp_path: Path) -> None:
    own = environment(tmp_path / "venv", python(version))
    subprocess.run([UV, "pip", "install", "--quiet", "--offline", "--python", own, wheel], check=True)
    shutil.copytree(ROOT / "client" / "tests", tmp_path / "tests")
    done = subprocess.run(
        [own, "-W", "error", "-m", "unittest", "test_client"], cwd=tmp_path / "tests", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"Ran 1\d tests", done.stderr)


def test_it_installs_from_a_folder_of_the_git_repository(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    for name in ("client", "shared"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", "-C", copy, *arguments], check=True)
    own = environment(tmp_path / "venv", sys.executable)
    source = f"agent-training-client @ git+file://{copy}#subdirectory=client"
    subprocess.run([UV, "pip", "install", "--quiet", "--offline", "--python", own, source], check=True)
    says = "import agent_client; print(agent_client.Agent.__module__)"
    done = subprocess.run([own, "-I", "-c", says], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "agent_client.shared.asking.agent\n"


def test_the_model_of_its_tests_is_written_as_dataset_writes_one() -> None:
    folder = ROOT / "client" / "tests" / "model"
    agent = Agent.load(folder)
    assert (folder / "prompt.json").read_text("utf-8") == agent.prompt.to_json()
    assert (folder / "calls.json").read_text("utf-8") == agent.policy.to_json()
    assert ChatDataset(folder).policy() == agent.policy

"""Two images are the same where their files and settings are; what differs is named by its path."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import contract
from tests.project_copy import has_docker
from tools.images.compare import differences, likeness
from tools.images.layers import Content, Entry, Layer, content
from tools.images.table import network, package_sizes

NAME = "agent-training-compared"
Build = Callable[[str, str], str]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Builds an image of one file `a/b`; the Dockerfile's last lines are given."""
    if not has_docker():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("Docker does not answer")
    built: list[str] = []

    def image(text: str, lines: str) -> str:
        built.append(f"{NAME}:{os.getpid()}-{len(built)}")
        folder = tmp_path / str(len(built))
        (folder / "a").mkdir(parents=True)
        (folder / "a/b").write_text(text)
        for path in (folder / "a/b", folder / "a"):
            os.utime(path, (0, 0))
        (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY a /a\n{lines}\n")
        command = [
            sys.executable,
            "-c",
            "import sys; from tools.images import docker_program as d; d.run(*sys.argv[1:])",
        ]
        subprocess.run([*command, "build", "--no-cache", f"--tag={built[-1]}", str(folder)], check=True)
        return built[-1]

    yield image
    subprocess.run(["docker", "rmi", "--force", *built], capture_output=True)


def compared(first: str, second: str) -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, "-m", "tools.images.compare", first, second], capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture
def twins(build: Build, tmp_path: Path) -> Iterator[list[str]]:
    """Two images imported from one file tree: the folder that COPY makes has the time of the build."""
    (tmp_path / "tree/a").mkdir(parents=True)
    (tmp_path / "tree/a/b").write_text("x")
    with tarfile.open(tmp_path / "tree.tar", "w") as archive:
        archive.add(tmp_path / "tree/a", "a")
    names = [f"{NAME}:{os.getpid()}-twin-{number}" for number in range(2)]
    for name in names:
        subprocess.run(["docker", "import", str(tmp_path / "tree.tar"), name], check=True, capture_output=True)
    yield names
    subprocess.run(["docker", "rmi", "--force", *names], capture_output=True)


def test_the_same_files_and_times_have_the_same_digests(twins: list[str]) -> None:
    told = "the same 2 entries in 1 layers, and the same settings; every layer has the same digest"
    assert compared(*twins) == (0, [told])


def test_other_times_alone_are_told_and_are_no_difference() -> None:
    layer = Layer("sha256:1", {"a": Entry("file", "rw-r--r--", "0:0", 1, "ab", "", 0)})
    later = Layer("sha256:2", {"a": Entry("file", "rw-r--r--", "0:0", 1, "ab", "", 1)})
    first, second = Content([layer], {}), Content([later], {})
    assert differences(first, second) == []
    told = "the same 1 entries in 1 layers, and the same settings; the layers' digests differ, as do the times of 1"
    assert likeness(first, second) == f"{told} entries"


def test_what_differs_is_named(build: Build) -> None:
    first = build("x", "LABEL one=1\nCOPY a/b /c")
    second = build("yy", "LABEL one=2")
    code, lines = compared(first, second)
    assert code == 1
    assert lines[0].startswith("layer 1: a/b differs: size 1 and 2; sha256 '2d711642b726b044")
    assert lines[1:] == ["layer 2: only the first image has it", "setting label one: 1 and 2"]


def test_owner_and_mode_count(build: Build) -> None:
    code, lines = compared(build("x", "COPY --chown=1:2 a/b /c"), build("x", "COPY --chown=3:4 a/b /c"))
    assert (code, lines) == (1, ["layer 2: c differs: owner '1:2' and '3:4'"])


def test_an_image_that_is_not_there_is_named(build: Build) -> None:
    code, lines = compared("nobody/nothing:1", "nobody/nothing:2")
    assert code == 2
    assert lines[0].startswith("compare_images: docker save failed: ")


def test_layers_are_read_with_the_content_s_digest(build: Build) -> None:
    held = content(build("x", "USER 7:7"))
    assert held.settings["User"] == "7:7"
    file = held.layers[0].entries["a/b"]
    assert (file.kind, file.size, file.owner) == ("file", 1, "0:0")
    assert file.sha256 == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


def test_a_package_counts_with_the_libraries_beside_it() -> None:
    sizes = {
        "opt/venv/lib/python3.11/site-packages/numpy/core.so": 5,
        "opt/venv/lib/python3.11/site-packages/numpy.libs/blas.so": 7,
        "opt/venv/lib/python3.11/site-packages/numpy-2.0.dist-info/RECORD": 100,
        "opt/venv/lib/libopenblas.so.0": 3,
        "usr/lib/libc.so.6": 100,
    }
    entries = {path: Entry("file", "", "0:0", size, "", "", 0) for path, size in sizes.items()}
    assert package_sizes([Layer("", entries)]) == {"numpy": 12, "libopenblas.so.0": 3}


@pytest.mark.parametrize(
    ("stage", "services"),
    [
        ("dataset", "Git repository"),
        ("convert", "model hub"),
        ("train", "none"),
        ("evaluate", "none"),
        ("register", "MLflow"),
        ("publish", "Git repository, MLflow, store"),
    ],
)
def test_the_network_need_is_what_the_environment_names(stage: str, services: str) -> None:
    assert network(contract.load(stage)) == services

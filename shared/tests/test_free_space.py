"""What does not fit is told before work, with the numbers."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import archive, contract
from shared.artifacts import LINEAGE
from shared.engine import free_space
from shared.errors import StageError
from shared.tests.test_stage import Toy
from shared.tests.test_stage import toy as toy
from tests import samples

MEBIBYTE = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here; root may")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def model_of(folder: Path, size: int) -> Path:
    """Returns a model whose archive has about so many bytes."""
    model = samples.write_model(folder / "model")
    (model.path / "vocabulary.bin").write_bytes(bytes(size))
    archive.pack(model.path, folder / "model.tar")
    return folder / "model.tar"


def check(model: Path, target: Path, work: Path) -> None:
    options = {field.name: "" for field in contract.load("train").inputs}
    free_space.check(contract.load("train"), {**options, "dataset": Path("gone"), "model": model}, target, work)


def test_a_stage_whose_input_does_not_fit_ends_before_it_unpacks(toy: Toy, disk: Path) -> None:
    (toy.folder / "dataset" / LINEAGE).unlink(missing_ok=True)
    (toy.folder / "dataset" / "notes.bin").write_bytes(bytes(4 * MEBIBYTE))
    archive.pack(toy.folder / "dataset", toy.folder / "dataset.tar")
    ended = toy.run("sleep", {"TMPDIR": str(disk)}, dataset=toy.folder / "dataset.tar")
    assert ended.code == 1
    assert ended.reason.startswith(f"toy: the disk of {disk}/toy-")
    numbers = " has 3.0 MiB free, and toy needs at least 4.0 MiB for its unpacked inputs and its outputs; free some, or"
    assert numbers in ended.reason
    assert list(disk.iterdir()) == []


def test_a_model_that_is_made_counts_as_large_as_the_one_that_it_is_made_of(tmp_path: Path, disk: Path) -> None:
    check(model_of(tmp_path, 1 * MEBIBYTE), target=tmp_path, work=disk)
    with pytest.raises(StageError, match=f"the disk of {disk} has 3.0 MiB free, and train needs at least 4.0 MiB for"):
        check(model_of(tmp_path / "large", 2 * MEBIBYTE), target=tmp_path, work=disk)


def test_two_folders_on_one_disk_need_room_for_both(tmp_path: Path, disk: Path) -> None:
    (disk / "outputs").mkdir()
    model = model_of(tmp_path, MEBIBYTE + (1 << 18))
    check(model, target=tmp_path, work=disk)
    check(model, target=disk / "outputs", work=tmp_path)
    with pytest.raises(StageError, match=r"has 3.0 MiB free, and train needs at least 3.8 MiB"):
        check(model, target=disk / "outputs", work=disk)


def test_a_folder_is_read_where_it_is_and_takes_no_room_twice(tmp_path: Path, disk: Path) -> None:
    model_of(tmp_path, 2 * MEBIBYTE)
    check(tmp_path / "model", target=tmp_path, work=disk)

"""register and publish on a machine whose disk is full or whose clock is wrong."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared import archive
from tests.survival.afterwards import gave_up, recovers
from tests.survival.matrix import Teller, fault
from tests.survival.world import Servers, World, fast_import


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Yields an empty file system of that size."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.representative
@fault("This machine", "The disk of TMPDIR is full when register unpacks the model.", 15)
def test_a_disk_that_is_full_is_named(servers: Servers, tmp_path: Path, tell: Teller) -> None:
    world = World.make(servers, tmp_path / "heavy", weights=bytes(4 << 20))
    archive.pack(world.artefacts["model"], tmp_path / "model.tar")
    packed = world.with_inputs(model=tmp_path / "model.tar")
    with small_disk(tmp_path / "disk", "1m") as disk:
        run = packed.with_environment(TMPDIR=str(disk)).run("register")
        assert list(disk.iterdir()) == []
    gave_up(run, world)
    assert f"the disk of {tmp_path}/disk/register-" in run.last_line
    assert " has 1.0 MiB free, and register needs at least 4." in run.last_line
    tell(run, recovers(world))


@fault("This machine", "The disk of TMPDIR is full when publish clones the repository.", 15)
def test_a_clone_that_does_not_fit_is_named(world: World, tmp_path: Path, tell: Teller) -> None:
    head = "commit refs/heads/main\ncommitter Anna <anna@localhost> 1700000001 +0000\ndata 4\nGrow\n"
    file = f"from refs/heads/main^0\nM 100644 inline data\ndata {4 << 20}\n"
    fast_import(world.repository, f"{head}{file}".encode() + os.urandom(4 << 20) + b"\n")
    registered = world.register()
    with small_disk(tmp_path / "disk", "2m") as disk:
        run = world.with_environment(TMPDIR=str(disk)).run("publish", registered)
        assert list(disk.iterdir()) == []
    gave_up(run, world)
    assert "there is no room for it here; free some on the device of TMPDIR" in run.last_line
    tell(run, recovers(world, registered))


@fault("This machine", "The clock is an hour ahead of the S3 server's.", 15)
def test_a_clock_that_is_wrong_is_named(world: World, tell: Teller) -> None:
    registered = world.register()
    run = world.start("publish", registered, clock_ahead=3600).wait()
    gave_up(run, world)
    assert "has another time than this machine; set the clock" in run.last_line
    tell(run, recovers(world, registered))

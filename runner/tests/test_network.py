"""The network may break at any byte; and a runner that cannot be used is told within a minute, by what is wrong."""

import os
import random
from pathlib import Path

import pytest

from runner.tests.cutting_proxy import wire
from runner.tests.world import Project, Runner

CUTS = int(os.environ.get("KILLS", "1"))


@pytest.mark.parametrize("number", range(CUTS))
def test_a_network_that_breaks_again_and_again_only_delays(
    project: Project, runner: Runner, outputs: Path, number: int
) -> None:
    chance = random.Random(f"{os.environ.get('SEED', 0)} {number}")
    # A handshake takes about 2,000 bytes; each connection gets a little farther than that, or breaks amid a file.
    with wire(runner.port, lambda count: None if count % 4 == 0 else chance.randrange(1, 60_000)) as cut:
        variables = {"MLX_RUNNER_URL": f"https://127.0.0.1:{cut.port}"}
        broken = project.run(runner, outputs / "broken", variables, steps=10, behaviour=f"cut {number}")
    alone = project.run(None, outputs / "alone", steps=10, behaviour=f"cut {number}")
    assert (broken.code, broken.made()) == (0, alone.made()), broken.lines
    steps = [line for line in broken.lines if line.startswith("step ")]
    assert steps == [f"step {step + 1} of 10" for step in range(10)]


def test_a_large_file_goes_on_where_it_broke_off(project: Project, runner: Runner, outputs: Path) -> None:
    large = outputs / "dataset"
    large.mkdir(parents=True)
    for file in (project.folder / "dataset").iterdir():
        (large / file.name).write_bytes(file.read_bytes())
    (large / "filler.bin").write_bytes(random.Random(1).randbytes(3_000_000))
    carried: list[int] = []
    with wire(runner.port, lambda count: carried.append(count) or 700_000) as cut:
        variables = {"MLX_RUNNER_URL": f"https://127.0.0.1:{cut.port}"}
        pod = project.run(runner, outputs / "pod", variables, dataset=large, steps=1)
    assert pod.code == 0, pod.lines
    assert len(carried) < 60  # of 5 that carry 3 MB, and those that ask


def test_code_that_is_not_allowed_is_told_with_its_digest(project: Project, tmp_path: Path) -> None:
    strict = Runner.make(tmp_path / "strict", allow=["0" * 64]).start()
    pod = project.run(strict, tmp_path / "pod")
    strict.stop()
    assert pod.code == 1 and "the code of toy 1.2.3 is not allowed; add " in pod.lines[-1], pod.lines

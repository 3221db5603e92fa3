"""The network may break at any byte; and a runner that cannot be used is told within a minute, by what is wrong."""

import os
import random
import time
from pathlib import Path

import pytest

from runner.tests.cutting_proxy import wire
from runner.tests.world import Project, Runner, write_certificate

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


def test_a_network_that_is_away_for_a_while_ends_nothing(project: Project, runner: Runner, outputs: Path) -> None:
    with wire(runner.port, lambda count: None) as cut:
        variables = {"MLX_RUNNER_URL": f"https://127.0.0.1:{cut.port}"}
        pod = project.start(runner, outputs, variables, steps=40, behaviour="away")
        pod.wait_for("step 5 of")
        cut.is_down = True
        time.sleep(2)
        cut.is_down = False
        assert pod.process.wait(60) == 0
    assert sum(line.startswith("step ") for line in pod.lines) == 40


# ── a runner that cannot be used ─────────────────────────────────────────────────────────────────


def test_a_wrong_token_is_told(project: Project, runner: Runner, outputs: Path) -> None:
    pod = project.run(runner, outputs, {"MLX_RUNNER_TOKEN": "x" * 32})
    assert pod.code == 1 and pod.lines[-1].startswith(f"toy: the runner {runner.url} does not accept the token; ")


@pytest.mark.parametrize(
    ("days", "name", "reason"),
    [
        (2, "localhost", "what answers has another certificate than MLX_RUNNER_CERTIFICATE"),
        (-1, "localhost", " has expired; "),
        (2, "elsewhere", " is not for 127.0.0.1; "),
    ],
)
def test_a_certificate_that_is_not_the_runners_is_told(
    project: Project, tmp_path: Path, runner: Runner, days: int, name: str, reason: str
) -> None:
    other = Runner.make(tmp_path / "other")
    trusted = runner.home
    if (days, name) != (2, "localhost"):
        write_certificate(other.home, days, name)
        trusted = other.home
    try:
        other.start_without_waiting()
        pod = project.run(other, tmp_path / "pod", {"MLX_RUNNER_CERTIFICATE_FILE": str(trusted / "certificate.pem")})
    finally:
        other.stop()
    assert pod.code == 1 and reason in pod.lines[-1], pod.lines


def test_code_that_is_not_allowed_is_told_with_its_digest(project: Project, tmp_path: Path) -> None:
    strict = Runner.make(tmp_path / "strict", allow=["0" * 64]).start()
    pod = project.run(strict, tmp_path / "pod")
    strict.stop()
    assert pod.code == 1 and "the code of toy 1.2.3 is not allowed; add " in pod.lines[-1], pod.lines

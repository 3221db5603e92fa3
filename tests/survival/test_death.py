"""kill -9: before and after every step by which the stages change something, and at random instants."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import pytest

from tests import samples
from tests.survival.afterwards import is_published, is_whole
from tests.survival.checkpoint import Checkpoint
from tests.survival.matrix import Teller, fault
from tests.survival.programs import Finished
from tests.survival.world import STAGES, Servers, World, succeeded

WALKERS = 2
KILLS = int(os.environ.get("KILLS") or 20)
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))

Walk = Callable[[World, int], int]
"""Dies at every WALKERS-th boundary, from the given one on; returns the number of all boundaries."""


def walked(walk: Walk, servers: Servers, folder: Path) -> tuple[int, float]:
    """Returns how many boundaries were walked, each once, by walkers with a world each, and the seconds for one."""
    worlds = [World.make(servers, folder / str(number)) for number in range(WALKERS)]
    began = time.monotonic()
    with ThreadPoolExecutor(WALKERS) as pool:
        (boundaries,) = set(pool.map(walk, worlds, range(WALKERS)))
    return boundaries, WALKERS * (time.monotonic() - began) / boundaries


def boundaries_of(world: World, stage: str, given: dict[str, str] | None = None) -> list[str]:
    """Returns the boundaries that an undisturbed run passes."""
    file = world.folder / "boundaries"
    file.unlink(missing_ok=True)
    succeeded(world.start(stage, given, boundaries=str(file)).wait())
    return [json.loads(line) for line in file.read_text().splitlines()]


def die(world: World, stage: str, at: int, given: dict[str, str] | None = None) -> Finished:
    """Returns the run that was killed at a boundary."""
    killed = world.start(stage, given, boundaries=os.devnull, die_at=at).wait()
    assert killed.code == -signal.SIGKILL, killed.errors
    return killed


def walk_register(world: World, first: int) -> int:
    boundaries = boundaries_of(world, "register")
    expected = world.reader().mlflow_state()
    for at in range(first, len(boundaries), WALKERS):
        world.forget()
        die(world, "register", at + 1)
        world.register()
        assert world.reader().mlflow_state() == expected, boundaries[at]
    return len(boundaries)


def walk_publish(world: World, first: int) -> int:
    registered = world.register()
    before = Checkpoint.of(world)
    boundaries = boundaries_of(world, "publish", registered)
    expected = world.reader().state()
    assert expected["mlflow"]["aliases"]["champion"] == expected["git"]["deployed"] == registered["model_version"]
    for at in range(first, len(boundaries), WALKERS):
        before.restore()
        die(world, "publish", at + 1, registered)
        is_whole(world)
        world.publish(registered)
        assert world.reader().state() == expected, boundaries[at]
    return len(boundaries)


def walk_publish_of_a_successor(world: World, first: int) -> int:
    world.publish(world.register())
    successor = samples.write_model(world.folder / "successor", b"successor").path
    return walk_publish(world.with_inputs(model=successor), first)


@pytest.mark.parametrize(
    ("stage", "walk"),
    [
        pytest.param("register", walk_register, id="register"),
        pytest.param("publish", walk_publish, id="publish"),
        pytest.param("publish of a champion's successor", walk_publish_of_a_successor, id="successor"),
    ],
)
@fault("Death", "{stage} is killed before and after each step that changes something, and then runs again.", 20)
def test_a_stage_may_die_at_any_step(servers: Servers, tmp_path: Path, tell: Teller, stage: str, walk: Walk) -> None:
    count, seconds = walked(walk, servers, tmp_path)
    assert count >= 10
    tell(Finished(stage, -signal.SIGKILL, "", seconds), f"nothing, at any of {count} points")


@pytest.mark.representative
@fault("Death", "register and publish in a row are killed at random instants, and then both run again.", 20)
def test_both_stages_may_die_at_any_instant(world: World, tell: Teller, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{KILLS} kills at random instants, SEED={SEED}")
    draw, duration = random.Random(SEED), undisturbed(world)
    manifest = manifest_of(world)
    killed, began = 0, time.monotonic()
    while killed < KILLS:
        world.forget()
        if not run_until(world, draw.uniform(0, duration), draw.random() < 0.5):
            continue  # it was faster than before
        killed += 1
        is_whole(world)
        registered = world.register()
        world.publish(registered)
        is_published(world, registered["model_version"])
        assert manifest_of(world) == manifest
    seconds = (time.monotonic() - began) / KILLS
    tell(Finished("publish", -signal.SIGKILL, "", seconds), f"nothing, in {killed} of {KILLS} cases")


def undisturbed(world: World) -> float:
    """Returns the seconds that both stages take."""
    began = time.monotonic()
    world.publish(world.register())
    return time.monotonic() - began


def run_until(world: World, seconds: float, with_children: bool) -> bool:
    """Runs both stages and kills the one that runs after so many seconds. Returns whether one was killed."""
    until, given = time.monotonic() + seconds, dict[str, str]()
    for stage in STAGES:
        running = world.start(stage, given)
        timer = Timer(max(0, until - time.monotonic()), running.kill, [with_children])
        timer.start()
        finished = running.wait()
        timer.cancel()
        if finished.code:
            assert finished.code == -signal.SIGKILL, finished.errors
            return True
        given = finished.outputs
    return False


def manifest_of(world: World) -> bytes:
    """Returns the published version's manifest."""
    reader = world.reader()
    return reader.manifest(reader.deployed()) or b""

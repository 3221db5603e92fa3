"""What has to hold after a fault, read past the stages; each check returns the words for the matrix."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from tests.survival.programs import Finished
from tests.survival.reader import NOBODY
from tests.survival.world import World

NOTHING = "nothing"


def gave_up(run: Finished, world: World) -> None:
    """Asserts that a run ended with one plain line, without outputs and temporary files."""
    assert run.code == 1, run.errors
    assert run.last_line.startswith(f"{run.stage}: "), run.errors
    assert "Traceback" not in run.errors and f"{run.stage}: unexpected" not in run.errors, run.errors
    assert run.outputs == {}
    assert list(world.temporary.iterdir()) == []


def is_whole(world: World) -> None:
    """Asserts that what MODEL_VERSION names is what it was before, or complete in the store."""
    reader = world.reader()
    version = reader.deployed()
    assert version == NOBODY or reader.damage(version) == []


def is_published(world: World, version: str) -> None:
    """Asserts that exactly one model is registered, stored, named in Git by one commit, and the champion."""
    reader = world.reader()
    assert reader.deployed() == version
    assert reader.damage(version) == []
    assert reader.bumps() == [f"Bump {world.agent} to {version}"]
    assert [known["model_version"] for known in reader.versions()] == [version]
    assert [known["status"] for known in reader.versions()] == ["published"]
    assert reader.aliases() == {"candidate": version, "champion": version}
    assert [run["status"] for run in reader.runs()] == ["FINISHED"]
    assert [model["status"] for model in reader.logged_models()] == ["LOGGED_MODEL_READY"]
    assert reader.model_files() == digests(world.artefacts["model"])


def digests(folder: Path) -> dict[str, str]:
    """Returns the sha256 of a folder's files."""
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def recovers(world: World, given: Mapping[str, str] | None = None) -> str:
    """Asserts that undisturbed runs get everything done, and returns the word for what was lost.

    given: what register handed on, where it need not run again.
    """
    is_whole(world)
    registered = dict(given or world.register())
    world.publish(registered)
    is_published(world, registered["model_version"])
    return NOTHING

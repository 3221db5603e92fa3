"""Two pipelines that end at the same time."""

from pathlib import Path

from tests import samples
from tests.survival.afterwards import NOTHING, is_published, is_whole
from tests.survival.matrix import Teller, fault
from tests.survival.world import World, succeeded


@fault("Races", "Two pipelines with the same commit and the same content reach register, then publish, at once.", 60)
def test_two_pipelines_of_one_content_publish_once(world: World, tell: Teller) -> None:
    registering = [world.start("register") for _ in range(2)]
    registered = [succeeded(run.wait()).outputs for run in registering]
    publishing = [world.start("publish", given) for given in registered]
    runs = [succeeded(run.wait()) for run in publishing]
    assert registered[0]["model_version"] == registered[1]["model_version"]
    is_published(world, registered[0]["model_version"])
    tell(max(runs, key=lambda run: run.seconds), NOTHING)


@fault("Races", "Two pipelines with the same commit and other content reach register, then publish, at once.", 60)
def test_two_pipelines_of_other_content_get_two_names(world: World, tmp_path: Path, tell: Teller) -> None:
    other = world.with_inputs(model=samples.write_model(tmp_path / "other", b"other").path)
    registering = [each.start("register") for each in (world, other)]
    registered = [succeeded(run.wait()).outputs for run in registering]
    assert registered[0]["model_version"] != registered[1]["model_version"]
    publishing = [each.start("publish", given) for each, given in zip((world, other), registered, strict=True)]
    runs = [run.wait() for run in publishing]
    assert 0 in [run.code for run in runs]
    is_whole(world)
    tell(max(runs, key=lambda run: run.code), NOTHING)

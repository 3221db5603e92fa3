"""Two pipelines of one commit that end at the same time."""

from tests import samples
from tests.survival.afterwards import NOTHING, gave_up, is_whole
from tests.survival.matrix import Teller, fault
from tests.survival.programs import Finished
from tests.survival.world import World, succeeded


def registered_at_once(*worlds: World) -> list[dict[str, str]]:
    """Returns what register hands on in each world; where it gave up beside the others, by its next run."""
    runs = [run.wait() for run in [world.start("register") for world in worlds]]
    for world, run in zip(worlds, runs, strict=True):
        if run.code:
            gave_up(run, world)
    return [run.outputs or world.register() for world, run in zip(worlds, runs, strict=True)]


def published_at_once(*pairs: tuple[World, dict[str, str]]) -> list[Finished]:
    """Returns the runs of publish, which ran at once."""
    return [run.wait() for run in [world.start("publish", given) for world, given in pairs]]


@fault("Races", "Two pipelines with one commit and one content reach register, and then publish, at once.", 60)
def test_two_pipelines_of_one_content_publish_once(world: World, tell: Teller) -> None:
    first, second = registered_at_once(world, world)
    runs = [succeeded(run) for run in published_at_once((world, first), (world, second))]
    reader, version = world.reader(), first["model_version"]
    assert second["model_version"] == version
    is_whole(world)
    assert reader.bumps() == [f"Bump {world.agent} to {version}"]
    assert [known["model_version"] for known in reader.versions()] == [version]
    assert reader.aliases() == {"candidate": version, "champion": version}
    tell(max(runs, key=lambda run: run.seconds), NOTHING)


@fault("Races", "Two pipelines with one commit and other content reach register, and then publish, at once.", 60)
def test_two_pipelines_of_other_content_get_two_names(world: World, tell: Teller) -> None:
    model = samples.write_model(world.folder / "other", b"other").path
    worlds = world, world.with_inputs(model=model)
    registered = registered_at_once(*worlds)
    assert len({given["model_version"] for given in registered}) == 2
    runs = published_at_once(*zip(worlds, registered, strict=True))
    is_whole(world)
    later = next(run for run in runs if run.code or run is runs[-1])
    tell(later, f"{NOTHING}; the later one is compared with the earlier one by its next run")

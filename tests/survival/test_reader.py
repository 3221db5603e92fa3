"""The reader finds what it is meant to find: every other test here trusts it."""

import io

from tests.survival.world import World, s3_client


def test_the_reader_finds_what_is_missing_or_damaged_in_the_store(world: World) -> None:
    reader = world.reader()
    assert reader.damage("v20251224-01234567") == ["v20251224-01234567 has no manifest"]
    version = world.register()["model_version"]
    world.publish(world.register())
    assert reader.damage(version) == []
    keys = [key for key in reader.objects() if not key.endswith("manifest.json")]
    for number, key in enumerate(keys, 1):
        name = f"{reader.prefix}/{key}"
        if number % 2:
            s3_client(world.servers.s3).remove_object(reader.bucket, name)
        else:
            s3_client(world.servers.s3).put_object(reader.bucket, name, io.BytesIO(b"other"), 5)
    told = reader.damage(version)
    assert {line.rpartition(" is ")[2] for line in told} == {"missing", "damaged"}
    assert len(told) >= len(keys)  # files with the same content may be one object


def test_the_reader_sees_a_second_version_and_a_second_bump(world: World) -> None:
    registered = world.register()
    world.publish(registered)
    reader = world.reader()
    before = reader.state()
    world.publish(registered)
    assert reader.state() == before
    world.forget()
    assert (reader.bumps(), reader.versions(), reader.runs(), reader.objects()) == ([], [], [], {})

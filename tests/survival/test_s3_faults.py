"""publish before an S3 server that is down, frozen, full, forbidden, or damages what it keeps."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from tests.minio_server import MinioServer, running_minio
from tests.mlflow_server import free_port
from tests.survival.afterwards import NOTHING, gave_up, is_published, recovers
from tests.survival.matrix import Teller, fault
from tests.survival.proxy import Cut, Request, proxy
from tests.survival.world import BUCKET, Servers, World, s3_admin, s3_client, succeeded

MEGABYTE = 1 << 20


@pytest.fixture
def own(tmp_path: Path) -> Iterator[MinioServer]:
    """A server that nobody else uses; its data lie in `own/data`."""
    (tmp_path / "own").mkdir()
    with running_minio(tmp_path / "own") as server:
        s3_client(server).make_bucket(BUCKET)
        yield server


@pytest.fixture
def heavy(servers: Servers, tmp_path: Path) -> World:
    """A world whose model goes to the store in two parts."""
    return World.make(servers, tmp_path / "heavy", weights=os.urandom(MEGABYTE) * 20)


@pytest.mark.representative
@fault("S3", "Nobody listens at S3_ENDPOINT when publish starts.", 15)
def test_s3_that_is_down_is_named(world: World, tell: Teller) -> None:
    registered = world.register()
    address = f"http://127.0.0.1:{free_port()}"
    run = world.with_environment(S3_ENDPOINT=address).run("publish", registered)
    gave_up(run, world)
    assert f"S3 at {address}" in run.last_line and "does not answer" in run.last_line
    tell(run, recovers(world, registered))


@fault("S3", "The server is frozen (SIGSTOP) when publish starts.", 40)
def test_s3_that_is_frozen_is_given_up(world: World, own: MinioServer, tell: Teller) -> None:
    registered = world.register()
    os.kill(own.pid, signal.SIGSTOP)
    run = world.with_s3(own).run("publish", registered)
    os.kill(own.pid, signal.SIGCONT)
    gave_up(run, world)
    assert "gave no answer within 10 s" in run.last_line
    tell(run, recovers(world.with_s3(own), registered))


@fault("S3", "The server is frozen for 5 s while files are uploaded.", 30)
def test_s3_that_is_frozen_for_a_while_is_waited_for(world: World, own: MinioServer, tell: Teller) -> None:
    frozen: list[Request] = []

    def freeze_once(request: Request) -> None:
        if request.method == "PUT" and not frozen:
            frozen.append(request)
            os.kill(own.pid, signal.SIGSTOP)
            Timer(5, os.kill, (own.pid, signal.SIGCONT)).start()

    registered = world.register()
    with proxy(own.endpoint, freeze_once) as between:
        run = world.with_s3(own).with_environment(S3_ENDPOINT=between.address).run("publish", registered)
    succeeded(run)
    assert frozen
    tell(run, recovers(world.with_s3(own), registered))


@pytest.mark.representative
@fault("S3", "The bucket's quota is used up amid the upload.", 15)
def test_a_bucket_that_is_full_is_named(servers: Servers, tmp_path: Path, tell: Teller) -> None:
    small = World.make(servers, tmp_path / "full", weights=bytes(MEGABYTE))
    s3_client(servers.s3).make_bucket(small.agent)
    s3_admin(servers.s3).bucket_quota_set(small.agent, MEGABYTE // 2)
    world = small.with_environment(STORE_URI=f"s3://{small.agent}/models")
    registered = world.register()
    run = world.run("publish", registered)
    gave_up(run, world)
    assert "has no space left for it" in run.last_line
    s3_admin(servers.s3).bucket_quota_set(small.agent, 100 * MEGABYTE)
    tell(run, recovers(world, registered))


@fault("S3", "AWS_SECRET_ACCESS_KEY is wrong.", 15)
def test_wrong_credentials_are_named(world: World, tell: Teller) -> None:
    registered = world.register()
    run = world.with_environment(AWS_SECRET_ACCESS_KEY="of-somebody-else").run("publish", registered)
    gave_up(run, world)
    assert "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in run.last_line
    assert "of-somebody-else" not in run.errors
    tell(run, recovers(world, registered))


@fault("S3", "There is no bucket of the name.", 15)
def test_a_bucket_that_is_missing_is_named(world: World, tell: Teller) -> None:
    registered = world.register()
    run = world.with_environment(STORE_URI=f"s3://missing-{world.agent}/models").run("publish", registered)
    gave_up(run, world)
    assert "has no such bucket; create it" in run.last_line
    tell(run, recovers(world, registered))


@fault("S3", "The account may list and read, but not write.", 15)
def test_an_account_that_may_not_write_is_named(world: World, tell: Teller) -> None:
    reading = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::*"]}
    admin = s3_admin(world.servers.s3)
    admin.policy_add("reading", policy={"Version": "2012-10-17", "Statement": [reading]})
    admin.user_add("reader", "a-reader-s-secret")
    admin.attach_policy(["reading"], user="reader")
    account = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "a-reader-s-secret"}
    registered = world.register()
    run = world.with_environment(**account).run("publish", registered)
    gave_up(run, world)
    assert "give the account the right to list, read and write there" in run.last_line
    tell(run, recovers(world, registered))


@fault("S3", "The connection breaks off once, amid a part of the weights.", 30)
def test_a_part_that_breaks_off_once_is_sent_again(heavy: World, tell: Teller) -> None:
    broken: list[Request] = []

    def break_once(request: Request) -> None:
        if request.size > MEGABYTE and not broken:
            broken.append(request)
            raise Cut(request.size // 2)

    registered = heavy.register()
    with proxy(heavy.servers.s3.endpoint, break_once) as between:
        run = heavy.with_environment(S3_ENDPOINT=between.address).run("publish", registered)
    succeeded(run)
    assert broken
    tell(run, recovers(heavy, registered))


@pytest.mark.representative
@fault("S3", "The connection breaks off amid every part of the weights.", 30)
def test_a_part_that_always_breaks_off_is_given_up(heavy: World, tell: Teller) -> None:
    def always_break(request: Request) -> None:
        if request.size > MEGABYTE:
            raise Cut(request.size // 2)

    registered = heavy.register()
    with proxy(heavy.servers.s3.endpoint, always_break) as between:
        run = heavy.with_environment(S3_ENDPOINT=between.address).run("publish", registered)
    gave_up(run, heavy)
    tell(run, recovers(heavy, registered))


@fault("S3", "A bit of the weights flips on the server's disk after they were published; publish runs again.", 30)
def test_a_bit_that_flips_on_the_disk_is_mended(heavy: World, own: MinioServer, tmp_path: Path, tell: Teller) -> None:
    world = heavy.with_s3(own)
    registered = world.register()
    world.publish(registered)
    for part in (tmp_path / "own" / "data" / BUCKET).rglob("part.1"):
        flip_bit(part)
    assert world.reader().damage(registered["model_version"]) == ["model.safetensors is damaged"]
    run = succeeded(world.run("publish", registered))
    is_published(world, registered["model_version"])
    tell(run, NOTHING)


def flip_bit(file: Path) -> None:
    """Flips a bit in the middle of a file, in place."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        (byte,) = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte ^ 1]))

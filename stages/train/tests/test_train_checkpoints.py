"""A training that is killed goes on where it was, to the same bytes; nothing else is gone on from."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest
from minio import Minio
from minio.credentials import AssumeRoleProvider, StaticProvider
from minio.minioadmin import MinioAdmin

from shared.contract import load
from shared.errors import StageError
from stages.train.checkpoints.checkpoint import Checkpoint, Checkpoints
from stages.train.checkpoints.opening import place_of
from stages.train.checkpoints.place import FILE, Folder, Place
from stages.train.contract import Inputs
from stages.train.main import run
from tests.minio_server import MinioServer
from tests.minio_server import minio_server as minio_server

ROOT = Path(__file__).parents[3]
ITERS = 24
KILLS = int(os.environ.get("KILLS", "3"))


@pytest.fixture
def longer(inputs: Inputs) -> Inputs:
    """A training of some steps, which validates and saves often."""
    return replace(inputs, iters=ITERS, validate_every=5, learning_schedule="cosine", warmup_iters=4)


def adapters(folder: Path) -> bytes:
    return (folder / "adapters" / "adapters.safetensors").read_bytes()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class Stopped(Exception):
    """Stands for a process that ends."""


def test_a_training_that_stopped_goes_on_to_the_same_bytes(
    longer: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(longer, made(tmp_path / "undisturbed"))
    kept = replace(longer, checkpoint_to=str(tmp_path / "kept"), checkpoint_every=7)
    save = Checkpoints.save

    def stop_behind(self: Checkpoints, checkpoint: Checkpoint) -> None:
        save(self, checkpoint)
        raise Stopped

    for number in range(3):  # behind iterations 7, 14 and 21
        with monkeypatch.context() as patched, pytest.raises(Stopped):
            patched.setattr(Checkpoints, "save", stop_behind)
            run(kept, made(tmp_path / f"stopped-{number}"))
    outputs = run(kept, made(tmp_path / "resumed"))
    assert adapters(tmp_path / "resumed") == adapters(tmp_path / "undisturbed")
    assert (tmp_path / "resumed/model/model.safetensors").read_bytes() == (
        tmp_path / "undisturbed/model/model.safetensors"
    ).read_bytes()
    metrics = outputs.metrics.read()
    assert [entry["iteration"] for entry in metrics["training_loss"]] == list(range(1, ITERS + 1))
    assert run(kept, made(tmp_path / "again")).validation_loss == outputs.validation_loss


def test_killed_at_any_instant(longer: Inputs, tmp_path: Path) -> None:
    longer = replace(longer, iters=60 * (KILLS + 1))  # more than a second of steps for each
    run(longer, made(tmp_path / "undisturbed"))
    values = {field: getattr(longer, field.name) for field in load("train").inputs}
    flags = [f"{field.flag}={getattr(value, 'path', value)}" for field, value in values.items()]
    kept = ["--checkpoint-to", str(tmp_path / "kept"), "--checkpoint-every", "1"]
    command = [sys.executable, "-m", "stages.train.main", *flags, *kept, "--outputs", str(tmp_path / "killed")]
    draw = random.Random(os.environ.get("PYTEST_SEED", "0"))
    reached = [b""]
    for _ in range(KILLS):
        reached.append(killed(command, tmp_path / "kept" / FILE, draw.uniform(0, 1)))
    assert len(set(reached)) == KILLS + 1  # each was amid its steps, and has gone on from the one before
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": pythonpath()}, check=True)
    run(replace(longer, checkpoint_to=str(tmp_path / "kept")), made(tmp_path / "resumed"))
    assert adapters(tmp_path / "resumed") == adapters(tmp_path / "undisturbed")


def killed(command: list[str], checkpoint: Path, seconds: float) -> bytes:
    """Kills a training so many seconds after it has saved a checkpoint of its own, and returns its last one."""
    before = checkpoint.read_bytes() if checkpoint.exists() else b""
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": pythonpath()})
    while not checkpoint.exists() or checkpoint.read_bytes() == before:
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return checkpoint.read_bytes()


def pythonpath() -> str:
    return os.pathsep.join(path for path in sys.path if path)


@pytest.fixture
def bucket(minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix in an empty bucket, which the environment lets a stage reach."""
    for variable, value in minio_server.environment().items():
        monkeypatch.setenv(variable, value)
    name = f"checkpoints-{uuid.uuid4().hex[:12]}"
    s3(minio_server).make_bucket(name)
    return f"s3://{name}/runs/7"


def s3(server: MinioServer) -> Minio:
    host = server.endpoint.removeprefix("http://")
    return Minio(host, server.access_key, server.secret_key, secure=False)


def test_another_machine_goes_on_from_a_bucket_to_the_same_bytes(longer: Inputs, bucket: str, tmp_path: Path) -> None:
    run(longer, made(tmp_path / "undisturbed"))
    values = {field: getattr(longer, field.name) for field in load("train").inputs}
    flags = [f"{field.flag}={getattr(value, 'path', value)}" for field, value in values.items()]
    kept = [f"--checkpoint-to={bucket}", "--checkpoint-every=3", "--outputs", str(tmp_path / "killed")]
    command = [sys.executable, "-m", "stages.train.main", *flags, *kept]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": pythonpath()}) as process:
        place = known_place(bucket)
        until = time.monotonic() + 60
        while not place.newest() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    # Another attempt has a place of its own, and the earlier one's to go on from.
    moved = replace(longer, checkpoint_to=f"{bucket}/second", checkpoint_from=bucket, checkpoint_every=100)
    outputs = run(moved, made(tmp_path / "resumed"))
    assert adapters(tmp_path / "resumed") == adapters(tmp_path / "undisturbed")
    assert [entry["iteration"] for entry in outputs.metrics.read()["training_loss"]] == list(range(1, ITERS + 1))
    assert known_place(f"{bucket}/second").newest()


def known_place(address: str) -> Place:
    place = place_of(address, "checkpoint_to")
    assert place
    return place


@pytest.mark.parametrize("address", ["", '""'])
def test_two_quotes_for_no_earlier_attempt_are_no_folder_of_that_name(address: str) -> None:
    assert place_of(address, "checkpoint_from") is None


def test_another_address_than_a_folder_or_s3_is_refused() -> None:
    with pytest.raises(StageError, match=r"checkpoint_to is gs://a/b, which train cannot read; let it be a folder or"):
        place_of("gs://a/b", "checkpoint_to")


def test_an_attempt_that_ends_at_once_passes_on_what_it_was_given(tmp_path: Path) -> None:
    first, second, third = (Folder(tmp_path / name) for name in ("first", "second", "third"))
    Checkpoints(first, {}, 1).save(Checkpoint(3, {"a": mx.array([1.0])}, {}))
    assert Checkpoints(second, {}, 1, first).load()
    found = Checkpoints(third, {}, 1, second).load()
    assert found
    assert (found.iteration, found.arrays["a"].item()) == (3, 1.0)


def test_temporary_keys_keep_a_checkpoint(
    bucket: str, minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = StaticProvider(minio_server.access_key, minio_server.secret_key)
    host = minio_server.endpoint.removeprefix("http://")
    admin = MinioAdmin(endpoint=host, credentials=keys, region="us-east-1", secure=False)
    admin.user_add("trainer", "trainer-secret")
    admin.attach_policy(["readwrite"], user="trainer")
    own = {"access_key": "trainer", "secret_key": "trainer-secret", "region": "us-east-1"}
    given = AssumeRoleProvider(sts_endpoint=minio_server.endpoint, **own).retrieve()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", given.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", given.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", str(given.session_token))
    Checkpoints(known_place(bucket), {}, 1).save(Checkpoint(3, {"a": mx.array([1.0])}, {}))
    assert known_place(bucket).newest()


def test_a_bucket_that_cannot_be_reached_is_named(
    bucket: str, minio_server: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = f"S3 at {minio_server.endpoint}, asked for {bucket}/{FILE},"
    with pytest.raises(StageError) as refused:
        known_place("s3://no-such-bucket-7/x").newest()
    assert "has no such bucket; create it, or check the address (NoSuchBucket)" in str(refused.value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(StageError) as refused:
        known_place(bucket).newest()
    assert str(refused.value).startswith(f"{asked} does not accept the credentials; check AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StageError, match=r"does not answer; check S3_ENDPOINT and that the server runs"):
        known_place(bucket).newest()
    monkeypatch.setenv("S3_ENDPOINT", "")
    monkeypatch.setenv("AWS_REGION", "")
    with pytest.raises(StageError, match=r"checkpoint_to names a bucket, but neither S3_ENDPOINT nor AWS_REGION"):
        place_of(bucket, "checkpoint_to")


def test_a_checkpoint_of_another_training_is_refused_with_each_difference(longer: Inputs, tmp_path: Path) -> None:
    kept = replace(longer, iters=4, checkpoint_to=str(tmp_path / "kept"), checkpoint_every=4)
    run(kept, made(tmp_path / "first"))
    with pytest.raises(StageError) as caught:
        run(replace(kept, learning_rate=0.5, seed=3), made(tmp_path / "second"))
    assert str(caught.value) == (
        f"{tmp_path}/kept/{FILE} is of another training: learning_rate was 0.001 and is 0.5; seed was 0 and is 3. "
        "Give another place, or remove the file to begin anew"
    )
    assert list((tmp_path / "second").iterdir()) == []


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(Folder(tmp_path / "kept"), {"seed": 0}, 1)


def kept_file(checkpoints: Checkpoints) -> Path:
    assert isinstance(checkpoints.place, Folder)
    return checkpoints.place.file


FIRST = Checkpoint(1, {"weights/a": mx.arange(300, dtype=mx.float32)}, {"training_loss": [[1, 2.5]]})


@pytest.mark.parametrize("damage", ["cut", "flipped", "no file of this kind", "empty"])
def test_a_damaged_checkpoint_is_refused(checkpoints: Checkpoints, damage: str) -> None:
    checkpoints.save(FIRST)
    data = bytearray(kept_file(checkpoints).read_bytes())
    if damage == "flipped":
        data[-5] ^= 1
    whole = {"cut": data[:-40], "flipped": data, "no file of this kind": b"hello", "empty": b""}[damage]
    kept_file(checkpoints).write_bytes(whole)
    with pytest.raises(StageError, match=r"is no checkpoint, or a damaged one .*; remove it to begin anew"):
        checkpoints.load()


def test_a_save_that_fails_leaves_the_old_checkpoint(checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.save(FIRST)

    def full(path: str, arrays: object, told: object) -> None:
        Path(path).write_bytes(b"a part")
        raise RuntimeError("[write] Unable to write 1200 bytes to file.")

    monkeypatch.setattr(mx, "save_safetensors", full)
    with pytest.raises(StageError, match=r"cannot be written: .*; free some space, or give another place"):
        checkpoints.save(Checkpoint(2, FIRST.arrays, {}))
    monkeypatch.undo()
    found = checkpoints.load()
    assert found is not None
    assert (found.iteration, found.history) == (1, FIRST.history)
    assert [path.name for path in kept_file(checkpoints).parent.iterdir()] == [FILE]


def test_a_disk_that_takes_no_more_leaves_the_old_checkpoint(checkpoints: Checkpoints) -> None:
    checkpoints.save(FIRST)
    larger = Checkpoint(2, {"weights/a": mx.arange(30_000, dtype=mx.float32)}, {})
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limit[1]))
    try:
        with pytest.raises(StageError, match=r"cannot be written: .*; free some space, or give another place"):
            checkpoints.save(larger)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    found = checkpoints.load()
    assert found is not None
    assert found.iteration == 1
    assert [path.name for path in kept_file(checkpoints).parent.iterdir()] == [FILE]


def test_nothing_to_go_on_from_is_no_error(checkpoints: Checkpoints) -> None:
    assert checkpoints.load() is None

"""The store in a bucket of a real S3 server: what it holds, and what is said when it does not do what it should."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from minio import Minio
from minio.credentials import StaticProvider
from minio.minioadmin import MinioAdmin

from shared import archive
from shared.access.s3 import Endpoint, Keys, refusal
from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.main import run
from stages.publish.store import s3 as s3_store
from stages.publish.store.bundle import Bundle, Saved
from stages.publish.store.manifest import blob_key
from stages.publish.store.opening import open_store
from stages.publish.store.protocol import Store
from stages.publish.store.s3 import AT_WORK, PART, Patience, S3Store
from stages.publish.store.stored_version import check_blobs, read_manifest
from stages.publish.tests.conftest import VERSION, blob_of, frozen, nothing_changes, s3_client
from tests.minio_server import SECRET_KEY, MinioServer, running_minio
from tests.mlflow_server import free_port

PREFIX = f"agent-test/{VERSION}"
CONFIG = blob_of("content of config.json")
SHORT = Patience(connect=0.5, answer=0.5, retries=0)


@pytest.fixture
def s3(minio_server: MinioServer) -> Minio:
    return s3_client(minio_server)


@pytest.fixture
def opened(bucket: str) -> Store:
    return open_store(os.environ["STORE_URI"])


def store_of(server: MinioServer, bucket: str, patience: Patience = AT_WORK) -> S3Store:
    host = server.endpoint.removeprefix("http://")
    return S3Store(
        Endpoint(host, False, "us-east-1", Keys(server.access_key, server.secret_key)), bucket, "models", patience
    )


def contents(s3: Minio, bucket: str) -> dict[str, tuple[bytes, object]]:
    """Returns every object, by its name: its bytes, and when it was written."""
    found = {}
    for item in s3.list_objects(bucket, recursive=True):
        with s3.get_object(bucket, str(item.object_name)) as answer:
            found[str(item.object_name)] = (answer.read(), item.last_modified)
    return found


def opening_refused() -> str:
    with pytest.raises(StageError) as refused:
        open_store(os.environ["STORE_URI"])
    return str(refused.value)


def test_an_approved_model_is_published_to_a_bucket(registered: Inputs, bucket: str, s3: Minio, tmp_path: Path) -> None:
    outputs = run(registered, tmp_path)
    uri = f"s3://{bucket}/models/{PREFIX}"
    assert outputs.model_uri == uri
    assert outputs.model_page == f"{os.environ['S3_ENDPOINT']}/{bucket}/models/{PREFIX}/manifest.json"
    told = f"published {VERSION}: accuracy 0.90, stored at {uri}, MODEL_VERSION bumped in {registered.repository}"
    assert outputs.outcome == f"{told} on main"
    found = contents(s3, bucket)
    manifest = json.loads(found.pop(f"models/{PREFIX}/manifest.json")[0])
    blobs = {f"models/{blob_key(sha256(data).hexdigest())}": len(data) for data, _ in found.values()}
    assert {f"models/{blob_key(entry['sha256'])}": entry["size"] for entry in manifest["files"].values()} == blobs
    assert blobs.keys() == found.keys()


def test_publishing_twice_to_a_bucket_changes_nothing(
    registered: Inputs, bucket: str, s3: Minio, repository: Path, database: Path, tmp_path: Path
) -> None:
    first = run(registered, tmp_path)
    before = contents(s3, bucket)
    with nothing_changes(repository, database):
        again = run(registered, tmp_path)
    assert (again.outcome, again.model_uri) == (f"already published: {VERSION}", first.model_uri)
    assert contents(s3, bucket) == before


def test_a_rejected_model_needs_no_server(
    inputs: Inputs, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("S3_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    rejected = Inputs(**{**vars(inputs), "approved": False, "decision": "accuracy 0.1 is below 0.8"})
    assert run(rejected, tmp_path).outcome == "rejected: accuracy 0.1 is below 0.8"


def test_a_missing_bucket_stops_before_anything_changes(
    registered: Inputs, bucket: str, repository: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE_URI", "s3://no-such-bucket/models")
    with nothing_changes(repository, database), pytest.raises(StageError) as refused:
        run(registered, tmp_path)
    asked = f"S3 at {os.environ['S3_ENDPOINT']}, asked for s3://no-such-bucket"
    assert str(refused.value) == f"{asked}, has no such bucket; create it, or check the address (NoSuchBucket)"


def test_a_half_stored_version_is_completed(bundle: Bundle, opened: Store, bucket: str, s3: Minio) -> None:
    assert [bundle.save(opened) for _ in range(2)] == [Saved(is_new=True), Saved(is_new=False)]
    whole = {name: data for name, (data, _) in contents(s3, bucket).items()}
    s3.remove_object(bucket, f"models/{PREFIX}/manifest.json")
    s3.remove_object(bucket, f"models/{CONFIG}")
    assert bundle.save(opened) == Saved(is_new=True)
    assert {name: data for name, (data, _) in contents(s3, bucket).items()} == whole


@pytest.mark.parametrize("damage", ["another content", "removed"])
def test_a_damaged_object_is_found_and_mended(
    bundle: Bundle, opened: Store, bucket: str, s3: Minio, damage: str
) -> None:
    bundle.save(opened)
    if damage == "removed":
        s3.remove_object(bucket, f"models/{CONFIG}")
    else:
        s3.put_object(bucket, f"models/{CONFIG}", io.BytesIO(b"other"), 5)
    manifest = read_manifest(opened, "agent-test", VERSION)
    assert manifest
    state = "missing" if damage == "removed" else "damaged"
    assert check_blobs(opened, manifest) == [f"s3://{bucket}/models/{CONFIG} (config.json) is {state}"]
    assert bundle.save(opened) == Saved(is_new=False, mended=("config.json",))
    assert check_blobs(opened, manifest) == []


@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_a_bit_that_flips_on_the_server_s_disk_is_found_and_mended(bundle: Bundle, tmp_path: Path, size: int) -> None:
    bundle.files["config.json"].write_bytes(os.urandom(size))
    with running_minio(tmp_path) as server:
        s3_client(server).make_bucket("models")
        store = store_of(server, "models", Patience(connect=10, answer=60, retries=0))
        bundle.save(store)
        manifest = read_manifest(store, "agent-test", VERSION)
        assert manifest
        key = blob_key(manifest.files["config.json"].sha256)
        (data,) = [path for path in (tmp_path / "data/models/models" / key).rglob("*") if path.stat().st_size > size]
        content = bytearray(data.read_bytes())
        content[-size // 2] ^= 1
        data.write_bytes(content)
        assert check_blobs(store, manifest) == [f"s3://models/models/{key} (config.json) is not readable"]
        assert bundle.save(store).mended == ("config.json",)
        assert check_blobs(store, manifest) == []


def test_a_large_file_goes_in_parts_and_is_read_back(opened: Store, bucket: str, s3: Minio, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(1 << 20) * 17)
    opened.write("a/large", large)
    assert opened.digest("a/large") == sha256(large.read_bytes()).hexdigest()
    assert str(s3.stat_object(bucket, "models/a/large").etag).endswith("-2")


def unfinished(s3: Minio, bucket: str, key: str) -> int:
    return len(s3._list_multipart_uploads(bucket, prefix=f"models/{key}").uploads)


def test_what_a_killed_upload_left_is_removed_by_the_next_run(
    minio_server: MinioServer, bucket: str, s3: Minio, bundle: Bundle
) -> None:
    large = bundle.files["config.json"]
    large.write_bytes(os.urandom(PART) * 8)
    key, other = blob_key(archive.digest(large)), blob_key("ab" * 32)
    s3._create_multipart_upload(bucket, f"models/{other}", {})
    code = (
        "import sys; from pathlib import Path; from stages.publish.store.opening import open_store\n"
        "open_store(sys.argv[1]).write(sys.argv[2], Path(sys.argv[3]))"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, os.environ["STORE_URI"], key, str(large)])
    until = time.monotonic() + 60
    while not unfinished(s3, bucket, key) and time.monotonic() < until:
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert unfinished(s3, bucket, key) == 1
    assert bundle.save(store_of(minio_server, bucket)).is_new
    assert unfinished(s3, bucket, key) == 0
    assert unfinished(s3, bucket, other) == 1  # which may still go on


class OvertakenStore(S3Store):
    """A store in which another run completes `other` while this one sends the second part of a file."""

    other: Callable[[], object]

    def write(self, key: str, source: Path) -> None:
        sent = Minio._upload_part.__get__(self.client)

        def overtaken(*arguments: Any, **options: Any) -> Any:
            if arguments[-1] == 2:
                self.other()
            return sent(*arguments, **options)

        self.client._upload_part = overtaken  # type: ignore[method-assign]
        super().write(key, source)


def test_a_run_whose_upload_was_removed_goes_on_with_what_the_other_one_stored(
    minio_server: MinioServer, bucket: str, s3: Minio, bundle: Bundle
) -> None:
    bundle.files["config.json"].write_bytes(os.urandom(PART) * 3)
    sound = store_of(minio_server, bucket)
    slow = OvertakenStore(sound.endpoint, bucket, "models", AT_WORK)
    faster: list[Saved] = []
    slow.other = lambda: faster.append(bundle.save(sound))
    assert bundle.save(slow) == Saved(is_new=True)  # for the manifests have equal bytes
    assert faster == [Saved(is_new=True)]
    manifest = read_manifest(sound, "agent-test", VERSION)
    assert manifest and check_blobs(sound, manifest) == []
    assert unfinished(s3, bucket, blob_key(manifest.files["config.json"].sha256)) == 0


def test_an_empty_file_and_odd_names_are_kept(opened: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    opened.write("a/with space+plus&ümlaut", tmp_path / "empty")
    assert opened.read("a/with space+plus&ümlaut") == b""
    assert (opened.read("a/with"), opened.digest("a/with")) == (None, None)


def test_of_writers_that_race_for_the_commit_point_one_wins(minio_server: MinioServer, bucket: str) -> None:
    stores = [store_of(minio_server, bucket) for _ in range(8)]
    won: dict[int, bool] = {}

    def write(number: int) -> None:
        won[number] = stores[number].write_if_absent("a/manifest.json", b"writer %d" % number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won.values()) == [False] * 7 + [True]
    (winner,) = (number for number, is_winner in won.items() if is_winner)
    assert stores[0].read("a/manifest.json") == b"writer %d" % winner


def test_equal_bytes_at_the_commit_point_are_success(opened: Store) -> None:
    assert [opened.write_if_absent("a/manifest.json", content) for content in (b"1", b"1", b"2")] == [True, True, False]
    assert opened.read("a/manifest.json") == b"1"


def test_an_answer_that_is_lost_is_looked_up(minio_server: MinioServer, bucket: str, tmp_path: Path) -> None:
    store = store_of(minio_server, bucket, SHORT)
    with deaf_proxy(minio_server) as host:
        endpoint = Endpoint(host, False, "us-east-1", Keys(minio_server.access_key, minio_server.secret_key))
        through_proxy = S3Store(endpoint, bucket, "models", SHORT)
        assert through_proxy.write_if_absent("a/manifest.json", b"mine")
    assert store.read("a/manifest.json") == b"mine"


@contextmanager
def deaf_proxy(server: MinioServer) -> Iterator[str]:
    """Yields host and port; answers of a PUT are dropped with the connection."""
    host, port = server.endpoint.removeprefix("http://").split(":")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(near: socket.socket) -> None:
        is_put = threading.Event()
        with near, socket.create_connection((host, int(port))) as far:
            threading.Thread(target=hand_on, args=(near, far, is_put), daemon=True).start()
            while (answer := far.recv(1 << 16)) and not is_put.is_set():
                near.sendall(answer)
            near.shutdown(socket.SHUT_RDWR)

    def hand_on(near: socket.socket, far: socket.socket, is_put: threading.Event) -> None:
        while request := near.recv(1 << 16):
            if request.startswith(b"PUT "):
                is_put.set()
            far.sendall(request)

    def accept() -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(near,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_is_down_is_named_soon_and_once(
    bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("S3_ENDPOINT", address)
    started = time.monotonic()
    remedy = "does not answer; check S3_ENDPOINT and that the server runs (Connection refused)"
    assert opening_refused() == f"S3 at {address}, asked for s3://{bucket}, {remedy}"
    assert time.monotonic() - started < 10
    assert caplog.records == []


def test_a_host_without_a_name_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "http://s3.invalid:9000")
    remedy = "does not answer, as its name is not known; check S3_ENDPOINT"
    assert opening_refused() == f"S3 at http://s3.invalid:9000, asked for s3://{bucket}, {remedy}"


def test_a_frozen_server_is_told_from_one_that_is_down(
    minio_server: MinioServer, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "AT_FIRST", SHORT)
    with frozen(minio_server):
        told = opening_refused()
    remedy = "gave no answer within 0.5 s; check that the server is well, and run again"
    assert told == f"S3 at {minio_server.endpoint}, asked for s3://{bucket}, {remedy}"


@pytest.mark.parametrize("size", [10, 1 << 25])
def test_a_server_that_freezes_meanwhile_leaves_no_commit_point(
    minio_server: MinioServer, bucket: str, s3: Minio, bundle: Bundle, size: int
) -> None:
    store = store_of(minio_server, bucket, SHORT)
    assert store.read(f"{PREFIX}/manifest.json") is None
    bundle.files["config.json"].write_bytes(bytes(size))
    with frozen(minio_server), pytest.raises(StageError) as refused:
        store.write(CONFIG, bundle.files["config.json"])
    asked = f"S3 at {minio_server.endpoint}, asked for s3://{bucket}/models/{CONFIG}"
    assert str(refused.value) == f"{asked}, gave no answer within 0.5 s; check that the server is well, and run again"
    assert f"models/{PREFIX}/manifest.json" not in contents(s3, bucket)
    assert bundle.save(store_of(minio_server, bucket)).is_new


@pytest.mark.parametrize(
    ("variable", "code"),
    [
        ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId"),
        ("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"),
    ],
)
def test_wrong_keys_are_told_without_them(
    bucket: str, monkeypatch: pytest.MonkeyPatch, variable: str, code: str
) -> None:
    monkeypatch.setenv(variable, "wrong-geheim")
    remedy = f"does not accept the credentials; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({code})"
    told = opening_refused()
    assert told == f"S3 at {os.environ['S3_ENDPOINT']}, asked for s3://{bucket}, {remedy}"
    assert "geheim" not in told and SECRET_KEY not in told


@pytest.fixture
def admin(minio_server: MinioServer) -> MinioAdmin:
    host = minio_server.endpoint.removeprefix("http://")
    keys = StaticProvider(minio_server.access_key, minio_server.secret_key)
    return MinioAdmin(endpoint=host, credentials=keys, region="us-east-1", secure=False)


def test_an_account_without_the_right_is_told(
    admin: MinioAdmin, bucket: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, s3: Minio
) -> None:
    admin.user_add("reader", "reader-secret")
    admin.attach_policy(["readonly"], user="reader")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "reader-secret")
    remedy = "refuses the request; give the account the right to list, read and write there (AccessDenied)"
    assert opening_refused() == f"S3 at {os.environ['S3_ENDPOINT']}, asked for s3://{bucket}, {remedy}"


def test_an_account_that_cannot_list_uploads_publishes_all_the_same(
    admin: MinioAdmin, bucket: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    actions = ["s3:ListBucket", "s3:GetObject", "s3:PutObject"]
    allowed = {"Effect": "Allow", "Action": actions, "Resource": ["arn:aws:s3:::*"]}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    admin.policy_add("least", str(policy))
    admin.user_add("publisher", "publisher-secret")
    admin.attach_policy(["least"], user="publisher")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "publisher")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "publisher-secret")
    assert bundle.save(open_store(os.environ["STORE_URI"])).is_new


def test_a_bucket_that_is_full_gets_no_commit_point(
    admin: MinioAdmin, opened: Store, bucket: str, bundle: Bundle, s3: Minio
) -> None:
    admin.bucket_quota_set(bucket, 1000)
    bundle.files["config.json"].write_bytes(bytes(2000))
    with pytest.raises(StageError) as refused:
        bundle.save(opened)
    key = blob_key(archive.digest(bundle.files["config.json"]))
    where = f"S3 at {os.environ['S3_ENDPOINT']}, asked for s3://{bucket}/models/{key}"
    remedy = "has no space left for it; free some, or raise the quota, and run again (XMinioAdminBucketQuotaExceeded)"
    assert str(refused.value) == f"{where}, {remedy}"
    assert f"models/{PREFIX}/manifest.json" not in contents(s3, bucket)


def test_https_to_a_server_without_it_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = os.environ["S3_ENDPOINT"].replace("http:", "https:")
    monkeypatch.setenv("S3_ENDPOINT", address)
    told = opening_refused()
    assert told.startswith(f"S3 at {address}, asked for s3://{bucket}, cannot be spoken to by TLS (")
    assert told.endswith("; check S3_ENDPOINT, and SSL_CERT_FILE for an authority of your own")


def test_an_authority_of_one_s_own_is_trusted_where_ssl_cert_file_names_it(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "server"
    (folder / "certificates").mkdir(parents=True)
    certificate, key = folder / "certificates/public.crt", folder / "certificates/private.key"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *subject]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with running_minio(folder) as server:
        monkeypatch.setenv("S3_ENDPOINT", server.endpoint)
        remedy = "check S3_ENDPOINT, and SSL_CERT_FILE for an authority of your own"
        found = "certificate verify failed: self-signed certificate"
        expected = f"S3 at {server.endpoint}, asked for s3://{bucket}, cannot be spoken to by TLS ({found}); {remedy}"
        assert opening_refused() == expected
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert "(NoSuchBucket)" in opening_refused()


def test_a_server_that_is_none_of_s3_is_told(bucket: str, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", mlflow_server)
    remedy = "does not answer as S3 does; check S3_ENDPOINT"
    assert opening_refused() == f"S3 at {mlflow_server}, asked for s3://{bucket}, {remedy}"


@pytest.mark.parametrize(
    ("uri", "variables", "told"),
    [
        ("s3://", {}, "STORE_URI is s3://; it must be s3://<bucket>/<prefix>: "),
        ("s3://A_B/models", {}, "STORE_URI is s3://A_B/models; it must be "),
        ("s3://models/a/../b", {}, "STORE_URI is s3://models/a/../b; it must be "),
        ("s3://models/a?b", {}, "STORE_URI is s3://models/a?b; it must be "),
        ("s3://anna:geheim@models/a", {}, "STORE_URI is s3://models/a; it must be "),
        (
            "s3://models",
            {"S3_ENDPOINT": "localhost:9000"},
            "S3_ENDPOINT is localhost:9000; it must be http(s)://host:port",
        ),
        ("s3://models", {"S3_ENDPOINT": "http://localhost:x"}, "S3_ENDPOINT is http://localhost:x; it must be "),
        ("s3://models", {"S3_ENDPOINT": "http://a:geheim@h:1"}, "S3_ENDPOINT is http://h:1; it must be "),
        ("s3://models", {"S3_ENDPOINT": "http://h:1/path"}, "S3_ENDPOINT is http://h:1/path; it must be "),
        (
            "s3://models",
            {"S3_ENDPOINT": "", "AWS_REGION": ""},
            "STORE_URI names a bucket, but neither S3_ENDPOINT nor ",
        ),
        (
            "s3://models",
            {"AWS_REGION": "eu central"},
            "AWS_REGION is 'eu central'; it must be a name such as eu-central-1",
        ),
        (
            "s3://models",
            {"AWS_ACCESS_KEY_ID": ""},
            "the environment variable AWS_ACCESS_KEY_ID is not set; it must hold ",
        ),
        (
            "s3://models",
            {"AWS_SECRET_ACCESS_KEY": "geheim geheim"},
            "the environment variable AWS_SECRET_ACCESS_KEY holds ",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_named_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, uri: str, variables: dict[str, str], told: str
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "anna", "AWS_SECRET_ACCESS_KEY": "geheim"}
    settings = {"S3_ENDPOINT": "http://s3.invalid", "AWS_REGION": "us-east-1", **keys, **variables}
    monkeypatch.setenv("STORE_URI", uri)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    said = opening_refused()
    assert said.startswith(told)
    assert "geheim" not in said


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("XMinioStorageFull", 507, "has no space left for it; free some, or raise the quota, and run again"),
        ("Whatever", 507, "has no space left for it; free some, or raise the quota, and run again"),
        ("EntityTooLarge", 400, "takes no file of this size; raise its limit, or use a store that takes larger files"),
        (
            "NotImplemented",
            501,
            "does not know a request that publishing needs (PUT with If-None-Match); use a newer server",
        ),
        ("RequestTimeTooSkewed", 403, "has another time than this machine; set the clock"),
        ("SlowDown", 503, "is busy or out of order; run again later"),
        ("Odd", 500, "is busy or out of order; run again later"),
    ],
)
def test_what_a_server_refuses_is_told_with_the_remedy(code: str, status: int, told: str) -> None:
    assert refusal(code, "a message", status) == f"{told} ({code})"


def test_what_is_not_known_is_told_as_the_server_says_it() -> None:
    assert refusal("Odd", "a\nmessage", 400) == "fails: Odd a message"

"""Fetching: the whole version in one step, or nothing, and what is said then."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from minio.credentials import StaticProvider
from minio.minioadmin import MinioAdmin

from shared.errors import StageError
from stages.publish.fetch import fetch
from stages.publish.store.bundle import Bundle
from stages.publish.store.folder import FolderStore
from stages.publish.store.manifest import blob_key
from stages.publish.store.opening import open_store
from stages.publish.tests.conftest import AGENT, VERSION, about, blob_of, frozen, nothing_changes
from tests.minio_server import MinioServer

NEWER = "v20251231-89abcdef"
CONFIG = "content of config.json"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A volume for models."""
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def newer(bundle: Bundle) -> Bundle:
    """The bundle's next version; one file is another."""
    other = bundle.files["config.json"].with_name("newer.json")
    other.write_text("content of newer")
    return Bundle({**bundle.files, "config.json": other}, about(NEWER, content="ef" * 32))


def program(folder: Path, *arguments: str, agent: str = AGENT) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "stages.publish.fetch", "--agent", agent, "--folder", str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Returns the program's exit code, and what it says on its only line."""
    process = program(folder, *arguments)
    printed, errors = process.communicate(timeout=60)
    assert (printed, errors.count("\n")) == ("", 1), errors
    return process.returncode, errors.removeprefix("fetch: ").rstrip("\n")


def refusal_of(store: Path, version: str, folder: Path, key: str = "") -> str:
    """Returns why fetching is refused; nothing must change by it."""
    with nothing_changes(folder.parent), pytest.raises(StageError) as refusal:
        fetch(FolderStore(store), AGENT, version, folder, key)
    return str(refusal.value)


def test_a_version_is_fetched_whole_and_once(bundle: Bundle, store: Path, models: Path) -> None:
    bundle.save(FolderStore(store))
    folder = models / "agent"
    assert fetch(FolderStore(store), AGENT, VERSION, folder, "")
    assert sorted(str(path.relative_to(models)) for path in models.rglob("*") if path.is_file()) == [
        "agent/adapters/weights",
        "agent/config.json",
        "agent/evaluation/report.json",
        "agent/manifest.json",
    ]
    assert (folder / "config.json").read_text() == CONFIG
    with nothing_changes(models):
        assert not fetch(FolderStore(store), AGENT, VERSION, folder, "")


def test_another_version_takes_the_place_of_the_one_before(
    bundle: Bundle, newer: Bundle, store: Path, models: Path
) -> None:
    for each in (bundle, newer):
        each.save(FolderStore(store))
        assert fetch(FolderStore(store), AGENT, each.about["version"], models / "agent", "")
    assert (models / "agent" / "config.json").read_text() == "content of newer"
    assert [path.name for path in models.iterdir()] == ["agent"]


@pytest.mark.parametrize("damage", ["change", "add", "remove"])
def test_a_folder_that_was_changed_is_fetched_anew(bundle: Bundle, store: Path, models: Path, damage: str) -> None:
    bundle.save(FolderStore(store))
    folder = models / "agent"
    fetch(FolderStore(store), AGENT, VERSION, folder, "")
    file = folder / ("extra" if damage == "add" else "config.json")
    file.unlink() if damage == "remove" else file.write_text("changed")
    assert fetch(FolderStore(store), AGENT, VERSION, folder, "")
    assert (folder / "config.json").read_text() == CONFIG
    assert not (folder / "extra").exists()


@pytest.mark.parametrize("damage", ["change", "cut", "remove"])
def test_a_damaged_store_leaves_the_folder_as_it_was(
    bundle: Bundle, newer: Bundle, store: Path, models: Path, damage: str
) -> None:
    for each in (bundle, newer):
        each.save(FolderStore(store))
    fetch(FolderStore(store), AGENT, VERSION, models / "agent", "")
    file = store / blob_of("content of newer")
    file.unlink() if damage == "remove" else file.write_text("content of Newer" if damage == "change" else "content")
    state = "missing" if damage == "remove" else "damaged"
    told = f"{file.as_uri()} (config.json) is {state}; run publish again for {NEWER}, which mends it"
    assert refusal_of(store, NEWER, models / "agent") == told
    assert refusal_of(store, NEWER, models / "first") == told


def test_a_version_that_was_never_published_is_named(store: Path, models: Path) -> None:
    missing = f"{store.as_uri()}/{AGENT}/{VERSION}/manifest.json"
    told = f"there is no {missing}; check STORE_URI, and whether {VERSION} of {AGENT} was published"
    assert refusal_of(store, VERSION, models / "agent") == told
    told = "the version is '../../etc'; it must be a name such as v20251224-abc12345"
    assert refusal_of(store, "../../etc", models / "agent") == told


@pytest.mark.parametrize("kept", ["notes.txt", "manifest.json"])
def test_a_folder_with_something_else_is_never_replaced(bundle: Bundle, store: Path, models: Path, kept: str) -> None:
    bundle.save(FolderStore(store))
    (models / kept).write_text("{}")
    told = f"{models} holds something else than a fetched model; name another folder, or remove it"
    assert refusal_of(store, VERSION, models) == told
    (models / kept).unlink()
    assert fetch(FolderStore(store), AGENT, VERSION, models, "")  # an empty one is


def test_a_mount_point_is_named(bundle: Bundle, store: Path) -> None:
    bundle.save(FolderStore(store))
    with pytest.raises(StageError) as refusal:
        fetch(FolderStore(store), AGENT, VERSION, Path("/proc"), "")
    assert str(refusal.value) == "/proc is a mount point, which cannot be replaced; name a folder below it"


def test_what_killed_processes_left_is_removed(bundle: Bundle, store: Path, models: Path) -> None:
    bundle.save(FolderStore(store))
    (models / ".agent.elsewhere-1.partial").mkdir()
    (models / ".agent.elsewhere-1.partial" / "config.json").write_text("half")
    fetch(FolderStore(store), AGENT, VERSION, models / "agent", "")
    assert [path.name for path in models.iterdir()] == ["agent"]


def test_a_signed_version_is_verified(bundle: Bundle, store: Path, models: Path, keys: dict[str, str]) -> None:
    where = f"{store.as_uri()}/{AGENT}/{VERSION}/model.sig"
    bundle.save(FolderStore(store))
    unsigned = f"there is no {where}, but VERIFY_KEY asks for it; publish with SIGNING_KEY"
    assert refusal_of(store, VERSION, models / "agent", keys["public"]) == unsigned
    bundle.save(FolderStore(store), keys["private"])
    assert fetch(FolderStore(store), AGENT, VERSION, models / "agent", keys["public"])
    assert not fetch(FolderStore(store), AGENT, VERSION, models / "agent", keys["public"])
    told = (
        f"{where} does not fit: the signature was made with another key; check VERIFY_KEY, and who writes to the store"
    )
    for folder in ("agent", "other"):
        assert refusal_of(store, VERSION, models / folder, keys["other public"]) == told


def test_a_store_that_was_changed_with_its_manifest_is_refused(
    bundle: Bundle, store: Path, models: Path, keys: dict[str, str]
) -> None:
    bundle.save(FolderStore(store), keys["private"])
    manifest = store / AGENT / VERSION / "manifest.json"
    value = json.loads(manifest.read_text())
    value["files"]["config.json"] = {"sha256": sha256(b"evil").hexdigest(), "size": 4}
    (store / blob_key(sha256(b"evil").hexdigest())).write_bytes(b"evil")
    manifest.write_text(json.dumps(value, indent=2) + "\n")
    told = "the files are not those that were signed: config.json was changed, manifest.json was changed"
    assert told in refusal_of(store, VERSION, models / "agent", keys["public"])


def test_a_signed_version_cannot_be_passed_off_as_another(
    bundle: Bundle, store: Path, models: Path, keys: dict[str, str]
) -> None:
    bundle.save(FolderStore(store), keys["private"])
    shutil.copytree(store / AGENT / VERSION, store / AGENT / NEWER)
    manifest = store / AGENT / NEWER / "manifest.json"
    told = f"{manifest.as_uri()} speaks of {AGENT} {VERSION}; find out who put it there"
    assert refusal_of(store, NEWER, models / "agent", keys["public"]).startswith(told)
    manifest.write_text(manifest.read_text().replace(VERSION, NEWER))
    told = "the files are not those that were signed: manifest.json was changed"
    assert told in refusal_of(store, NEWER, models / "agent", keys["public"])


def test_the_program_reads_the_version_from_a_file(
    bundle: Bundle, store: Path, models: Path, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle.save(FolderStore(store), keys["private"])
    (tmp_path / "MODEL_VERSION").write_text(f"{VERSION}\n")
    (tmp_path / "key.pub").write_text(keys["public"])
    monkeypatch.setenv("VERIFY_KEY_FILE", str(tmp_path / "key.pub"))
    said = f"{AGENT} {VERSION} is in {models}/agent, its signature verified"
    assert run(models / "agent", "--version-file", str(tmp_path / "MODEL_VERSION")) == (0, said)
    assert (models / "agent" / "config.json").read_text() == CONFIG


def test_an_agent_without_a_model_starts_only_where_it_may(
    bundle: Bundle, store: Path, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "MODEL_VERSION").write_text("none\n")
    version = ["--version-file", str(tmp_path / "MODEL_VERSION")]
    told = f"the version is none: {AGENT} has no model yet; publish one, or start without a model by --allow-none"
    assert run(models / "agent", *version) == (1, told)
    assert list(models.iterdir()) == []
    bundle.save(FolderStore(store))
    fetch(FolderStore(store), AGENT, VERSION, models / "agent", "")
    said = f"{AGENT} has no model yet; {models}/agent is empty"
    assert run(models / "agent", *version, "--allow-none") == (0, said)
    assert [list(path.iterdir()) for path in models.iterdir()] == [[]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "one of the arguments --version --version-file is required (--help lists the arguments)"),
        (["--version", VERSION, "--version-file", "x"], "argument --version-file: not allowed with argument --version"),
    ],
)
def test_bad_arguments_are_told_in_one_line(models: Path, arguments: list[str], told: str) -> None:
    code, said = run(models / "agent", *arguments)
    assert (code, said.startswith(told)) == (2, True)


def test_a_version_s_file_that_is_missing_is_named(store: Path, models: Path) -> None:
    told = "the version's file /nowhere/MODEL_VERSION cannot be read: No such file or directory"
    assert run(models / "agent", "--version-file", "/nowhere/MODEL_VERSION") == (1, told)


def test_processes_that_fetch_at_the_same_time_all_succeed(bundle: Bundle, store: Path, models: Path) -> None:
    bundle.files["config.json"].write_bytes(os.urandom(1 << 24))
    bundle.save(FolderStore(store))
    processes = [program(models / "agent", "--version", VERSION) for _ in range(4)]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert [code for _, code in ends] == [0] * 4, ends
    with nothing_changes(models):
        assert not fetch(FolderStore(store), AGENT, VERSION, models / "agent", "")
    assert [path.name for path in models.iterdir()] == ["agent"]


def test_an_account_that_may_only_read_objects_fetches(
    bundle: Bundle,
    minio_server: MinioServer,
    bucket: str,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle.save(open_store(os.environ["STORE_URI"]))
    keys = StaticProvider(minio_server.access_key, minio_server.secret_key)
    host = minio_server.endpoint.removeprefix("http://")
    admin = MinioAdmin(endpoint=host, credentials=keys, region="us-east-1", secure=False)
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    (tmp_path / "policy.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    admin.policy_add("fetch", str(tmp_path / "policy.json"))
    admin.user_add("agent", "agent-secret")
    admin.attach_policy(["fetch"], user="agent")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "agent")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "agent-secret")
    assert run(models / "agent", "--version", VERSION) == (0, f"{AGENT} {VERSION} is in {models}/agent")
    assert (models / "agent" / "config.json").read_text() == CONFIG


def test_sigterm_ends_it_promptly_and_leaves_nothing(
    bundle: Bundle, minio_server: MinioServer, bucket: str, models: Path
) -> None:
    bundle.files["config.json"].write_bytes(os.urandom(1 << 27))
    bundle.save(open_store(os.environ["STORE_URI"]))
    process = program(models / "agent", "--version", VERSION)
    until = time.monotonic() + 30
    while not any(models.glob(".agent.*.partial/config.json")) and time.monotonic() < until:
        time.sleep(0.002)
    with frozen(minio_server):
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - stopped < 5
    assert (process.returncode, errors) == (143, "fetch: stopped by SIGTERM\n")
    assert list(models.iterdir()) == []

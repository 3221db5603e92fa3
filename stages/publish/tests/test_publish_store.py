"""The store in a folder: whole versions, nothing damaged, nothing outside."""

import json
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.publish.bundle import Bundle
from stages.publish.folder_store import FolderStore
from stages.publish.store import open_store

PREFIX = "agent-test/v20251224-01234567"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    files = {"config.json": tmp_path / "config.json", "adapters/weights": tmp_path / "weights"}
    for name, path in files.items():
        path.write_text(f"content of {name}")
    return Bundle(PREFIX, files, {"content_sha256": "ab" * 32})


def refusal_of(bundle: Bundle, root: Path) -> str:
    with pytest.raises(StageError) as refusal:
        bundle.save(FolderStore(root))
    return str(refusal.value)


def test_a_version_is_stored_once_and_leaves_no_passing_file(bundle: Bundle, root: Path) -> None:
    assert [bundle.save(FolderStore(root)) for _ in range(2)] == [True, False]
    files = sorted(str(path.relative_to(root / PREFIX)) for path in root.rglob("*") if path.is_file())
    assert files == ["adapters/weights", "config.json", "manifest.json"]
    assert (root / PREFIX / "config.json").read_text() == "content of config.json"


def test_a_half_stored_version_is_completed(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    whole = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    (root / PREFIX / "manifest.json").unlink()
    (root / PREFIX / "config.json").write_text("cont")
    (root / PREFIX / "adapters" / "weights").unlink()
    (root / PREFIX / "adapters" / ".weights.partial").write_text("con")
    assert bundle.save(FolderStore(root))
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == whole


def test_a_stored_file_that_is_right_is_not_written_again(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    (root / PREFIX / "manifest.json").unlink()
    before = (root / PREFIX / "config.json").stat().st_mtime_ns
    bundle.save(FolderStore(root))
    assert (root / PREFIX / "config.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_damaged_file_is_found(bundle: Bundle, root: Path, damage: str) -> None:
    bundle.save(FolderStore(root))
    file = root / PREFIX / "adapters" / "weights"
    file.unlink() if damage == "remove" else file.write_text("Content of adapters/weights")
    where = f"{root.as_uri()}/{PREFIX}"
    reason = f"{where}/adapters/weights is damaged or missing"
    assert (
        refusal_of(bundle, root) == f"{reason}; remove {where}/manifest.json and run again, to store the version anew"
    )


def test_another_content_under_the_same_name_is_refused(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    other = Bundle(PREFIX, bundle.files, {"content_sha256": "cd" * 32})
    reason = f"{root.as_uri()}/{PREFIX}/manifest.json describes another content"
    assert refusal_of(other, root) == f"{reason}; a stored version never changes, so name this one anew"


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"format": "agent-training-manifest/1", "files": {"a": 1}}'])
def test_a_manifest_of_somebody_else_is_refused(bundle: Bundle, root: Path, manifest: str) -> None:
    (root / PREFIX).mkdir(parents=True)
    (root / PREFIX / "manifest.json").write_text(manifest)
    where = f"{root.as_uri()}/{PREFIX}/manifest.json"
    assert refusal_of(bundle, root) == f"{where} is no manifest that publish wrote; remove it and run again"


@pytest.mark.parametrize("link", ["agent-test", PREFIX, f"{PREFIX}/adapters", f"{PREFIX}/config.json"])
def test_a_symbolic_link_in_the_store_is_refused(bundle: Bundle, root: Path, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(outside)
    found = f"{root / link} in the store is a symbolic link"
    assert refusal_of(bundle, root) == f"{found}; replace it by what it should hold"
    assert list(outside.iterdir()) == []


def test_the_commit_point_is_never_replaced(root: Path) -> None:
    store = FolderStore(root)
    assert [store.write_if_absent("a/manifest.json", content) for content in (b"first", b"second")] == [True, False]
    assert store.read("a/manifest.json") == b"first"
    assert store.write_if_absent("a/manifest.json", b"first")  # as if a run had been cut off behind it


def test_the_manifest_is_the_same_for_the_same_files(bundle: Bundle, root: Path) -> None:
    manifests = []
    for _ in range(2):
        bundle.save(FolderStore(root))
        manifests.append((root / PREFIX / "manifest.json").read_bytes())
        (root / PREFIX / "manifest.json").unlink()
    assert manifests[0] == manifests[1]
    assert json.loads(manifests[0])["files"]["config.json"]["size"] == len("content of config.json")


@pytest.mark.parametrize("uri", ["/srv/models", "ftp://host/models", "S3//bucket", ""])
def test_an_address_of_another_kind_is_refused(uri: str) -> None:
    with pytest.raises(StageError) as refusal:
        open_store(uri)
    assert str(refusal.value) == f"STORE_URI is {uri}; it must be file:///<folder> or s3://<bucket>/<prefix>"


@pytest.mark.parametrize("uri", ["file://host/models", "file:models"])
def test_a_folder_elsewhere_is_refused(uri: str) -> None:
    with pytest.raises(StageError) as refusal:
        open_store(uri)
    assert str(refusal.value) == f"STORE_URI is {uri}; it must be file:///<folder>"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    uri = (tmp_path / "missing").as_uri()
    with pytest.raises(StageError) as refusal:
        open_store(uri)
    assert str(refusal.value) == f"STORE_URI is {uri}, but there is no folder {tmp_path / 'missing'}; create it"


def test_spaces_in_the_address_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    assert open_store(folder.as_uri()).location("a") == f"{folder.as_uri()}/a"

"""The store in a folder: whole versions, damage found and mended, nothing outside."""

import os
import threading
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.publish.store.bundle import Bundle, Saved
from stages.publish.store.folder import FolderStore
from stages.publish.store.opening import open_store
from stages.publish.store.protocol import UNREADABLE
from stages.publish.store.stored_version import check_blobs, read_manifest
from stages.publish.tests.conftest import VERSION, about, blob_of, nothing_changes

PREFIX = f"agent-test/{VERSION}"
CONFIG = blob_of("content of config.json")
REPORT = blob_of("content of evaluation/report.json")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refusal_of(bundle: Bundle, root: Path) -> str:
    with pytest.raises(StageError) as refusal:
        bundle.save(FolderStore(root))
    return str(refusal.value)


def with_report(bundle: Bundle, text: str) -> Bundle:
    """Returns the bundle of a later run of the same model, whose report holds other times."""
    report = bundle.files["config.json"].with_name("later.json")
    report.write_text(text)
    return Bundle({**bundle.files, "evaluation/report.json": report}, bundle.about)


def test_a_version_is_stored_once_and_leaves_no_passing_file(bundle: Bundle, root: Path) -> None:
    assert bundle.save(FolderStore(root)) == Saved(is_new=True)
    with nothing_changes(root):
        assert bundle.save(FolderStore(root)) == Saved(is_new=False)
    weights = blob_of("content of adapters/weights")
    assert sorted(files(root)) == sorted([weights, CONFIG, REPORT, f"{PREFIX}/manifest.json"])
    assert files(root)[CONFIG] == b"content of config.json"


def test_versions_share_the_files_that_are_equal(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    with nothing_changes(root / "blobs"):
        assert Bundle(bundle.files, about(f"{VERSION}.2")).save(FolderStore(root)).is_new


def test_a_format_may_be_missing_in_a_stored_version_unless_it_was_asked_for(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    more = {**bundle.files, "gguf-f16/model.gguf": bundle.files["config.json"]}
    with nothing_changes(root):
        assert Bundle(more, bundle.about).save(FolderStore(root)) == Saved(is_new=False)
        told = refusal_of(Bundle(more, bundle.about, ["gguf-f16"]), root)
    assert "lists no gguf-f16/model.gguf, and a stored version never changes" in told


def test_a_half_stored_version_is_completed(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    whole = files(root)
    (root / PREFIX / "manifest.json").unlink()
    (root / CONFIG).write_text("cont")
    (root / REPORT).unlink()
    (root / REPORT).with_name(f".{Path(REPORT).name}.0123.partial").write_text("con")
    (root / PREFIX / ".manifest.json.0123.partial").write_text("{")
    assert bundle.save(FolderStore(root)) == Saved(is_new=True)
    assert files(root) == whole


def test_a_stored_file_that_is_right_is_not_written_again(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    (root / PREFIX / "manifest.json").unlink()
    with nothing_changes(root / "blobs"):
        bundle.save(FolderStore(root))


@pytest.mark.parametrize("damage", ["flip a bit", "cut", "remove"])
def test_a_damaged_file_is_found_and_mended(bundle: Bundle, root: Path, damage: str) -> None:
    store = FolderStore(root)
    bundle.save(store)
    whole, file = files(root), root / CONFIG
    content = bytearray(file.read_bytes())
    file.unlink()
    if damage == "flip a bit":
        content[3] ^= 1
        file.write_bytes(content)
    elif damage == "cut":
        file.write_bytes(content[:-1])
    manifest = read_manifest(store, "agent-test", VERSION)
    assert manifest
    state = "missing" if damage == "remove" else "damaged"
    assert check_blobs(store, manifest) == [f"{store.location(CONFIG)} (config.json) is {state}"]
    assert bundle.save(store) == Saved(is_new=False, mended=("config.json",))
    assert files(root) == whole


def test_what_cannot_be_mended_is_named(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    later = with_report(bundle, "content of a later report")
    with nothing_changes(root):
        assert later.save(FolderStore(root)) == Saved(is_new=False)
    (root / REPORT).write_text("damaged")
    where = f"{root.as_uri()}/{REPORT} (evaluation/report.json)"
    told = f"{where} is damaged, and this run has other bytes under the name"
    remedy = f"restore it, or remove {root.as_uri()}/{PREFIX} and publish the version anew"
    assert refusal_of(later, root) == f"{told}; {remedy}"


def test_another_content_under_the_same_name_is_refused(bundle: Bundle, root: Path) -> None:
    bundle.save(FolderStore(root))
    reason = f"{root.as_uri()}/{PREFIX}/manifest.json describes another content"
    expected = f"{reason}; a stored version never changes, so name this one anew"
    assert refusal_of(Bundle(bundle.files, about(VERSION, content="cd" * 32)), root) == expected
    bundle.files["config.json"].write_text("other content")
    assert refusal_of(bundle, root) == expected


class SlowFolderStore(FolderStore):
    """A store in which another run stores `other` right before this one puts its manifest."""

    other: Bundle

    def write_if_absent(self, key: str, content: bytes) -> bool:
        if key.endswith("/manifest.json"):
            self.other.save(FolderStore(self.root))
        return super().write_if_absent(key, content)


def test_a_run_that_is_overtaken_takes_what_the_other_one_stored(bundle: Bundle, root: Path) -> None:
    store = SlowFolderStore(root)
    store.other = with_report(bundle, "content of the faster report")
    assert bundle.save(store) == Saved(is_new=False)
    manifest = read_manifest(store, "agent-test", VERSION)
    assert manifest and check_blobs(store, manifest) == []
    assert (
        (root / "blobs/sha256" / manifest.files["evaluation/report.json"].sha256).read_text().endswith("faster report")
    )


def test_a_run_that_is_overtaken_by_another_content_says_so(bundle: Bundle, root: Path) -> None:
    store = SlowFolderStore(root)
    store.other = Bundle(bundle.files, about(VERSION, content="cd" * 32))
    with pytest.raises(StageError) as refusal:
        bundle.save(store)
    assert "describes another content" in str(refusal.value)


def test_runs_at_the_same_time_store_one_version(bundle: Bundle, root: Path) -> None:
    large = bundle.files["config.json"]
    large.write_bytes(os.urandom(1 << 22))
    bundles = [with_report(bundle, "first"), with_report(bundle, "first")] * 4
    failures: list[StageError] = []

    def save(own: Bundle) -> None:
        try:
            own.save(FolderStore(root))
        except StageError as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(own,)) for own in bundles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = FolderStore(root)
    manifest = read_manifest(store, "agent-test", VERSION)
    assert manifest and check_blobs(store, manifest) == []
    assert len(files(root)) == 4  # no passing file


@pytest.mark.parametrize("link", ["agent-test", PREFIX, "blobs", CONFIG])
def test_a_symbolic_link_in_the_store_is_refused(bundle: Bundle, root: Path, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(outside)
    found = f"{root / link} in the store is a symbolic link"
    assert refusal_of(bundle, root) == f"{found}; replace it by what it should hold"
    assert list(outside.iterdir()) == []


def test_a_folder_in_the_place_of_a_file_is_named(bundle: Bundle, root: Path) -> None:
    (root / CONFIG).mkdir(parents=True)
    assert FolderStore(root).digest(CONFIG) == UNREADABLE
    reason = f"{root / CONFIG} in the store cannot be written: Is a directory"
    assert refusal_of(bundle, root) == f"{reason}; check its rights, and the space and the health of its disk"


def test_the_commit_point_is_never_replaced(root: Path) -> None:
    store = FolderStore(root)
    assert [store.write_if_absent("a/manifest.json", content) for content in (b"first", b"second")] == [True, False]
    assert store.read("a/manifest.json") == b"first"
    assert store.write_if_absent("a/manifest.json", b"first")  # as if a run had been cut off behind it


@pytest.mark.parametrize("name", ["a/../../b", "/etc/passwd", "a\nb", "CONFIG.json", "model.sig", "Manifest.json"])
def test_a_file_name_that_does_not_work_everywhere_is_refused(bundle: Bundle, root: Path, name: str) -> None:
    with nothing_changes(root), pytest.raises(StageError) as refusal:
        Bundle({**bundle.files, name: bundle.files["config.json"]}, bundle.about).save(FolderStore(root))
    assert str(refusal.value).startswith("the model holds ")


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

"""The signature of a stored version: made once, with a key that fits, and what is said where it does not."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.main import run
from stages.publish.signing.key import read_signing_key, read_verify_key
from stages.publish.signing.signature import sign, verify
from stages.publish.store.bundle import Bundle, Saved
from stages.publish.store.folder import FolderStore
from stages.publish.store.manifest import MANIFEST
from stages.publish.tests.conftest import VERSION, nothing_changes

PREFIX = f"agent-test/{VERSION}"
MISFIT = "the files are not those that were signed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "adapters").mkdir(parents=True)
    for name in ("adapters/weights", "config.json", ".gitattributes"):
        (folder / name).write_text(f"content of {name}")
    return folder


def refusal_of(action: Callable[[], object]) -> str:
    with pytest.raises(StageError) as refusal:
        action()
    return str(refusal.value)


def change(folder: Path) -> None:
    (folder / "config.json").write_text("other")


def change_what_git_reads(folder: Path) -> None:
    (folder / ".gitattributes").write_text("other")


def add(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").touch()


def link(folder: Path) -> None:
    (folder / "extra").symlink_to("config.json")


def remove(folder: Path) -> None:
    (folder / "adapters" / "weights").unlink()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (change, f"{MISFIT}: config.json was changed"),
        (change_what_git_reads, f"{MISFIT}: .gitattributes was changed"),
        (add, f"{MISFIT}: .git/config was added"),
        (link, f"{MISFIT}: extra was added"),
        (remove, f"{MISFIT}: adapters/weights is missing"),
    ],
)
def test_files_that_are_not_those_that_were_signed_are_named(
    folder: Path, keys: dict[str, str], damage: Callable[[Path], None], told: str
) -> None:
    signature = sign(folder, keys["private"])
    verify(folder, signature, keys["public"])
    damage(folder)
    assert refusal_of(lambda: verify(folder, signature, keys["public"])) == told


def test_another_key_is_told_from_other_files(folder: Path, keys: dict[str, str]) -> None:
    signature = sign(folder, keys["private"])
    told = "the signature was made with another key"
    assert refusal_of(lambda: verify(folder, signature, keys["other public"])) == told


def test_a_damaged_signature_is_told(folder: Path, keys: dict[str, str]) -> None:
    signature = sign(folder, keys["private"])
    place = signature.index(b'"sig"') + 20
    flipped = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
    stripped = signature.replace(b"dsseEnvelope", b"messageSignature")
    for damaged in (flipped, stripped, signature[:-1], b"", b"{}", b"[]", b"\xff"):
        assert refusal_of(lambda: verify(folder, damaged, keys["public"])) == "the signature is damaged"  # noqa: B023


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("encrypted", "SIGNING_KEY is encrypted; give it without a passphrase, as a secret of its own"),
        ("ed25519", "SIGNING_KEY is not an EC key on the curve P-256; `openssl ecparam "),
        ("secp256k1", "SIGNING_KEY is not an EC key on the curve P-256; `openssl ecparam "),
        ("public", "SIGNING_KEY holds no private key in PEM; give an EC key on the curve P-256"),
        ("no key", "SIGNING_KEY holds no private key in PEM; give an EC key on the curve P-256"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_stored(
    registered: Inputs,
    store: Path,
    repository: Path,
    keys: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    told: str,
) -> None:
    (tmp_path / "key.pem").write_text(keys[kind])
    monkeypatch.setenv("SIGNING_KEY_FILE", str(tmp_path / "key.pem"))
    with nothing_changes(store, repository):
        said = refusal_of(lambda: run(registered, tmp_path))
    assert said.startswith(told)
    assert "geheim" not in said


def test_halves_of_two_keys_are_refused(keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", keys["other private"])
    monkeypatch.setenv("VERIFY_KEY", keys["public"])
    assert refusal_of(read_signing_key).startswith("VERIFY_KEY is not the public half of SIGNING_KEY, so that ")
    monkeypatch.setenv("VERIFY_KEY", keys["other public"])
    assert read_signing_key() == keys["other private"].strip()


@pytest.mark.parametrize("kind", ["private", "no key"])
def test_a_key_that_cannot_verify_is_refused(keys: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("VERIFY_KEY", keys[kind])
    told = "VERIFY_KEY holds no public key in PEM; `openssl ec -in signing.pem -pubout` prints it"
    assert refusal_of(read_verify_key) == told


def test_a_version_is_signed_once(bundle: Bundle, store: Path, keys: dict[str, str]) -> None:
    assert bundle.save(FolderStore(store), keys["private"]) == Saved(is_new=True, is_signed=True)
    with nothing_changes(store):
        assert bundle.save(FolderStore(store), keys["private"]) == Saved(is_new=False)


def test_what_was_published_without_a_key_is_signed_later(bundle: Bundle, store: Path, keys: dict[str, str]) -> None:
    bundle.save(FolderStore(store))
    bundle.files["evaluation/report.json"].write_text("the report of a later run")
    assert bundle.save(FolderStore(store), keys["private"]) == Saved(is_new=False, is_signed=True)
    assert bundle.save(FolderStore(store), keys["private"]) == Saved(is_new=False)


def test_a_signature_by_another_key_is_kept_and_named(bundle: Bundle, store: Path, keys: dict[str, str]) -> None:
    bundle.save(FolderStore(store), keys["other private"])
    with nothing_changes(store):
        said = refusal_of(lambda: bundle.save(FolderStore(store), keys["private"]))
    where = f"{store.as_uri()}/{PREFIX}/model.sig"
    told = f"{where} does not fit: the signature was made with another key"
    assert said == (
        f"{told}; either SIGNING_KEY was replaced, or somebody changed the store: make sure which, remove {where} and "
        "run again"
    )


def test_the_program_of_model_signing_verifies_it(
    bundle: Bundle, store: Path, keys: dict[str, str], tmp_path: Path
) -> None:
    bundle.save(FolderStore(store), keys["private"])
    folder = tmp_path / "fetched"
    for name, path in bundle.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(path.read_bytes())
    (folder / MANIFEST).write_bytes((store / PREFIX / MANIFEST).read_bytes())
    (tmp_path / "key.pub").write_text(keys["public"])
    options = ["--signature", str(store / PREFIX / "model.sig"), "--public_key", str(tmp_path / "key.pub")]
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder), *options]
    verified = subprocess.run(command, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr


def test_signing_is_told_in_one_word_and_leaves_nothing_behind(
    registered: Inputs,
    store: Path,
    keys: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    passing = tmp_path / "passing"
    passing.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(passing))
    monkeypatch.setenv("SIGNING_KEY", keys["private"])
    outputs = run(registered, tmp_path)
    printed = capfd.readouterr()
    lines = [
        f"publish: stored {outputs.model_uri}, and signed it",
        f"publish: pushed commit {outputs.bump_commit} on main",
    ]
    assert (printed.out, printed.err.splitlines()) == ("", lines)
    assert list(passing.iterdir()) == []
    assert (store / PREFIX / "model.sig").is_file()

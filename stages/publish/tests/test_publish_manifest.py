"""The manifest: one form, and nothing else is read."""

import json
from typing import Any

import pytest

from shared.errors import StageError
from stages.publish.store.manifest import Manifest, StoredFile, blob_key, manifest_key, signature_key
from stages.publish.tests.conftest import VERSION, about

FILES = {"config.json": StoredFile("ab" * 32, 3), "adapters/weights": StoredFile("cd" * 32, 0)}
WHERE = "s3://models/agent-test/manifest.json"
REFUSED = f"{WHERE} is no manifest that publish wrote; remove it and publish the version again"


def refusal_of(content: bytes) -> str:
    with pytest.raises(StageError) as refusal:
        Manifest.parse(content, WHERE)
    return str(refusal.value)


def test_keys_say_what_lies_there() -> None:
    assert manifest_key("agent-sre", VERSION) == f"agent-sre/{VERSION}/manifest.json"
    assert signature_key("agent-sre", VERSION) == f"agent-sre/{VERSION}/model.sig"
    assert blob_key("ab" * 32) == f"blobs/sha256/{'ab' * 32}"


def test_equal_versions_have_equal_bytes() -> None:
    one = Manifest(about(VERSION), FILES)
    other = Manifest(dict(reversed(about(VERSION).items())), dict(reversed(FILES.items())))
    assert one.to_json() == other.to_json()
    assert Manifest.parse(one.to_json(), WHERE) == one


def changed(**changes: Any) -> bytes:
    """Returns a manifest with other values, in the form that publish writes; None removes one."""
    value = {**json.loads(Manifest(about(VERSION), FILES).to_json()), **changes}
    return (json.dumps({key: entry for key, entry in value.items() if entry is not None}, indent=2) + "\n").encode()


def file(name: str = "a", **changes: Any) -> dict[str, Any]:
    return {name: {**{"sha256": "ab" * 32, "size": 1}, **changes}}


def test_what_is_changed_here_is_read_where_it_is_sound() -> None:
    assert Manifest.parse(changed(files=file()), WHERE).files == {"a": StoredFile("ab" * 32, 1)}


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "agent-training-manifest/3"},
        {"agent": None},
        {"agent": 1},
        {"mlflow_run": "0123"},
        {"files": None},
        {"files": []},
        {"files": {"a": 1}},
        {"files": file(sha256="AB" * 32)},
        {"files": file(sha256="ab" * 31)},
        {"files": file(sha256=1)},
        {"files": file(size=-1)},
        {"files": file(size=1.0)},
        {"files": file(size=True)},
        {"files": file(other=1)},
        {"files": file("../a")},
        {"files": file("/a")},
        {"files": file("a//b")},
        {"files": file("a\nb")},
        {"files": file("")},
        {"files": file("A") | file("a")},
        {"files": file("a") | file("a/b")},
        {"files": file("b") | file("a")},
        {"files": file("manifest.json")},
        {"files": file("Model.sig")},
    ],
    ids=str,
)
def test_anything_that_publish_does_not_write_is_refused(changes: dict[str, Any]) -> None:
    assert refusal_of(changed(**changes)) == REFUSED


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"[" * 100_000, changed() + b"\n", b" " + changed()])
def test_bytes_that_are_no_manifest_are_refused(content: bytes) -> None:
    assert refusal_of(content) == REFUSED


def test_a_version_of_an_earlier_release_is_told_from_damage() -> None:
    found = "was stored by an earlier release, whose files lie beside it"
    assert refusal_of(changed(format="agent-training-manifest/1")) == (
        f"{WHERE} {found}; remove it and them, and publish the version again"
    )

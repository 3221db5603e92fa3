"""What a real registry is asked for, and what is said where it does not answer well."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
import requests

from shared.errors import StageError
from tests.mlflow_server import free_port
from tests.pushed import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, push_index, push_manifest
from tests.registry_server import registry, registry_server
from tests.token_server import token_server
from tools.images import registry as asked
from tools.images.registry import NotThere, Published, Repository

__all__ = ["registry"]

LABELS = {"org.opencontainers.image.version": "0.1.0"}
# bcrypt of `secret`
PASSWORDS = "user:$2b$04$8wnWNP7TTyL2QPqgQ3/P/.smntUzIPr69ABBQlkI60Rcxuq5Dt5iO\n"


def logged_in(monkeypatch: pytest.MonkeyPatch, folder: Path, host: str, password: str = "secret") -> None:
    credentials = base64.b64encode(f"user:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": credentials}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_digest_and_labels_of_an_image(registry: str, kind: str) -> None:
    name = f"{registry}/kinds/train"
    digest = push_manifest(name, "0.1.0", LABELS, kind)
    assert Repository(name).image("0.1.0") == Published(digest, LABELS)
    assert Repository(name).image(digest) == Published(digest, LABELS)


def test_an_image_without_labels_has_none(registry: str) -> None:
    digest = push_manifest(f"{registry}/unlabelled/train", "0.1.0", None)
    assert Repository(f"{registry}/unlabelled/train").image("0.1.0") == Published(digest, {})


@pytest.mark.parametrize(("kind", "member"), [(OCI_INDEX, OCI_MANIFEST), (DOCKER_LIST, DOCKER_MANIFEST)])
def test_an_image_for_several_platforms_has_the_digest_of_all(registry: str, kind: str, member: str) -> None:
    name = f"{registry}/platforms/train"
    linux = push_manifest(name, "linux", LABELS, member)
    attestation = push_manifest(name, "attestation", {"other": "1"}, member)
    digest = push_index(name, "0.1.0", {"unknown": attestation, "linux": linux}, kind)
    assert Repository(name).image("0.1.0") == Published(digest, LABELS)
    assert digest != linux


def test_all_tags_are_listed_page_by_page(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "PAGE", 2)
    tags = ["0.1.0", "0.10.0", "0.2.0", "1.0.0", "latest"]
    for tag in tags:
        push_manifest(f"{registry}/tags/train", tag, LABELS)
    assert sorted(Repository(f"{registry}/tags/train").tags()) == tags


def test_an_image_that_was_never_pushed_has_no_tags(registry: str) -> None:
    assert Repository(f"{registry}/nobody/train").tags() == []


@pytest.mark.parametrize("reference", ["0.1.0", "sha256:" + "0a" * 32])
def test_what_is_not_there_is_named(registry: str, reference: str) -> None:
    with pytest.raises(NotThere, match=f"^{registry} has no nobody/train {reference}; push it first$"):
        Repository(f"{registry}/nobody/train").image(reference)


def test_a_registry_that_is_down_is_named() -> None:
    host = f"localhost:{free_port()}"
    with pytest.raises(StageError, match=f"^the registry {host} does not answer: .*refused; start it, or name another"):
        Repository(f"{host}/a/train").image("0.1.0")


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(StageError, match=r"^the registry registry\.invalid does not answer: "):
        Repository("registry.invalid/a/train").tags()


def test_another_host_than_this_is_asked_over_tls_alone(registry: str) -> None:
    host = registry.replace("localhost", "127.1")  # the same server by a name that is no loopback's usual one
    with pytest.raises(StageError, match=f"^no trusted TLS connection to {host}: .*; give its authority's certificate"):
        Repository(f"{host}/a/train").tags()


def test_a_server_that_is_no_registry_is_named(tmp_path: Path) -> None:
    with token_server(tmp_path, "user", "secret") as other:
        host = other["token"]["realm"].removeprefix("http://").removesuffix("/token")
        with pytest.raises(StageError, match=f"^{host} denies access to a/train; log in with `docker login {host}`$"):
            Repository(f"{host}/a/train").tags()


@pytest.fixture
def passwords(tmp_path: Path) -> dict[str, dict[str, str]]:
    (tmp_path / "htpasswd").write_text(PASSWORDS)
    return {"htpasswd": {"realm": "tests", "path": str(tmp_path / "htpasswd")}}


def test_a_password_that_docker_login_has_kept_is_used(
    tmp_path: Path, passwords: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry_server(tmp_path, passwords) as host:
        logged_in(monkeypatch, tmp_path, host)
        assert Repository(f"{host}/a/train").tags() == []
        logged_in(monkeypatch, tmp_path, host, "wrong")
        with pytest.raises(StageError, match=f"^{host} denies access to a/train; log in with `docker login {host}`$"):
            Repository(f"{host}/a/train").tags()
        (tmp_path / "config.json").unlink()
        with pytest.raises(StageError, match=f"^{host} denies access to a/train; log in with `docker login {host}`$"):
            Repository(f"{host}/a/train").tags()


def test_a_token_is_got_where_the_registry_asks_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with token_server(tmp_path, "user", "secret") as auth, registry_server(tmp_path, auth) as host:
        logged_in(monkeypatch, tmp_path, host)
        assert Repository(f"{host}/a/train").tags() == []
        with pytest.raises(NotThere, match=r"has no a/train 0\.1\.0; push it first"):
            Repository(f"{host}/a/train").image("0.1.0")
        logged_in(monkeypatch, tmp_path, host, "wrong")
        with pytest.raises(StageError, match="denies access to a/train"):
            Repository(f"{host}/a/train").tags()


def test_content_that_is_not_its_digest_s_is_refused(tmp_path: Path) -> None:
    with registry_server(tmp_path) as host:
        digest = push_manifest(f"{host}/a/train", "0.1.0", LABELS)
        config = requests.get(f"http://{host}/v2/a/train/manifests/{digest}", headers={"Accept": OCI_MANIFEST}).json()
        blob = config["config"]["digest"].removeprefix("sha256:")
        stored = tmp_path / "images/docker/registry/v2/blobs/sha256" / blob[:2] / blob / "data"
        assert hashlib.sha256(stored.read_bytes()).hexdigest() == blob
        stored.write_bytes(stored.read_bytes().replace(b"0.1.0", b"9.9.9"))
        with pytest.raises(StageError, match=f"answers for sha256:{blob} of {host}/a/train with another content"):
            Repository(f"{host}/a/train").image("0.1.0")

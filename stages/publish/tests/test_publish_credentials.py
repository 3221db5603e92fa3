"""As whom the store in a bucket is asked: with temporary keys, and with those of a role, given by real servers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio.credentials import AssumeRoleProvider, Credentials, StaticProvider
from minio.minioadmin import MinioAdmin

from shared.errors import StageError
from stages.publish.store.bundle import Bundle, Saved
from stages.publish.store.opening import open_store
from stages.publish.tests.conftest import s3_client
from tests.minio_server import MinioServer, running_minio
from tests.mlflow_server import free_port
from tests.small_servers import CLIENT, OpenIdProvider, serving

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
REMEDY = "check the role and whom it trusts, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
EXPIRATION = "2999-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def temporary(minio_server: MinioServer) -> Credentials:
    """Keys that the server's STS gave for an hour."""
    host = minio_server.endpoint.removeprefix("http://")
    keys = StaticProvider(minio_server.access_key, minio_server.secret_key)
    admin = MinioAdmin(endpoint=host, credentials=keys, region="us-east-1", secure=False)
    admin.user_add("assumer", "assumer-secret")
    admin.attach_policy(["readwrite"], user="assumer")
    return AssumeRoleProvider(
        sts_endpoint=minio_server.endpoint, access_key="assumer", secret_key="assumer-secret", region="us-east-1"
    ).retrieve()


def refused() -> str:
    with pytest.raises(StageError) as error:
        open_store(os.environ["STORE_URI"])
    return str(error.value)


def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def test_temporary_keys_store_a_version(
    bucket: str, bundle: Bundle, temporary: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (temporary.access_key, temporary.secret_key, str(temporary.session_token))
    for name, value in zip(KEYS, given, strict=True):
        monkeypatch.setenv(name, value)
    store = open_store(os.environ["STORE_URI"])
    assert [bundle.save(store) for _ in range(2)] == [Saved(is_new=True), Saved(is_new=False)]


def test_temporary_keys_without_their_token_are_told(
    bucket: str, temporary: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", temporary.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", temporary.secret_key)
    assert "AWS_SESSION_TOKEN" in refused()


def test_a_token_of_other_keys_is_told_without_it(
    bucket: str, temporary: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "geheim")
    told = refused()
    assert "AWS_SESSION_TOKEN" in told
    assert "geheim" not in told


def test_a_token_that_cannot_be_sent_is_named(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "ge heim")
    assert refused().startswith("the environment variable AWS_SESSION_TOKEN holds a character that no key has")


# ── a web identity, as EKS mounts it ──────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    with serving(provider.answers) as address:
        provider.published_at(address)
        yield provider


@pytest.fixture(scope="module")
def trusting(provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A server that gives keys for the provider's tokens."""
    discovery = provider.answers["/.well-known/openid-configuration"]["issuer"] + "/.well-known/openid-configuration"
    trust = {"MINIO_IDENTITY_OPENID_CONFIG_URL": discovery, "MINIO_IDENTITY_OPENID_CLIENT_ID": CLIENT}
    with running_minio(tmp_path_factory.mktemp("minio"), **trust) as server:
        s3_client(server).make_bucket("models")
        yield server


@pytest.fixture
def identity(trusting: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that AWS_WEB_IDENTITY_TOKEN_FILE names, in an environment without keys."""
    without_keys(monkeypatch)
    file = tmp_path / "token"
    settings = {"STORE_URI": "s3://models/agents", "S3_ENDPOINT": trusting.endpoint, "AWS_REGION": "us-east-1"}
    for name, value in {**settings, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file)}.items():
        monkeypatch.setenv(name, value)
    return file


def test_a_web_identity_stores_a_version(identity: Path, provider: OpenIdProvider, bundle: Bundle) -> None:
    identity.write_text(provider.identity("readwrite") + "\n")
    assert bundle.save(open_store(os.environ["STORE_URI"])).is_new


def test_a_web_identity_of_somebody_else_is_told_without_it(identity: Path, trusting: MinioServer) -> None:
    identity.write_text(token := OpenIdProvider().identity("readwrite"))
    told = refused()
    where = f"{trusting.endpoint} gives no keys for the token that AWS_WEB_IDENTITY_TOKEN_FILE names"
    assert told == f"{where} (HTTP 400); {REMEDY}"
    assert token[:20] not in told


def test_a_web_identity_that_is_missing_is_told(identity: Path) -> None:
    named = f"AWS_WEB_IDENTITY_TOKEN_FILE names {identity}"
    assert refused() == f"{named}, which cannot be read as a token; {REMEDY}"


def test_an_sts_server_that_is_down_is_told(
    identity: Path, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity.write_text(provider.identity("readwrite"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
    where = f"{os.environ['AWS_ENDPOINT_URL_STS']} gives no keys for the token that AWS_WEB_IDENTITY_TOKEN_FILE names"
    assert refused() == f"{where} (it does not answer); {REMEDY}"


# ── a pod's role ──────────────────────────────────────────────────────────────────────────────────


def given(keys: Credentials) -> dict[str, str | None]:
    names = {"AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key, "Token": keys.session_token}
    return {**names, "Expiration": EXPIRATION}


def test_a_pods_role_stores_a_version(
    bucket: str, bundle: Bundle, temporary: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_keys(monkeypatch)
    token = tmp_path / "token"
    token.write_text("of-the-pod")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    with serving({"/v1/credentials": given(temporary)}, token="of-the-pod") as address:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/v1/credentials")
        assert bundle.save(open_store(os.environ["STORE_URI"])).is_new
        token.write_text("of-another")
        where = "the address of AWS_CONTAINER_CREDENTIALS_FULL_URI gives no keys"
        assert refused() == f"{where} (HTTP 401); {REMEDY}"


@pytest.mark.parametrize("answer", [b"geheim", b"[]", b"null", {"Code": "Failed", "Message": "geheim"}, {}])
def test_an_answer_that_holds_no_keys_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    without_keys(monkeypatch)
    with serving({"/": answer}) as address:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/")
        told = refused()
    where = "the address of AWS_CONTAINER_CREDENTIALS_FULL_URI gives no keys"
    assert told == f"{where} (an answer of another form); {REMEDY}"


def test_keys_are_preferred_to_a_role(bucket: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{free_port()}/")
    assert bundle.save(open_store(os.environ["STORE_URI"])).is_new


def test_half_of_a_pair_of_keys_is_no_role(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refused().startswith("the environment variable AWS_SECRET_ACCESS_KEY is not set")

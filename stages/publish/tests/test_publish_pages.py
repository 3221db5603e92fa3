"""The address at which a person finds a model: the one that the environment gives, or else the store's own."""

from pathlib import Path

import pytest
from minio import Minio
from urllib3 import PoolManager

from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.main import run
from stages.publish.store.opening import open_store
from stages.publish.store.pages import StorePages
from stages.publish.store.s3 import open_bucket
from stages.publish.tests.conftest import VERSION, nothing_changes, s3_client
from tests.minio_server import MinioServer

KEY = f"agent-test/{VERSION}"
READABLE = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
  "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::BUCKET/*"]}]}"""


@pytest.fixture
def s3(minio_server: MinioServer) -> Minio:
    return s3_client(minio_server)


def page_in(uri: str) -> str:
    """Returns the address of a version in a store that is only read."""
    return StorePages.of(open_store(uri, to_write=False)).of_folder(KEY)


def test_a_public_bucket_s_page_is_the_manifest(registered: Inputs, bucket: str, s3: Minio, tmp_path: Path) -> None:
    page = run(registered, tmp_path).model_page
    s3.set_bucket_policy(bucket, READABLE.replace("BUCKET", bucket))
    assert PoolManager().request("GET", page).json()["version"] == VERSION


@pytest.mark.parametrize(
    ("given", "page"),
    [
        ("https://minio.example.com/browser", "https://minio.example.com/browser/BUCKET/of%20ours/KEY/"),
        ("https://minio.example.com/browser/", "https://minio.example.com/browser/BUCKET/of%20ours/KEY/"),
        ("https://files.example.com/?in={bucket}&at={path}", "https://files.example.com/?in=BUCKET&at=of%20ours/KEY"),
        ("https://models.example.com/{path}/", "https://models.example.com/of%20ours/KEY/"),
    ],
)
def test_a_page_for_people_is_filled_in(bucket: str, monkeypatch: pytest.MonkeyPatch, given: str, page: str) -> None:
    monkeypatch.setenv("STORE_PAGE_URL", given)
    assert page_in(f"s3://{bucket}/of ours") == page.replace("BUCKET", bucket).replace("KEY", KEY)


def test_amazon_s_page_is_in_its_console(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    monkeypatch.delenv("S3_ENDPOINT", raising=False)
    page = StorePages.of(open_bucket("s3://models/ours", to_write=False)).of_folder(KEY)
    assert page == f"https://s3.console.aws.amazon.com/s3/buckets/models?prefix=ours/{KEY}/"


def test_a_folder_may_have_a_page_too(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page_in(store.as_uri()) == f"{store.as_uri()}/{KEY}"
    monkeypatch.setenv("STORE_PAGE_URL", "https://models.example.com")
    assert page_in(store.as_uri()) == f"https://models.example.com/{KEY}/"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "https://models.example.com/{bucket}/",
            "STORE_PAGE_URL holds {bucket}, which is not known here; known: {path}",
        ),
        ("https://models.example.com/{path", "STORE_PAGE_URL holds {, which is not known here; known: {path}"),
        ("models", "STORE_PAGE_URL is models; it must be http(s)://host/path, without a password"),
    ],
)
def test_a_page_that_cannot_be_is_refused_before_anything_changes(
    registered: Inputs,
    store: Path,
    repository: Path,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    told: str,
) -> None:
    monkeypatch.setenv("STORE_PAGE_URL", given)
    with nothing_changes(store, repository, database), pytest.raises(StageError) as refused:
        run(registered, store.parent)
    assert str(refused.value) == told

"""The store in a bucket, by the plain S3 API that every server has."""

import contextlib
import logging
import os
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import certifi
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, ProtocolError

from shared.access import s3_credentials
from shared.access.s3 import Endpoint, read_bucket, read_endpoint
from shared.errors import StageError
from stages.publish.contract import S3
from stages.publish.store.protocol import UNREADABLE
from stages.publish.store.s3_failure import told

CHUNK = 1 << 20
PART = 16 << 20  # of a multipart upload, and as much memory; 10,000 parts are allowed, so 160 GiB for a file
RETRY_AFTER = 5  # seconds, whatever the server asks for: MinIO asks for 60, also where one object is damaged
SIGNATURE_LIFE = timedelta(minutes=15)
_EXISTS, _CONFLICT, _MISSING, _REMOVED = 412, 409, "NoSuchKey", "NoSuchUpload"
_BUSY = (500, 502, 503, 504)


@dataclass(frozen=True)
class Patience:
    """How long to wait for a connection and for each answer, in seconds, and how often to ask again."""

    connect: float
    answer: float
    retries: int

    def http_client(self) -> PoolManager:
        """Returns what the SDK sends requests with; its own would wait for 30 minutes."""
        retry = Retry(
            self.retries,
            redirect=0,
            backoff_factor=0.5,
            retry_after_max=RETRY_AFTER,
            status_forcelist=_BUSY,
            raise_on_redirect=False,
            raise_on_status=False,
        )
        return PoolManager(timeout=Timeout(connect=self.connect, read=self.answer), retries=retry, ssl_context=_trust())


AT_FIRST = Patience(connect=5, answer=10, retries=1)  # a server that is down shall be named within seconds
AT_WORK = Patience(connect=10, answer=60, retries=2)


def open_bucket(uri: str, to_write: bool = True) -> "S3Store":
    """Returns the store of an s3:// address; one that is to be written to has answered one request.

    Raises StageError where a variable is wrong, the server is down, slow or refuses, or the bucket is missing.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings repeat signed addresses
    bucket, prefix = read_bucket(uri, "STORE_URI")
    endpoint = read_endpoint(S3, "STORE_URI")
    if to_write:  # who only reads objects need not have the right to list them
        S3Store(endpoint, bucket, prefix, AT_FIRST).check()
    return S3Store(endpoint, bucket, prefix, AT_WORK)


class S3Store:
    """A store below a prefix of a bucket. An object is there whole or not at all."""

    def __init__(self, endpoint: Endpoint, bucket: str, prefix: str, patience: Patience) -> None:
        self.endpoint, self.bucket, self.prefix, self.patience = endpoint, bucket, prefix, patience
        self.http = patience.http_client()
        self.client = Minio(
            endpoint.host,
            secure=endpoint.is_secure,
            region=endpoint.region,
            http_client=self.http,
            credentials=s3_credentials.provider(endpoint, self.http),
        )

    def check(self) -> None:
        """Raises StageError where the bucket cannot be listed.

        Listing answers with a reason, where asking whether a bucket is there gives a bare 403 for a
        wrong key and for a missing right alike.
        """
        with told(str(self.endpoint), f"s3://{self.bucket}", self.patience.answer):
            next(iter(self.client.list_objects(self.bucket, prefix=self._name(""))), None)

    def location(self, key: str) -> str:
        return f"s3://{self.bucket}/{self._name(key)}"

    def read(self, key: str) -> bytes | None:
        with self._told(key):
            response = self._opened(key)
            if response is None:
                return None
            with response:
                return bytes(response.read())

    def digest(self, key: str) -> str | None:
        return self._stream(key, lambda _: None)

    def download(self, key: str, target: Path) -> str | None:
        with target.open("xb") as sink:
            return self._stream(key, sink.write)

    def write(self, key: str, source: Path) -> None:
        # The SDK ends an upload in parts that the server refuses. One that a lost connection or a kill
        # leaves is removed once the object is there.
        with self._told(key), source.open("rb") as file:
            size = source.stat().st_size
            try:
                self.client.put_object(self.bucket, self._name(key), file, size, part_size=PART, num_parallel_uploads=1)
            except S3Error as error:
                if error.code != _REMOVED:
                    raise

    def write_if_absent(self, key: str, content: bytes) -> bool:
        # The SDK has no conditional PUT: it would store such a header as the object's metadata.
        with self._told(key):
            address = self.client.get_presigned_url("PUT", self.bucket, self._name(key), expires=SIGNATURE_LIFE)
            try:
                response = self.http.request("PUT", address, body=content, headers={"If-None-Match": "*"})
            except HTTPError:
                # The server may have stored it all the same, before the answer was lost.
                if self.read(key) == content:
                    return True
                raise
            if response.status in (_EXISTS, _CONFLICT):
                return self.read(key) == content
            if response.status >= 300:
                raise _refusal(response)
        return True

    def remove(self, key: str) -> bool:
        try:
            with self._told(key):
                self.client.remove_object(self.bucket, self._name(key))
        except StageError:
            return False
        return True

    def remove_unfinished(self, key: str) -> None:
        # It is for tidiness alone: not every account may list uploads, and not every server can. Of the SDK's
        # requests for it none is public. One list holds 1,000 uploads.
        with self._told(key), contextlib.suppress(MinioException):
            name = self._name(key)
            for upload in self.client._list_multipart_uploads(self.bucket, prefix=name).uploads:
                if upload.object_name == name:
                    self.client._abort_multipart_upload(self.bucket, name, str(upload.upload_id))

    def _stream(self, key: str, sink: Callable[[bytes], object]) -> str | None:
        """Hands what is stored to sink, and returns what `digest` does."""
        digest = sha256()
        with self._told(key):
            try:
                response = self._opened(key)
                if response is None:
                    return None
                with response:
                    for chunk in response.stream(CHUNK):
                        digest.update(chunk)
                        sink(chunk)
            except (ServerError, ProtocolError):
                return UNREADABLE
            except S3Error as error:
                if error.response.status < 500:
                    raise
                return UNREADABLE
        return digest.hexdigest()

    def _opened(self, key: str) -> BaseHTTPResponse | None:
        try:
            return self.client.get_object(self.bucket, self._name(key))
        except S3Error as error:
            if error.code == _MISSING:
                return None
            raise

    def _told(self, key: str) -> AbstractContextManager[None]:
        return told(str(self.endpoint), self.location(key), self.patience.answer)

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key


def _trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())


def _refusal(response: BaseHTTPResponse) -> Exception:
    """Returns the SDK's error for a request that went past it."""
    kind = response.headers.get("content-type", "")
    if "xml" in kind and response.data:
        return S3Error.fromxml(response)
    return InvalidResponseError(response.status, kind, None)

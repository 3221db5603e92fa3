"""The newest checkpoint as one object of an S3 bucket, by the plain S3 API that every server has."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from shared.access import s3_credentials
from shared.access.s3 import Endpoint, read_bucket, read_endpoint, refusal
from shared.errors import StageError, one_line
from stages.train.checkpoints.place import FILE, PART
from stages.train.contract import S3

CHUNK = 1 << 20


class Bucket:
    """Keeps the file as one object, which a server shows whole or not at all."""

    def __init__(self, address: str, named: str) -> None:
        """Raises StageError where the address or the environment is wrong."""
        self.bucket, prefix = read_bucket(address, named)
        self.key = f"{prefix}/{FILE}" if prefix else FILE
        self.endpoint = read_endpoint(S3, named)
        self.client = _client(self.endpoint)
        self.folder = tempfile.TemporaryDirectory(prefix="checkpoint-")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def newest(self) -> Path | None:
        file = Path(self.folder.name) / FILE
        with self._told():
            try:
                response = self.client.get_object(self.bucket, self.key)
            except S3Error as error:
                if error.code == "NoSuchKey":
                    return None
                raise
            with response, file.open("wb") as target:
                for chunk in response.stream(CHUNK):
                    target.write(chunk)
        return file

    def part(self) -> Path:
        return Path(self.folder.name) / PART

    def replace(self) -> None:
        with self._told():
            self.client.fput_object(self.bucket, self.key, str(self.part()))
        self.part().unlink()

    @contextmanager
    def _told(self) -> Iterator[None]:
        # The SDK's own words hold signed addresses.
        asked = f"S3 at {self.endpoint}, asked for {self},"
        try:
            yield
        except S3Error as error:
            raise StageError(f"{asked} {refusal(str(error.code), str(error.message), error.response.status)}") from None
        except HTTPError:
            raise StageError(f"{asked} does not answer; check S3_ENDPOINT and that the server runs") from None
        except MinioException as error:
            raise StageError(f"{asked} failed: {one_line(str(error))[:200]}") from None


def _client(endpoint: Endpoint) -> Minio:
    # The SDK's own client would wait for 30 minutes.
    http = PoolManager(timeout=Timeout(connect=5, read=60), retries=Retry(3, backoff_factor=0.5))
    credentials = s3_credentials.provider(endpoint, http)
    secure, region = endpoint.is_secure, endpoint.region
    return Minio(endpoint.host, secure=secure, region=region, http_client=http, credentials=credentials)

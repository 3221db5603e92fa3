"""Which S3 server, bucket and prefix are meant, as STORE_URI and S3_ENDPOINT write them."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.errors import StageError
from shared.git_access import without_secret
from stages.publish.contract import (
    AWS_ACCESS_KEY_ID,
    AWS_REGION,
    AWS_SECRET_ACCESS_KEY,
    S3_ENDPOINT,
)

AMAZON = "s3.amazonaws.com"  # the SDK puts the region into it
DEFAULT_REGION = "us-east-1"  # what servers other than Amazon's take where they have no region
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_PREFIX_PART = re.compile(r"[\w!*'()+=,@ -][\w.!*'()+=,@ -]*", re.ASCII)
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Endpoint:
    """An S3 server: host, port where there is one, region, and who asks."""

    host: str
    is_secure: bool
    region: str
    access_key: str
    secret_key: str

    def __str__(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://{self.host}"


def read_endpoint() -> Endpoint:
    """Returns what the environment says. Raises StageError, with the variable's name, for what is missing or wrong."""
    address, region = S3_ENDPOINT.read(), AWS_REGION.read()
    if not address and not region:
        raise StageError(
            "STORE_URI names a bucket, but neither S3_ENDPOINT nor AWS_REGION is set; let S3_ENDPOINT name the server, "
            "or AWS_REGION a region of Amazon S3"
        )
    if region and not re.fullmatch(r"[A-Za-z0-9_-]+", region):
        raise StageError(f"AWS_REGION is {region!r}; it must be a name such as eu-central-1")
    host, is_secure = _server(address) if address else (AMAZON, True)
    access, secret = AWS_ACCESS_KEY_ID.read(), AWS_SECRET_ACCESS_KEY.read()
    for variable, value in ((AWS_ACCESS_KEY_ID, access), (AWS_SECRET_ACCESS_KEY, secret)):
        if not _KEY.fullmatch(value):
            found = "holds a character that no key has" if value else "is not set"
            raise StageError(f"the environment variable {variable.name} {found}; it must hold {variable.description}")
    return Endpoint(host, is_secure, region or DEFAULT_REGION, access, secret)


def read_bucket(uri: str) -> tuple[str, str]:
    """Returns bucket and prefix of s3://bucket/prefix; the prefix may be ''. Raises StageError for another form."""
    bucket, _, path = uri.removeprefix("s3://").partition("/")
    parts = path.strip("/").split("/") if path.strip("/") else []
    if not _BUCKET.fullmatch(bucket) or not all(_PREFIX_PART.fullmatch(part) for part in parts):
        known = "s3://<bucket>/<prefix>: a bucket of a-z, 0-9, dots and dashes, a prefix of letters, digits and -_."
        raise StageError(f"STORE_URI is {without_secret(uri)}; it must be {known}")
    return bucket, "/".join(parts)


def _server(address: str) -> tuple[str, bool]:
    shown = without_secret(address)
    try:
        parts = urlsplit(address)
        is_plain = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and is_plain
    except ValueError:  # a port that is no number, half an IPv6 address
        is_known = False
    if not is_known or not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", parts.netloc):
        raise StageError(f"S3_ENDPOINT is {shown}; it must be http(s)://host:port, without a path or a password")
    return parts.netloc, parts.scheme == "https"

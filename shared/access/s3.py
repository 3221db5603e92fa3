"""How stages reach an S3 server: which one, as whom, and what they say when it refuses.

The server comes from the environment; bucket and prefix from an s3:// address that `named` says the source of.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.access.git import without_secret
from shared.contract import Variable
from shared.errors import StageError, one_line

# What stands in the place of keys; Amazon's SDKs call these so, and EKS and ECS set all but the last in a pod.
_ROLE = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": "the path of the token that a role's keys are given for",
    "AWS_ROLE_ARN": "the role that is taken with it",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "where a pod asks for the keys of its role",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "the same on ECS, a path",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "the token that is shown there",
    "AWS_ENDPOINT_URL_STS": "the server that gives a role's keys for the token; empty for S3_ENDPOINT, or Amazon's",
}
WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
POD_ROLES = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


def variables(use: str, runtime: bool = False) -> tuple[Variable, ...]:
    """Returns what a stage reads of the environment; use: what it reaches, such as an s3:// store."""
    return (
        Variable("S3_ENDPOINT", "the S3 server's address, http(s)://host:port; empty for Amazon's", runtime=runtime),
        Variable("AWS_ACCESS_KEY_ID", f"the access key for {use}", runtime=runtime),
        Variable("AWS_SECRET_ACCESS_KEY", "the secret key for it", secret=True, runtime=runtime),
        Variable("AWS_SESSION_TOKEN", "the session token that temporary keys come with", secret=True, runtime=runtime),
        Variable("AWS_REGION", f"the region of {use}; needed for Amazon's", runtime=runtime),
        *(Variable(name, description, runtime=runtime) for name, description in _ROLE.items()),
    )


AMAZON = "s3.amazonaws.com"  # the SDK puts the region into it
DEFAULT_REGION = "us-east-1"  # what servers other than Amazon's take where they have no region
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_PREFIX_PART = re.compile(r"[\w!*'()+=,@ -][\w.!*'()+=,@ -]*", re.ASCII)
_KEY = re.compile(r"[!-~]+")

_CREDENTIALS = "does not accept the credentials; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_TOKEN = "does not accept the session token; temporary keys need their own AWS_SESSION_TOKEN, others need none"
_EXPIRED = "finds the temporary keys expired; set new ones, with their AWS_SESSION_TOKEN"
_RIGHT = "refuses the request; give the account the right to list, read and write there"
_FULL = "has no space left for it; free some, or raise the quota, and run again"
_REGION = "is in another region; check AWS_REGION"
_BUSY = "is busy or out of order; run again later"
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and MinIO's own with XMinio
_KNOWN = {
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "InvalidToken": _TOKEN,
    "InvalidTokenId": _TOKEN,
    "ExpiredToken": _EXPIRED,
    "AccessDenied": _RIGHT,
    "AllAccessDisabled": _RIGHT,
    "NoSuchBucket": "has no such bucket; create it, or check the address",
    "AuthorizationHeaderMalformed": _REGION,
    "AuthorizationQueryParametersError": _REGION,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "Redirect": _REGION,
    "RequestTimeTooSkewed": "has another time than this machine; set the clock",
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "QuotaExceeded": _FULL,
    "InsufficientCapacity": _FULL,
    "EntityTooLarge": "takes no file of this size; raise its limit, or use a store that takes larger files",
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalError": _BUSY,
    "XMinioServerNotInitialized": _BUSY,
    "NotImplemented": "does not know a request that publishing needs (PUT with If-None-Match); use a newer server",
}
_INSUFFICIENT_STORAGE = 507


@dataclass(frozen=True)
class Keys:
    """Who asks. `session` is the token that temporary keys come with, '' for others."""

    access: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True)
class Endpoint:
    """An S3 server: host, port where there is one, region, and who asks.

    keys: None where the keys of a role are asked for. sts: the address that gives a role's keys for a web identity.
    """

    host: str
    is_secure: bool
    region: str
    keys: "Keys | None"
    sts: str = ""

    def __str__(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://{self.host}"


def read_endpoint(declared: tuple[Variable, ...], named: str) -> Endpoint:
    """Returns what the environment says; declared: as of `variables`.

    Raises StageError, with the variable's name, for what is missing or wrong.
    """
    known = {variable.name: variable for variable in declared}
    address, region = known["S3_ENDPOINT"].read(), known["AWS_REGION"].read()
    if not address and not region:
        raise StageError(
            f"{named} names a bucket, but neither S3_ENDPOINT nor AWS_REGION is set; let S3_ENDPOINT name the server, "
            "or AWS_REGION a region of Amazon S3"
        )
    if region and not re.fullmatch(r"[A-Za-z0-9_-]+", region):
        raise StageError(f"AWS_REGION is {region!r}; it must be a name such as eu-central-1")
    host, is_secure = _server(address) if address else (AMAZON, True)
    region = region or DEFAULT_REGION
    return Endpoint(host, is_secure, region, _keys(known, is_amazon=not address), _sts(known, address, region))


def _keys(known: Mapping[str, Variable], is_amazon: bool) -> Keys | None:
    """Returns the keys of the environment, None where there is a role instead: on Amazon's machines there may be."""
    pair = known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"]
    access, secret = (variable.read() for variable in pair)
    if not access and not secret and (is_amazon or any(known[name].read() for name in (WEB_IDENTITY, *POD_ROLES))):
        return None
    session = known["AWS_SESSION_TOKEN"]
    given = [*zip(pair, (access, secret), strict=True), *([(session, session.read())] if session.read() else [])]
    for variable, value in given:
        if not _KEY.fullmatch(value):
            found = "holds a character that no key has" if value else "is not set"
            raise StageError(f"the environment variable {variable.name} {found}; it must hold {variable.description}")
    return Keys(access, secret, session.read())


def _sts(known: Mapping[str, Variable], address: str, region: str) -> str:
    """Returns who gives keys for a web identity: MinIO and Ceph do that at the address of the store itself."""
    server = known["AWS_ENDPOINT_URL_STS"].read()
    if server and not re.fullmatch(r"https?://[^\s?#@]+", server):
        raise StageError(f"AWS_ENDPOINT_URL_STS is {without_secret(server)}; it must be http(s)://host:port")
    return server or address or f"https://sts.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def read_bucket(uri: str, named: str) -> tuple[str, str]:
    """Returns bucket and prefix of s3://bucket/prefix; the prefix may be ''. Raises StageError for another form."""
    bucket, _, path = uri.removeprefix("s3://").partition("/")
    parts = path.strip("/").split("/") if path.strip("/") else []
    if not _BUCKET.fullmatch(bucket) or not all(_PREFIX_PART.fullmatch(part) for part in parts):
        known = "s3://<bucket>/<prefix>: a bucket of a-z, 0-9, dots and dashes, a prefix of letters, digits and -_."
        raise StageError(f"{named} is {without_secret(uri)}; it must be {known}")
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


def refusal(code: str, message: str, status: int) -> str:
    """Returns the words for an error that the server gave, with the remedy where it is known."""
    given = code or f"HTTP {status}"
    if status == _INSUFFICIENT_STORAGE:
        return f"{_FULL} ({given})"
    if code in _KNOWN:
        return f"{_KNOWN[code]} ({given})"
    if status in (500, 502, 503, 504):
        return f"{_BUSY} ({given})"
    return f"fails: {given} {one_line(message)[:200]}".strip()

"""What is said when an S3 server does not do what it should: what was found, where, and what to do.

Neither the SDK's nor urllib3's text is repeated as it is: it holds signed addresses.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError, NameResolutionError, ProtocolError, ReadTimeoutError, SSLError

from shared.access.s3 import refusal
from shared.errors import StageError, one_line


@contextmanager
def told(server: str, where: str, patience: float) -> Iterator[None]:
    """Turns what the SDK raises in the block into one StageError.

    server: the endpoint. where: the bucket or object that was asked for. patience: how long one
    answer was waited for, in seconds.
    """
    asked = f"S3 at {server}, asked for {where}, "
    try:
        yield
    except S3Error as error:
        raise StageError(asked + refusal(str(error.code), str(error.message), error.response.status)) from None
    except ServerError as error:
        raise StageError(asked + refusal("", "", error.status_code)) from None
    except (InvalidResponseError, ParseError, UnicodeDecodeError):
        raise StageError(f"{asked}does not answer as S3 does; check S3_ENDPOINT") from None
    except HTTPError as error:
        raise StageError(asked + silence(error, patience)) from None
    except MinioException as error:
        raise StageError(f"{asked}failed: {one_line(str(error))[:200]}") from None


def silence(error: HTTPError, patience: float) -> str:
    """Returns the words for a server that gave no answer, or half of one."""
    reason = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    if isinstance(reason, SSLError):
        known = re.search(r"certificate verify failed: [^(]+", str(reason)) or re.search(r"[A-Z_]{6,}", str(reason))
        found = known[0].strip() if known else "the certificate cannot be checked"
        return (
            f"cannot be spoken to by TLS ({found}); check S3_ENDPOINT, and SSL_CERT_FILE for an authority of your own"
        )
    if isinstance(reason, NameResolutionError):
        return "does not answer, as its name is not known; check S3_ENDPOINT"
    if _is_slow(reason):
        return f"gave no answer within {patience:g} s; check that the server is well, and run again"
    cause = re.search(r"\[Errno \d+\] ([^'\")]+)", str(reason))
    found = f" ({cause[1].strip()})" if cause else ""
    return f"does not answer; check S3_ENDPOINT and that the server runs{found}"


def _is_slow(reason: Exception) -> bool:
    # A time-out while a body is sent comes as a connection that was cut off.
    was_sending = isinstance(reason, ProtocolError) and any(isinstance(part, TimeoutError) for part in reason.args)
    return was_sending or isinstance(reason, ReadTimeoutError)

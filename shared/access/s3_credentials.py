"""As whom an S3 server is asked: with fixed keys, or with those of a role, which are asked for anew before they expire.

For stages whose environment holds minio, whose credential providers ask for a role's keys. What they raise is told in
words of our own: theirs hold the token that was shown.
"""

import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from shared.access.s3 import POD_ROLES, WEB_IDENTITY, Endpoint
from shared.errors import StageError

SESSION = "agent-training"  # how the role's use is named in the server's audit log
_REMEDY = "check the role and whom it trusts, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
# An answer of another form fails wherever the provider looks into it.
_OTHER_FORM = (ValueError, LookupError, TypeError, AttributeError, ParseError)


def provider(endpoint: Endpoint, http_client: Any) -> Any:
    """Returns what minio's client takes as `credentials`; http_client: a PoolManager, which requests are sent with.

    The client's requests raise StageError where the keys of a role cannot be had.
    """
    known = import_module("minio.credentials")
    if keys := endpoint.keys:
        return known.StaticProvider(keys.access, keys.secret, keys.session or None)
    if not os.environ.get(WEB_IDENTITY):
        return _Role(known.IamAwsProvider(http_client=http_client), _pod_or_machine())
    source = known.WebIdentityProvider(
        jwt_provider_func=_web_identity,
        sts_endpoint=endpoint.sts,
        role_arn=os.environ.get("AWS_ROLE_ARN"),
        role_session_name=SESSION,
        http_client=http_client,
    )
    return _Role(source, f"{endpoint.sts} gives no keys for the token that {WEB_IDENTITY} names")


class _Role:
    """The keys of a role. minio's client asks for them before each request."""

    def __init__(self, source: Any, refused: str) -> None:
        self.source, self.refused = source, refused
        self.lost = import_module("urllib3.exceptions").HTTPError

    def retrieve(self) -> Any:
        """Returns minio's Credentials. Raises StageError where there are none."""
        try:
            return self.source.retrieve()
        except self.lost:
            found = "it does not answer"
        except OSError as error:
            found = str(error.strerror)
        except _OTHER_FORM as error:
            status = re.search(r"HTTP status code (\d{3})$", str(error))
            found = f"HTTP {status[1]}" if status else "an answer of another form"
        raise StageError(f"{self.refused} ({found}); {_REMEDY}")


def _web_identity() -> dict[str, str]:
    file = Path(os.environ[WEB_IDENTITY])
    try:
        return {"access_token": file.read_text("ascii").strip()}
    except (OSError, ValueError):
        raise StageError(f"{WEB_IDENTITY} names {file}, which cannot be read as a token; {_REMEDY}") from None


def _pod_or_machine() -> str:
    for name in POD_ROLES:
        if os.environ.get(name):
            return f"the address of {name} gives no keys"
    return "AWS_ACCESS_KEY_ID is not set, and this machine has no role that gives keys"

"""Where the native runner is and how a stage shows who it is: the variables of a stage that may be handed over.

A contract that names them in its ENVIRONMENT says that a runner may do the stage's work: a program on a Mac, or on
another machine with a GPU, beside the cluster. Where no address is set, the stage works where it is.
"""

import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.contract import Contract, Variable
from shared.errors import StageError, one_line

SECRET = "agent-training-runner"  # what holds token and certificate on a cluster
LEAST_LEASE, LEASE, MOST_LEASE = 60, 900, 86_400  # seconds

URL = Variable(
    "MLX_RUNNER_URL", "the native runner that does the work, https://host:port; empty for none", runtime=True
)
DEFAULT_URL = Variable("MLX_RUNNER_DEFAULT_URL", "the runner where MLX_RUNNER_URL is empty", runtime=True)
TOKEN = Variable("MLX_RUNNER_TOKEN", "the runner's token", secret=True, runtime=True)
CERTIFICATE = Variable(
    "MLX_RUNNER_CERTIFICATE", "the runner's certificate, PEM, and the only one that is trusted", runtime=True
)
LEASE_SECONDS = Variable(
    "MLX_RUNNER_LEASE_SECONDS",
    f"how long the runner works on without hearing from the stage; empty for {LEASE}",
    runtime=True,
)
VARIABLES = (URL, DEFAULT_URL, TOKEN, CERTIFICATE, LEASE_SECONDS)


@dataclass(frozen=True)
class Settings:
    """A runner as the environment names it. lease_seconds: how long it works on without hearing from us."""

    url: str
    host: str
    port: int
    token: str
    certificate: str
    lease_seconds: int


def can_be_handed_over(declared: Contract) -> bool:
    """Returns whether a stage's contract lets a runner do its work."""
    return URL in declared.environment


def read(declared: Contract) -> Settings | None:
    """Returns the runner that does a stage's work, None where the stage itself does.

    Raises StageError where an address is set and anything beside it is missing or wrong.
    """
    if not can_be_handed_over(declared):
        return None
    if not (url := URL.read() or DEFAULT_URL.read()):
        return None
    host, port = address(url)
    return Settings(url.rstrip("/"), host, port, _token(url), _certificate(url), _lease())


def address(url: str) -> tuple[str, int]:
    """Returns host and port of a runner's address. Raises StageError where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        parts, port = urlsplit(""), 0
    is_bare = not (parts.username or parts.password or parts.query or parts.fragment) and parts.path in ("", "/")
    if parts.scheme != "https" or not parts.hostname or not is_bare or re.search(r"\s", url):
        # Not the address itself: it may hold a password.
        raise StageError(f"{URL.name} is no address of a runner; it must be https://host:port, and nothing else")
    return parts.hostname, port


def _token(url: str) -> str:
    token = _needed(TOKEN, url)
    if not re.fullmatch(r"[!-~]+", token):
        raise StageError(f"{TOKEN.name} holds more than one word of plain letters; it is what {_printed()}")
    return token


def _certificate(url: str) -> str:
    certificate = _needed(CERTIFICATE, url)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate.encode("ascii").decode())
    except (ssl.SSLError, ValueError) as error:
        reason = one_line(str(error))
        raise StageError(f"{CERTIFICATE.name} is no certificate in PEM ({reason}); it is what {_printed()}") from None
    return certificate


def _needed(variable: Variable, url: str) -> str:
    if value := variable.read():
        return value
    place = f"set it, or {variable.name}_FILE; on a cluster it is a key of the Secret {SECRET}"
    raise StageError(f"the runner is {one_line(url)}, and {variable.name} is not set; it is what {_printed()}: {place}")


def _printed() -> str:
    return "`make runner-install` prints on the runner's machine"


def _lease() -> int:
    text = LEASE_SECONDS.read() or str(LEASE)
    if not re.fullmatch(r"[0-9]{1,6}", text) or not LEAST_LEASE <= int(text) <= MOST_LEASE:
        expected = f"a whole number of seconds between {LEAST_LEASE} and {MOST_LEASE}"
        raise StageError(f"{LEASE_SECONDS.name} is {text!r:.40}; it must be {expected}")
    return int(text)

"""The runner's certificate, signed by itself, with its key; and its token. Each is made once."""

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import StageError

DAYS = 730
_NAME = re.compile(r"[A-Za-z0-9:]([A-Za-z0-9_.:-]{0,250}[A-Za-z0-9])?")
# A clock that is a day late finds it valid already.
BEFORE = timedelta(days=2)
# By this name containers of Docker Desktop, OrbStack and colima find the machine that they run on.
DOCKER_HOST = "host.docker.internal"


def names(more: Sequence[str] = ()) -> list[str]:
    """Returns what this machine is called: its names, its addresses, and those that are given."""
    host = socket.gethostname()
    own = [host, f"{host.split('.')[0]}.local", "localhost", DOCKER_HOST, "127.0.0.1", "::1", *_addresses(), *more]
    return [name for name in dict.fromkeys(own) if name in more or _NAME.fullmatch(name)]


def _addresses() -> Iterable[str]:
    for interface in psutil.net_if_addrs().values():
        for address in interface:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                plain = address.address.partition("%")[0]
                if not ipaddress.ip_address(plain).is_link_local:
                    yield plain


def make(certificate: Path, key: Path, called: Sequence[str]) -> None:
    """Writes a new certificate for these names and addresses, and its key, which only the owner can read.

    Raises StageError where a name is none.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    encoded = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed = _signed(private, [_general_name(name) for name in called])
    write_secret(key, encoded)
    write_secret(certificate, signed.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _signed(private: ec.EllipticCurvePrivateKey, called: list[x509.GeneralName]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent-training-runner")])
    now, public = datetime.now(UTC), private.public_key()
    # Signatures in the handshake, and on a certificate: this one.
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    # It is its own authority, and nobody else's: no certificate can stand between.
    builder = (
        x509.CertificateBuilder(
            name, name, public, x509.random_serial_number(), now - BEFORE, now + timedelta(DAYS, hours=1)
        )
        .add_extension(x509.SubjectAlternativeName(called), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(private, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not _NAME.fullmatch(name) or ":" in name:
        raise StageError(f"{name!r} is no name of a host; NAMES= takes names and addresses, separated by spaces")
    return x509.DNSName(name)


def fits(certificate: Path, key: Path) -> bool:
    """Returns whether both are there, and the one is of the other: a stop could have come between them."""
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
        return private.public_key() == _read(certificate).public_key()
    except (OSError, ValueError, TypeError, StageError):
        return False


def days_left(certificate: Path) -> int:
    """Returns how many days a certificate is still valid; negative when over. Raises StageError for no certificate."""
    return (_read(certificate).not_valid_after_utc - datetime.now(UTC)).days


def names_in(certificate: Path) -> list[str]:
    """Returns the names and addresses that a certificate is for. Raises StageError where it is none."""
    extension = _read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]


def _read(certificate: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise StageError(
            f"{certificate} is no certificate ({error}); `make runner-install RENEW=1` makes one"
        ) from None


def make_token(file: Path) -> None:
    """Writes a new token, which only the owner can read."""
    write_secret(file, secrets.token_urlsafe(32).encode())


def write_secret(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Writes a file as a whole or not at all; nobody else can read it meanwhile."""
    passing = file.with_name(f".{file.name}.new")
    passing.unlink(missing_ok=True)
    passing.touch(mode, exist_ok=False)
    passing.chmod(mode)  # a umask may have taken something
    with passing.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    passing.replace(file)

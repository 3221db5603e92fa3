"""A pod that trusts the runner's certificate reaches the runner, and nobody else, by each of its names."""

import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from runner.service import certificate
from shared.errors import StageError

STRICT = ssl.VerifyFlags.VERIFY_X509_STRICT | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # Python 3.13's default


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    certificate.make(*files, certificate.names(["mac.example.org", "10.1.2.3", "fd00::1"]))
    return files


@pytest.fixture
def port(made: tuple[Path, Path]) -> Iterator[int]:
    """A TLS server with the certificate, for any number of handshakes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                accepted, _ = server.accept()
            except OSError:
                return
            try:
                context.wrap_socket(accepted, server_side=True).close()
            except OSError:
                accepted.close()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def handshake(port: int, trusted: Path, name: str, flags: ssl.VerifyFlags = ssl.VerifyFlags.VERIFY_DEFAULT) -> None:
    context = ssl.create_default_context(cafile=str(trusted))
    context.verify_flags |= flags
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname=name),
    ):
        pass


@pytest.mark.parametrize(
    "name", ["host.docker.internal", "localhost", "127.0.0.1", "::1", "mac.example.org", "10.1.2.3", "fd00::1"]
)
def test_each_name_and_address_is_its_own(port: int, made: tuple[Path, Path], name: str) -> None:
    handshake(port, made[0], name)
    handshake(port, made[0], name, STRICT)


def test_another_name_is_not(port: int, made: tuple[Path, Path]) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(port, made[0], "other.example.org")


def test_who_trusts_another_certificate_is_not_served(port: int, tmp_path: Path) -> None:
    certificate.make(tmp_path / "c.pem", tmp_path / "k.pem", ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(port, tmp_path / "c.pem", "localhost")


def test_it_is_valid_for_two_years_and_for_clocks_that_are_a_day_off(made: tuple[Path, Path]) -> None:
    found = x509.load_pem_x509_certificate(made[0].read_bytes())
    now = datetime.now(UTC)
    assert found.not_valid_before_utc < now - timedelta(days=1)
    assert certificate.days_left(made[0]) == 730
    assert found.not_valid_after_utc - now > timedelta(days=729)


def test_it_has_the_machine_s_own_names(made: tuple[Path, Path]) -> None:
    found = certificate.names_in(made[0])
    assert {"localhost", "host.docker.internal", "127.0.0.1", "mac.example.org", "10.1.2.3", "fd00::1"} <= set(found)
    assert socket.gethostname() == found[0]
    assert len(found) == len(set(found))


def test_openssl_reads_it_too(made: tuple[Path, Path]) -> None:
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", made[0], made[0]], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nobody_else_reads_the_key_or_the_token(made: tuple[Path, Path], tmp_path: Path) -> None:
    certificate.make_token(tmp_path / "token")
    modes = [stat.S_IMODE(file.stat().st_mode) for file in (*made, tmp_path / "token")]
    assert modes == [0o644, 0o600, 0o600]
    assert len((tmp_path / "token").read_text()) == 43


def test_a_certificate_fits_its_own_key_alone(made: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.make(*other, ["localhost"])
    assert certificate.fits(*made) and certificate.fits(*other)
    assert not certificate.fits(made[0], other[1])
    assert not certificate.fits(made[0], tmp_path / "missing")
    assert not certificate.fits(made[1], made[0])


@pytest.mark.parametrize("name", ["", "a b", "a/b", "https://mac", "ä", "-a", "a-"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StageError, match="is no name of a host; NAMES= takes names and addresses"):
        certificate.make(tmp_path / "c.pem", tmp_path / "k.pem", [name])
    assert list(tmp_path.iterdir()) == []


def test_a_machine_with_a_strange_name_still_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "jürgen's mac")
    assert certificate.names()[0] == "localhost"


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("no")
    with pytest.raises(StageError, match=r"c\.pem is no certificate.*make runner-install RENEW=1"):
        certificate.days_left(tmp_path / "c.pem")

"""A folder's signature by OpenSSF model-signing: a Sigstore bundle that holds the sha256 of every file.

It is not deterministic, as ECDSA is not. `model_signing verify key` of that project verifies it as well.
"""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature

from shared import archive
from shared.errors import StageError
from stages.publish.signing.key import canonical, public_half

if TYPE_CHECKING:
    from model_signing.hashing import Config

# What model-signing and what it is built on raise for a signature that does not fit or is none.
_REFUSALS = (ValueError, TypeError, LookupError, AttributeError, InvalidSignature)
_DAMAGED = "the signature is damaged"


def sign(folder: Path, key_pem: str) -> bytes:
    """Returns a signature of all files in folder, which was verified.

    key_pem: the private key. Raises StageError where it cannot sign.
    """
    from model_signing import signing  # takes half a second

    public_pem = public_half(key_pem)
    with TemporaryDirectory(prefix="signature-") as passing, _readable(key_pem) as key:
        file = Path(passing) / "model.sig"
        signer = signing.Config()  # type: ignore[no-untyped-call]
        signer.set_hashing_config(_every_file()).use_elliptic_key_signer(private_key=key).sign(folder, file)
        signature = file.read_bytes()
    verify(folder, signature, public_pem)
    return signature


def verify(folder: Path, signature: bytes, public_pem: str) -> None:
    """Raises StageError, with what is wrong, where folder does not hold exactly the files that were signed.

    public_pem: the public half of the key that must have signed them.
    """
    from model_signing import verifying

    public_pem = canonical(public_pem)
    if _signer(signature) != sha256(public_pem.encode()).hexdigest():
        raise StageError("the signature was made with another key")
    with TemporaryDirectory(prefix="signature-") as passing, _readable(public_pem) as key:
        file = Path(passing) / "model.sig"
        file.write_bytes(signature)
        verifier = verifying.Config()  # type: ignore[no-untyped-call]
        verifier.set_hashing_config(_every_file()).use_elliptic_key_verifier(public_key=key)
        try:
            verifier.verify(folder, file)
        except _REFUSALS:
            raise StageError(_difference(folder, signature) or _DAMAGED) from None


def _every_file() -> "Config":
    """Returns what model-signing hashes; by itself, it would leave out what a Git repository has."""
    from model_signing import hashing

    config = hashing.Config()  # type: ignore[no-untyped-call]
    return config.set_ignored_paths(paths=[], ignore_git_paths=False)


@contextmanager
def _readable(pem: str) -> Iterator[Path]:
    """Yields a path that can be read once. A key that is in memory is not written to a disk."""
    reader, writer = os.pipe()
    try:
        with os.fdopen(writer, "w") as sink:
            sink.write(pem)
        yield Path(f"/dev/fd/{reader}")
    finally:
        os.close(reader)


def _signer(signature: bytes) -> str:
    """Returns the sha256 of the public key that a signature names. Raises StageError where it names none."""
    try:
        return str(_bundle(signature)["verificationMaterial"]["publicKey"]["hint"])
    except _REFUSALS:
        raise StageError(_DAMAGED) from None


def _difference(folder: Path, signature: bytes) -> str:
    """Returns in what folder differs from what the signature tells, in words; '' where it does not."""
    try:
        statement = json.loads(base64.b64decode(_bundle(signature)["dsseEnvelope"]["payload"], validate=True))
        signed = {entry["name"]: entry["digest"] for entry in statement["predicate"]["resources"]}
    except _REFUSALS:
        return ""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    added = [f"{name} was added" for name in sorted(found.keys() - signed.keys())]
    missing = [f"{name} is missing" for name in sorted(signed.keys() - found.keys())]
    both = sorted(found.keys() & signed.keys())
    changed = [f"{name} was changed" for name in both if archive.digest(found[name]) != signed[name]]
    differences = [*changed, *added, *missing]
    return f"the files are not those that were signed: {', '.join(differences[:5])}" if differences else ""


def _bundle(signature: bytes) -> Any:
    return json.loads(signature)

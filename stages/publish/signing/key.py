"""The keys that sign and verify: EC keys in PEM, as `openssl ecparam` and `openssl ec` make them."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from shared.errors import StageError
from stages.publish.contract import SIGNING_KEY, VERIFY_KEY

CURVES = ("secp256r1", "secp384r1", "secp521r1")  # those that model-signing takes
_NEEDED = "an EC key on the curve P-256"


def read_signing_key() -> str:
    """Returns the private key, or '' where nothing is to be signed.

    Raises StageError where it cannot sign, and where VERIFY_KEY is set and not its public half.
    """
    pem, known = SIGNING_KEY.read(), read_verify_key()
    if pem and known and public_half(pem) != known:
        told = "VERIFY_KEY is not the public half of SIGNING_KEY, so that nobody could verify the model"
        raise StageError(f"{told}; `openssl ec -in signing.pem -pubout` prints it")
    if pem:
        public_half(pem)
    return pem


def read_verify_key() -> str:
    """Returns the public key in its only form, or '' where nothing is verified. Raises StageError for another key."""
    pem = VERIFY_KEY.read()
    return canonical(pem) if pem else ""


def public_half(pem: str) -> str:
    """Returns the public key of a private one. Raises StageError where the private key cannot sign."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except TypeError:
        raise StageError("SIGNING_KEY is encrypted; give it without a passphrase, as a secret of its own") from None
    except (ValueError, UnsupportedAlgorithm):
        raise StageError(f"SIGNING_KEY holds no private key in PEM; give {_NEEDED}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise StageError(f"SIGNING_KEY is not {_NEEDED}; `openssl ecparam -name prime256v1 -genkey -noout` makes one")
    return _pem(key.public_key())


def canonical(pem: str) -> str:
    """Returns a public key's only form. Raises StageError where it cannot verify."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        remedy = "`openssl ec -in signing.pem -pubout` prints it"
        raise StageError(f"VERIFY_KEY holds no public key in PEM; {remedy}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise StageError(f"VERIFY_KEY is not {_NEEDED}; give the public half of SIGNING_KEY")
    return _pem(key)


def _pem(key: ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

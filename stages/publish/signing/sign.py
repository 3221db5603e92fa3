"""The signature of a stored version: made once, kept where it fits."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.errors import StageError
from stages.publish.signing.key import public_half
from stages.publish.signing.signature import sign, verify
from stages.publish.store.manifest import Manifest, signature_key
from stages.publish.store.protocol import Store
from stages.publish.store.version_folder import lay_out


def ensure_signature(store: Store, manifest: Manifest, held: Mapping[str, Path], key_pem: str) -> bool:
    """Signs a stored version with the private key. Returns False where a signature that fits was there already.

    held: files of known content by their sha256. Raises StageError where one is there that does not fit.
    """
    key = signature_key(manifest.about["agent"], manifest.about["version"])
    with TemporaryDirectory(prefix="signing-") as passing:
        folder = Path(passing) / "model"
        lay_out(store, manifest, folder, held)
        stored = store.read(key)
        if stored is None:
            made = sign(folder, key_pem)
            store.write_if_absent(key, made)
            stored = store.read(key) or b""
            if stored == made:
                return True
        _check(folder, stored, key_pem, store.location(key))
    return False


def _check(folder: Path, signature: bytes, key_pem: str, where: str) -> None:
    try:
        verify(folder, signature, public_half(key_pem))
    except StageError as error:
        cause = "either SIGNING_KEY was replaced, or somebody changed the store"
        remedy = f"make sure which, remove {where} and run again"
        raise StageError(f"{where} does not fit: {error}; {cause}: {remedy}") from None

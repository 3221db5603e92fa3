"""The keys that sign and verify the model, before a training."""

from collections.abc import Iterator

from stages.publish.git.probe import Finding
from stages.publish.signing.key import read_signing_key


def examine() -> Iterator[Finding]:
    """Yields whether the model will be signed. Raises StageError where the keys cannot be used."""
    if read_signing_key():
        yield Finding("model key", True, "SIGNING_KEY can sign the model")
    else:
        yield Finding("model key", None, "SIGNING_KEY is not set: the model will not be signed")

"""Messages that repeat what people wrote, a server said, or a parser found odd: told without the secrets in them."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import StageError
from stages.dataset.secrets.redaction import without_secrets


@contextmanager
def telling_no_secret() -> Iterator[None]:
    """Lets a StageError pass with its text redacted."""
    try:
        yield
    except StageError as error:
        told = str(error)
        clean = without_secrets(told)
        if clean == told:
            raise
        raise StageError(clean) from None

"""What is told of secrets: where each was, and a person's, a parser's or a server's words without them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.errors import StageError
from stages.dataset.secrets.redaction import redact, without_secrets

MOST_NAMED = 20  # places of secrets that are told of one file


@dataclass(frozen=True)
class FoundIn:
    """A secret that was taken out of a file: what it was, and the line that it began in, from 1."""

    file: str
    line: int
    kind: str


def clean(file: str, text: str, found: list[FoundIn]) -> str:
    """Returns a file's text redacted, and adds what was in it to found."""
    redacted, secrets = redact(text)
    found += [FoundIn(file, secret.line, secret.kind) for secret in secrets]
    return redacted


def by_file(found: Iterable[FoundIn]) -> Iterator[str]:
    """Yields a sentence for each file that held secrets: which kinds, in which lines."""
    files: dict[str, list[FoundIn]] = defaultdict(list)
    for each in found:
        files[each.file].append(each)
    for file, secrets in files.items():
        places = [f"line {each.line}: {each.kind}" for each in secrets]
        more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
        yield f"{file}: {'; '.join(places[:MOST_NAMED])}{more}"


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

"""Where a secret stands in a text, and of what kind it is."""

from typing import NamedTuple


class Span(NamedTuple):
    """From start to end, as slices count; kind: what it is, for a person: `a GitHub token`."""

    start: int
    end: int
    kind: str

"""What a stage's decision is written with: one sentence with its numbers, no longer than an output may be."""

from shared.contract import MAX_TEXT_BYTES


def rows(count: int) -> str:
    """Returns `1 row` or `147 rows`."""
    return f"{count} {'row' if count == 1 else 'rows'}"


def apart(value: float, other: float, digits: int = 2) -> tuple[str, str]:
    """Returns both numbers with as many digits, at least `digits`, as it takes to show which one is larger."""
    for count in range(digits, 17):
        texts = f"{value:.{count}f}", f"{other:.{count}f}"
        if value == other or texts[0] != texts[1]:
            return texts
    return repr(value), repr(other)


def fitting(text: str) -> str:
    """Returns as much of text as an output may hold."""
    return text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")

"""The words by which a place around a command tells what it speaks of, and how."""

import re
import tomllib
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("patterns.toml").read_text("utf-8"))


def patterns_of(place: str) -> dict[str, re.Pattern[str]]:
    """Returns the patterns of a place by their names in patterns.toml."""
    return {name: re.compile(text.replace("\n", ""), re.IGNORECASE) for name, text in _read()[place].items()}

"""Whether two prompts say the same: equal words, or nearly so."""

import re

from rapidfuzz import fuzz

NEAR = 97.0  # of 100, by rapidfuzz.fuzz.ratio


def normalised(text: str) -> str:
    """Returns the words of a text: lower case, without punctuation and white space that tell nothing."""
    return " ".join(re.findall(r"\w+", text.lower()))


def is_near(words: str, other: str) -> bool:
    """Returns whether two normalised texts are nearly the same."""
    return fuzz.ratio(words, other, score_cutoff=NEAR) > 0

"""Words, and label values made of them, as workloads, namespaces and pods are named."""

import random
import string
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

_HERE = Path(__file__).parent
WORDS: dict[str, list[str]] = tomllib.loads((_HERE / "words.toml").read_text("utf-8"))
# The words of the dataset's label values: a real model's vocabulary knows such words too.
LABEL_WORDS_FILE = _HERE.parents[1] / "stages" / "dataset" / "rows" / "label_words.toml"
LABEL_WORDS: dict[str, list[str]] = tomllib.loads(LABEL_WORDS_FILE.read_text("utf-8"))
_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_VOWELS = "aeiou"
# w and o are words, s a suffix, h a hash, d a digit, n a number.
_SHAPES = (
    *("{w}", "{w}", "{w}-{s}", "{w}-{o}", "{w}-{o}", "{w}-{o}", "{w}-{o}-{s}", "{w}-{o}-{h}", "{w}-{o}-{d}"),
    *("{w}-{h}", "{w}-{n}", "{w}.{o}", "{w}-{o}:{d}.{n}", "{w}_{o}"),
)
_HASH = "bcdfghjklmnpqrstvwxz2456789"


def word(chance: random.Random) -> str:
    """Returns a word that nobody knows."""
    if chance.random() < 0.3:
        return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 5)))
    syllables = (
        chance.choice(_CONSONANTS) + chance.choice(_VOWELS) + chance.choice(("", "", *_CONSONANTS[:18]))
        for _ in range(chance.choice((1, 2, 2)))
    )
    return "".join(syllables)


@dataclass
class Values:
    """Draws the label values of one alert from few words, so that they resemble each other."""

    chance: random.Random
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = (
            (*WORDS["teams"], *WORDS["roles"], *WORDS["nouns"])
            if self.chance.random() < 0.4
            else (*LABEL_WORDS["teams"], *LABEL_WORDS["roles"], *LABEL_WORDS["people"])
        )
        self.words = [
            self.chance.choice(known) if self.chance.random() < 0.7 else word(self.chance)
            for _ in range(self.chance.randint(3, 6))
        ]

    def draw(self) -> str:
        chance = self.chance
        first, second = chance.choice(self.words), chance.choice(self.words)
        shape = chance.choice(_SHAPES)
        return shape.format(
            w=first,
            o=second,
            s=chance.choice(WORDS["suffixes"]) if chance.random() < 0.7 else word(chance),
            h="".join(chance.choices(_HASH, k=chance.choice((4, 5)))),
            d=chance.randrange(10),
            n=chance.randrange(100),
        )

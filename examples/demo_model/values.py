"""Words, and label values made of them, as workloads, namespaces and pods are named."""

import random
import string
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

_HERE = Path(__file__).parent
WORDS: dict[str, list[str]] = tomllib.loads((_HERE / "words.toml").read_text("utf-8"))
# The words of the dataset's label values: a real model's vocabulary knows such words too.
LABEL_WORDS_FILE = _HERE.parents[1] / "stages" / "dataset" / "rows" / "label_values" / "words.toml"
_KINDS = ("teams", "roles", "people", "software", "environments", "namespaces", "charts", "endings", "runners")
_ALL: dict[str, list[str]] = tomllib.loads(LABEL_WORDS_FILE.read_text("utf-8"))
LABEL_WORDS = [word for kind in _KINDS for word in _ALL[kind]]
_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_VOWELS = "aeiou"
# w and o are words, W one in capitals, s a suffix, h and r short and long hashes, u a UUID, d a digit, n and m numbers.
_SHAPES = (
    *("{w}", "{w}", "{w}-{s}", "{w}-{o}", "{w}-{o}", "{w}-{o}", "{w}-{o}-{s}", "{w}-{o}-{h}", "{w}-{o}-{d}"),
    *("{w}-{h}", "{w}-{n}", "{w}.{o}", "{w}-{o}:{d}.{n}", "{w}_{o}", "{w}-{o}-{r}-{h}", "{w}-{r}-{h}", "{w}-{o}-{r}"),
    *(
        "{s}-{w}-{o}-{d}",
        "{w}-{n}.{o}.example.com",
        "ip-10-{n}-{m}-{d}",
        "10.{n}.{m}.{d}:9{d}00",
        "{w}-{o}-{n}{m}{n}{m}-{h}",
    ),
    *("{s}.io/{w}/{o}:v{d}.{n}.{d}", "https://{w}.{o}.org/{s}", "{W}_{o}", "{w}-{u}"),
    *("{w}-{o}:{n}.{m}.{d}-{s}", "{s}.{o}.com/example/{w}/{o}:sha-{h}{h}", "system:{s}:{w}:{o}", "{w}.{o}@{s}.com"),
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
        known = (*WORDS["teams"], *WORDS["roles"], *WORDS["nouns"]) if self.chance.random() < 0.4 else LABEL_WORDS
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
            W=first.upper(),
            o=second,
            s=chance.choice(WORDS["suffixes"]) if chance.random() < 0.7 else word(chance),
            h="".join(chance.choices(_HASH, k=chance.choice((4, 5)))),
            r="".join(chance.choices(_HASH, k=chance.choice((8, 9, 10)))),
            u=UUID(int=chance.getrandbits(128), version=4),
            d=chance.randrange(10),
            n=chance.randrange(100),
            m=chance.randrange(100),
        )

"""Alert labels: which label a runbook's placeholder means, and realistic values for each label.

Every value belongs to one split by a keyed hash, whatever the seed or the commit, and a row draws
all its values from its own split: no label value of a test row was ever seen in training.
"""

import hashlib
import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from shared.errors import StageError
from stages.dataset.calls.placeholders import Placeholder
from stages.dataset.calls.words import RESOURCE_NAMES

SHARES = {"test": 0.15, "valid": 0.15, "train": 0.70}
_KEY = b"agent-training split 1"
_DRAWS = 10_000

_WORDS = tomllib.loads(Path(__file__).with_name("label_words.toml").read_text("utf-8"))
TEAMS: list[str] = _WORDS["teams"]
ROLES: list[str] = _WORDS["roles"]
PEOPLE: list[str] = _WORDS["people"]
_AROUND = frozenset(_WORDS["around"])
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"  # the alphabet of Kubernetes' generated names


def resolve(placeholder: Placeholder, aliases: dict[str, str]) -> str | None:
    """Returns the alert label that a placeholder stands for, None where no rule tells.

    `{{ $labels.x }}` is the label x. Any other name is looked up in aliases (tools.yaml), then among
    the labels known here, in lower case and without the words around it: `my-`, `-name`, `insert … here`.
    """
    if placeholder.is_label:
        return placeholder.name
    plain = _plain(placeholder.name)
    lowered = {_plain(name): label for name, label in aliases.items()}
    without = re.sub(r"^(?:my|your|the)_|_name$", "", plain)
    for name in (plain, without, _without_words_around(plain), re.sub(r"(?<=\w)_?name$", "", plain)):
        label = lowered.get(name) or RESOURCE_NAMES.get(name, {"ns": "namespace"}.get(name, name))
        if name in lowered or label in GENERATORS:
            return label
    return None


def _plain(name: str) -> str:
    """Returns `podName`, `Pod Name` and `pod-name` as `pod_name`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s.-]+", "_", apart.lower())


def _without_words_around(plain: str) -> str:
    return "_".join(word for word in plain.split("_") if word and word not in _AROUND)


def split_of(value: str) -> str:
    """Returns the split that a label value belongs to, by keyed hash alone.

    The label has no part in it: a name seen as a deployment in training is no new name as a service.
    """
    digest = hashlib.blake2b(value.encode(), key=_KEY, digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    for split, width in SHARES.items():
        share -= width
        if share < 0:
            return split
    return "train"


def draw(label: str, split: str, chance: random.Random) -> str:
    """Returns a realistic value of a label that belongs to split."""
    return draw_of(GENERATORS.get(label, _compound), label, split, chance)


def draw_of(generate: Callable[[random.Random], str], label: str, split: str, chance: random.Random) -> str:
    """Returns a value that generate makes and that belongs to split. Raises StageError where it makes none."""
    for _ in range(_DRAWS):
        value = generate(chance)
        if split_of(value) == split:
            return value
    raise StageError(f"the label {label} has no value that belongs to the split {split}")


def _compound(chance: random.Random) -> str:
    return f"{chance.choice(TEAMS)}-{chance.choice(ROLES)}"


def _namespace(chance: random.Random) -> str:
    return chance.choice(TEAMS) + chance.choice(["", "", "-prod", "-staging", "-dev", "-eu", "-us", "-system"])


def _pod(chance: random.Random) -> str:
    suffix = "".join(chance.choices(_SUFFIX, k=5))
    return f"{_compound(chance)}-{chance.choice([suffix, str(chance.randrange(10))])}"


def _numbered(*stems: str) -> Callable[[random.Random], str]:
    return lambda chance: f"{chance.choice(stems)}-{chance.randrange(100)}"


def _suffixed(*suffixes: str) -> Callable[[random.Random], str]:
    return lambda chance: f"{_compound(chance)}-{chance.choice(suffixes)}"


def _session(chance: random.Random) -> str:
    return f"{chance.choice(TEAMS)}-{''.join(chance.choices(_SUFFIX, k=4))}"


def _user(chance: random.Random) -> str:
    return f"{chance.choice(PEOPLE)}.{chance.choice(TEAMS)}"


def _image(chance: random.Random) -> str:
    return f"{_compound(chance)}:{chance.randrange(1, 10)}.{chance.randrange(30)}"


# A label of another name, such as one that only a rule knows, gets a compound name.
GENERATORS: dict[str, Callable[[random.Random], str]] = {
    "namespace": _namespace,
    "pod": _pod,
    "container": lambda chance: chance.choice(ROLES),
    "name": _compound,
    "node": _numbered("node", "worker", "pool-a", "pool-b", "edge"),
    "instance": _numbered("node", "worker", "host"),
    "cluster": _numbered("cluster", "site", "zone", "rack"),
    "persistentvolumeclaim": _suffixed("data", "storage", "backup"),
    "secret": _suffixed("token", "credentials", "key"),
    "certificate": _suffixed("tls", "cert"),
    "session": _session,
    "user": _user,
    "image": _image,
    "collection": _suffixed("docs", "articles", "faq"),
    "team": lambda chance: chance.choice(TEAMS),
    "clusterrolebinding": _suffixed("admin", "binding"),
}
GENERATORS |= dict.fromkeys(
    ("deployment", "statefulset", "daemonset", "replicaset", "service", "job", "cronjob", "queue"), _compound
)
